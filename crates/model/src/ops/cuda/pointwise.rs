use candle_core::{CudaStorage, Layout, Result, Shape, Tensor};

use candle_core::backend::BackendStorage;
use pipeline_device::cuda::{POINTWISE, each, launch, numbers, room, tensor, view};

/// y = f(x) by the kernel `name`, number by number.
pub fn forward(name: &str, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
    let (device, count) = (x.device(), layout.shape().elem_count());
    let y = room::<f32>(device, count)?;
    let numbers = view::<f32>(x, layout)?;
    launch(
        device,
        POINTWISE,
        name,
        each(count),
        &[&numbers, &(count as u64), &y],
    )?;
    let y = CudaStorage::wrap_cuda_slice(y, device.clone());
    Ok((y, layout.shape().clone()))
}

/// The gradient of x by the kernel `name`, of `own` (x or y, as the kernel asks) and y's gradient.
pub fn backward(name: &str, own: &Tensor, grad_y: &Tensor) -> Result<Tensor> {
    let grad_y = grad_y.contiguous()?;
    let (own_numbers, grads) = (numbers(own)?, numbers(&grad_y)?);
    let (device, count) = (own_numbers.device()?, own.elem_count());
    let grad_x = room::<f32>(device, count)?;
    let (own_view, grad_view) = (own_numbers.view::<f32>()?, grads.view::<f32>()?);
    let arguments: [&dyn pipeline_device::cuda::Argument; 4] =
        [&own_view, &grad_view, &(count as u64), &grad_x];
    launch(device, POINTWISE, name, each(count), &arguments)?;
    Ok(tensor(device, grad_x, own.shape()))
}

/// x with a share `rate` of its numbers zeroed and the others scaled by 1/(1 − rate): which is a hash of `seed`.
pub fn dropout(x: &CudaStorage, layout: &Layout, seed: u64, rate: f32) -> Result<CudaStorage> {
    let (device, count) = (x.device(), layout.shape().elem_count());
    let y = room::<f32>(device, count)?;
    let numbers = view::<f32>(x, layout)?;
    let arguments: [&dyn pipeline_device::cuda::Argument; 5] =
        [&numbers, &(count as u64), &seed, &rate, &y];
    launch(device, POINTWISE, "dropout", each(count), &arguments)?;
    Ok(CudaStorage::wrap_cuda_slice(y, device.clone()))
}

/// N(0, `scale`²) [rows, width]; each row is a function of its seed.
pub fn normals(
    device: &candle_core::CudaDevice,
    seeds: &[u64],
    width: usize,
    scale: f32,
) -> Result<Tensor> {
    let rows = seeds.len();
    let out = room::<f32>(device, rows * width)?;
    let seeds = super::list(device, seeds)?;
    let count = rows * width.div_ceil(2);
    let arguments: [&dyn pipeline_device::cuda::Argument; 5] =
        [&seeds, &(rows as u32), &(width as u32), &scale, &out];
    launch(device, POINTWISE, "normals", each(count), &arguments)?;
    Ok(tensor(device, out, (rows, width)))
}
