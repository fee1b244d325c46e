use candle_core::backend::BackendStorage;
use candle_core::{CudaStorage, Layout, Result, Tensor};

use pipeline_device::cuda::{CHAMFER, LaunchConfig, grid, launch, numbers, room, tensor, view};

/// Shared memory that every kernel may have.
const SHARED_BYTES: usize = 48 << 10;

/// As the kernel lays it out: norms, column means, nearest partners.
fn shared_bytes(starts: &[usize], width: usize) -> usize {
    let largest = starts
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .max()
        .unwrap_or(0);
    4 * (2 * largest + width) + 24 * 2 * largest
}

/// Whether the largest set fits a block's memory.
pub fn fits(starts: &[usize], width: usize) -> bool {
    shared_bytes(starts, width) <= SHARED_BYTES - 256
}

fn config(starts: &[usize], width: usize) -> LaunchConfig {
    LaunchConfig {
        shared_mem_bytes: shared_bytes(starts, width) as u32,
        ..grid(starts.len() - 1, 256)
    }
}

pub fn forward(
    [r, t]: [&CudaStorage; 2],
    [r_layout, t_layout]: [&Layout; 2],
    starts: &[usize],
) -> Result<CudaStorage> {
    let (device, (_, width)) = (r.device(), r_layout.shape().dims2()?);
    let losses = room::<f32>(device, starts.len() - 1)?;
    let (r, t) = (view::<f32>(r, r_layout)?, view::<f32>(t, t_layout)?);
    let (list, columns) = (super::starts(device, starts)?, width as u32);
    let config = config(starts, width);
    launch(
        device,
        CHAMFER,
        "chamfer",
        config,
        &[&r, &t, &list, &columns, &losses],
    )?;
    Ok(CudaStorage::wrap_cuda_slice(losses, device.clone()))
}

pub fn backward(r: &Tensor, t: &Tensor, grad: &Tensor, starts: &[usize]) -> Result<[Tensor; 2]> {
    let grad = grad.contiguous()?;
    let (r_numbers, t_numbers, grads) = (numbers(r)?, numbers(t)?, numbers(&grad)?);
    let (device, width) = (r_numbers.device()?, r.dim(1)?);
    let (grad_r, grad_t) = (
        room::<f32>(device, r.elem_count())?,
        room::<f32>(device, t.elem_count())?,
    );
    let list = super::starts(device, starts)?;
    launch(
        device,
        CHAMFER,
        "chamfer_backward",
        config(starts, width),
        &[
            &r_numbers.view::<f32>()?,
            &t_numbers.view::<f32>()?,
            &grads.view::<f32>()?,
            &list,
            &(width as u32),
            &grad_r,
            &grad_t,
        ],
    )?;
    Ok([
        tensor(device, grad_r, r.shape()),
        tensor(device, grad_t, t.shape()),
    ])
}
