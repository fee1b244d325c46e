use std::sync::Arc;

use candle_core::backend::BackendStorage;
use candle_core::{CudaDevice, CudaStorage, Layout, Result, Tensor};

use pipeline_device::cuda::{
    Argument, CudaSlice, CudaView, ROWS, grid, launch, numbers, room, tensor, view,
};

fn threads(width: usize) -> u32 {
    (width.next_multiple_of(32)).clamp(32, 256) as u32
}

/// Σ of the rows of each segment, or their mean: [segments, width].
pub fn sum(
    device: &CudaDevice,
    x: &CudaView<f32>,
    width: usize,
    starts: &[usize],
    mean: bool,
) -> Result<CudaSlice<f32>> {
    let nothing = room::<u32>(device, 1)?;
    let list = super::starts(device, starts)?;
    let segments = starts.len() - 1;
    sum_ordered(device, x, width, (&nothing, false), (&list, segments), mean)
}

fn sum_ordered(
    device: &CudaDevice,
    x: &dyn Argument,
    width: usize,
    (order, ordered): (&CudaSlice<u32>, bool),
    (starts, segments): (&CudaSlice<u32>, usize),
    mean: bool,
) -> Result<CudaSlice<f32>> {
    let out = room::<f32>(device, segments * width)?;
    if segments > 0 {
        let flags = [u32::from(ordered), u32::from(mean)];
        launch(
            device,
            ROWS,
            "segment_sum",
            grid(segments, threads(width)),
            &[
                x,
                order,
                &flags[0],
                starts,
                &(width as u32),
                &flags[1],
                &out,
            ],
        )?;
    }
    Ok(out)
}

pub fn mean_forward(x: &CudaStorage, layout: &Layout, starts: &[usize]) -> Result<CudaStorage> {
    let (_, width) = layout.shape().dims2()?;
    let means = sum(x.device(), &view::<f32>(x, layout)?, width, starts, true)?;
    Ok(CudaStorage::wrap_cuda_slice(means, x.device().clone()))
}

/// Every row of a segment gets the segment's row of `grad` [segments, width], over the number of rows if `mean`.
pub fn spread(grad: &Tensor, starts: &[usize], mean: bool) -> Result<Tensor> {
    let grad = grad.contiguous()?;
    let held = numbers(&grad)?;
    let out = spread_view(
        held.device()?,
        &held.view::<f32>()?,
        grad.dim(1)?,
        starts,
        mean,
    )?;
    let rows = starts.last().copied().unwrap_or(0);
    Ok(tensor(held.device()?, out, (rows, grad.dim(1)?)))
}

pub fn spread_forward(
    rows: &CudaStorage,
    layout: &Layout,
    starts: &[usize],
) -> Result<CudaStorage> {
    let (_, width) = layout.shape().dims2()?;
    let out = spread_view(
        rows.device(),
        &view::<f32>(rows, layout)?,
        width,
        starts,
        false,
    )?;
    Ok(CudaStorage::wrap_cuda_slice(out, rows.device().clone()))
}

fn spread_view(
    device: &CudaDevice,
    rows: &CudaView<f32>,
    width: usize,
    starts: &[usize],
    mean: bool,
) -> Result<CudaSlice<f32>> {
    let out = room::<f32>(device, starts.last().copied().unwrap_or(0) * width)?;
    let list = super::starts(device, starts)?;
    let config = grid(starts.len() - 1, threads(width));
    let flag = u32::from(mean);
    launch(
        device,
        ROWS,
        "segment_spread",
        config,
        &[rows, &list, &(width as u32), &flag, &out],
    )?;
    Ok(out)
}

/// Σ of the rows of each segment of `grad` [rows, width].
pub fn sum_of(grad: &Tensor, starts: &[usize]) -> Result<Tensor> {
    let grad = grad.contiguous()?;
    let held = numbers(&grad)?;
    let (device, width) = (held.device()?, grad.dim(1)?);
    let sums = sum(device, &held.view::<f32>()?, width, starts, false)?;
    Ok(tensor(device, sums, (starts.len() - 1, width)))
}

pub fn max_forward(x: &CudaStorage, layout: &Layout, starts: &[usize]) -> Result<CudaStorage> {
    let (device, (_, width)) = (x.device(), layout.shape().dims2()?);
    let segments = starts.len() - 1;
    let out = room::<f32>(device, segments * width)?;
    let (x, list) = (view::<f32>(x, layout)?, super::starts(device, starts)?);
    let config = grid(segments, threads(width));
    launch(
        device,
        ROWS,
        "segment_max",
        config,
        &[&x, &list, &(width as u32), &out],
    )?;
    Ok(CudaStorage::wrap_cuda_slice(out, device.clone()))
}

pub fn max_backward(x: &Tensor, grad: &Tensor, starts: &[usize]) -> Result<Tensor> {
    let grad = grad.contiguous()?;
    let (x_numbers, grads) = (numbers(x)?, numbers(&grad)?);
    let (device, width) = (x_numbers.device()?, x.dim(1)?);
    let grad_x = room::<f32>(device, x.elem_count())?;
    let list = super::starts(device, starts)?;
    let (x_view, grad_view) = (x_numbers.view::<f32>()?, grads.view::<f32>()?);
    launch(
        device,
        ROWS,
        "segment_max_backward",
        grid(starts.len() - 1, threads(width)),
        &[&x_view, &grad_view, &list, &(width as u32), &grad_x],
    )?;
    Ok(tensor(device, grad_x, x.shape()))
}

/// Rows by what they were taken from, in parts of at most [`Taken::PART`] rows: how a gradient is summed.
#[derive(Debug)]
pub struct Taken {
    order: CudaSlice<u32>,
    parts: CudaSlice<u32>,
    part_count: usize,
    parts_of_row: CudaSlice<u32>,
    rows: usize,
}

impl Taken {
    const PART: usize = 64;

    /// Of rows `index` of a table.
    pub fn new(device: &CudaDevice, index: &[u32]) -> Result<Arc<Self>> {
        let mut order: Vec<u32> = (0..index.len() as u32).collect();
        order.sort_by_key(|place| index[*place as usize]);
        let rows = index.iter().max().map_or(0, |last| *last as usize + 1);
        let (mut parts, mut parts_of_row) = (vec![0u32], vec![0u32]);
        let mut at = 0;
        for row in 0..rows as u32 {
            let end = at + order[at..].partition_point(|place| index[*place as usize] == row);
            while at < end {
                at = end.min(at + Self::PART);
                parts.push(at as u32);
            }
            parts_of_row.push(parts.len() as u32 - 1);
        }
        Ok(Arc::new(Self {
            order: super::list(device, &order)?,
            part_count: parts.len() - 1,
            parts: super::list(device, &parts)?,
            parts_of_row: super::list(device, &parts_of_row)?,
            rows,
        }))
    }

    /// The gradient of the table [table rows, width] from that of the rows taken.
    pub fn gradient(&self, grad: &Tensor, table_rows: usize) -> Result<Tensor> {
        let grad = grad.contiguous()?;
        let held = numbers(&grad)?;
        let (device, width) = (held.device()?, grad.dim(1)?);
        let parts = (&self.parts, self.part_count);
        let grads = held.view::<f32>()?;
        let partial = sum_ordered(device, &grads, width, (&self.order, true), parts, false)?;
        let of_row = (&self.parts_of_row, self.rows);
        let sums = sum_ordered(device, &partial, width, (&self.order, false), of_row, false)?;
        let sums = tensor(device, sums, (self.rows, width));
        sums.pad_with_zeros(0, 0, table_rows - self.rows)
    }
}
