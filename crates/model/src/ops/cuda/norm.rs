use candle_core::backend::BackendStorage;
use candle_core::{CudaDevice, CudaStorage, Layout, Result, Tensor};

use pipeline_device::cuda::{
    CudaSlice, CudaView, ROWS, each, grid, launch, numbers, room, tensor, view, warps,
};

/// Rows and width of a layer norm's input.
fn sizes(layout: &Layout) -> (usize, usize) {
    let width = layout.dims().last().copied().unwrap_or(1).max(1);
    (layout.shape().elem_count() / width, width)
}

pub fn forward(
    [x, weight, bias]: [&CudaStorage; 3],
    [x_layout, weight_layout, bias_layout]: [&Layout; 3],
    eps: f32,
) -> Result<CudaStorage> {
    let device = x.device();
    let (rows, width) = sizes(x_layout);
    let y = room::<f32>(device, rows * width)?;
    let (x, weight, bias) = (
        view::<f32>(x, x_layout)?,
        view::<f32>(weight, weight_layout)?,
        view::<f32>(bias, bias_layout)?,
    );
    let (row_count, columns) = (rows as u32, width as u32);
    let name = "layer_norm";
    launch(
        device,
        ROWS,
        name,
        warps(rows),
        &[&x, &weight, &bias, &row_count, &columns, &eps, &y],
    )?;
    Ok(CudaStorage::wrap_cuda_slice(y, device.clone()))
}

/// Gradients of x, weight and bias.
pub fn backward(x: &Tensor, weight: &Tensor, grad_y: &Tensor, eps: f32) -> Result<[Tensor; 3]> {
    let grad_y = grad_y.contiguous()?;
    let (x_numbers, weights, grads) = (numbers(x)?, numbers(weight)?, numbers(&grad_y)?);
    let device = x_numbers.device()?;
    let (rows, width) = sizes(x.layout());
    let grad_x = room::<f32>(device, rows * width)?;
    let moments = room::<f32>(device, 2 * rows)?;
    let (x_view, grad_view) = (x_numbers.view::<f32>()?, grads.view::<f32>()?);
    let weight_view = weights.view::<f32>()?;
    let (row_count, columns) = (rows as u32, width as u32);
    launch(
        device,
        ROWS,
        "layer_norm_backward",
        warps(rows),
        &[
            &x_view,
            &weight_view,
            &grad_view,
            &row_count,
            &columns,
            &eps,
            &grad_x,
            &moments,
        ],
    )?;
    let sums = column_sums(device, &grad_view, Some((&x_view, &moments)), rows, width)?;
    let sums = tensor(device, sums, (2, width));
    Ok([
        tensor(device, grad_x, x.shape()),
        sums.get(1)?,
        sums.get(0)?,
    ])
}

/// Σ over rows of `grad` [rows, width], and of `grad` times the normalised x where `x` and its moments are
/// given: [width], or [2, width].
pub fn column_sums(
    device: &CudaDevice,
    grad: &CudaView<f32>,
    normalised: Option<(&CudaView<f32>, &CudaSlice<f32>)>,
    rows: usize,
    width: usize,
) -> Result<CudaSlice<f32>> {
    let columns = if normalised.is_some() {
        2 * width
    } else {
        width
    };
    // As many parts as keep the GPU busy; a function of the shape alone, since it orders the sums.
    let rows_of_part = rows.div_ceil(512).max(16);
    let parts = rows.div_ceil(rows_of_part).max(1);
    let partial = room::<f32>(device, parts * columns)?;
    let nothing = room::<f32>(device, 1)?;
    let nothing = nothing.slice(..);
    let (x, moments) = match normalised {
        Some((x, moments)) => (x.slice(..), moments.slice(..)),
        None => (nothing.slice(..), nothing.slice(..)),
    };
    let flag = u32::from(normalised.is_some());
    let mut config = grid(parts, 128);
    config.grid_dim.1 = width.div_ceil(128) as u32;
    launch(
        device,
        ROWS,
        "column_sums",
        config,
        &[
            grad,
            &x,
            &moments,
            &flag,
            &(rows as u32),
            &(width as u32),
            &(rows_of_part as u32),
            &partial,
        ],
    )?;
    if parts == 1 {
        return Ok(partial);
    }
    let sums = room::<f32>(device, columns)?;
    let (parts, width) = (parts as u32, columns as u32);
    launch(
        device,
        ROWS,
        "add_parts",
        each(columns),
        &[&partial, &parts, &width, &sums],
    )?;
    Ok(sums)
}
