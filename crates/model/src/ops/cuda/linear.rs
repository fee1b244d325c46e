use candle_core::backend::BackendStorage;
use candle_core::{CudaStorage, Layout, Result, Tensor};

use super::norm::column_sums;
use pipeline_device::cuda::{ROWS, each, launch, numbers, tensor, view};

/// x Wᵀ by cuBLAS, then + b.
pub fn forward(
    [x, weight, bias]: [&CudaStorage; 3],
    [x_layout, weight_layout, bias_layout]: [&Layout; 3],
) -> Result<CudaStorage> {
    let device = x.device();
    let (rows, inputs) = x_layout.shape().dims2()?;
    let (outputs, _) = weight_layout.shape().dims2()?;
    let turned = weight_layout.transpose(0, 1)?;
    let y = x.matmul(weight, (1, rows, outputs, inputs), x_layout, &turned)?;
    let bias = view::<f32>(bias, bias_layout)?;
    let (count, width) = ((rows * outputs) as u64, outputs as u32);
    let config = each(rows * outputs);
    launch(
        device,
        ROWS,
        "add_bias",
        config,
        &[y.as_cuda_slice::<f32>()?, &bias, &count, &width],
    )?;
    Ok(y)
}

/// Gradients of x, weight and bias, each where it is asked for.
pub fn backward(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    grad_y: &Tensor,
) -> Result<[Option<Tensor>; 3]> {
    let grad_y = grad_y.contiguous()?.detach();
    let grad_x = match x.track_op() {
        true => Some(grad_y.matmul(&weight.detach())?),
        false => None,
    };
    let grad_weight = match weight.track_op() {
        true => Some(grad_y.t()?.matmul(&x.detach())?),
        false => None,
    };
    let grad_bias = match bias.track_op() {
        true => Some(bias_gradient(&grad_y)?),
        false => None,
    };
    Ok([grad_x, grad_weight, grad_bias])
}

fn bias_gradient(grad_y: &Tensor) -> Result<Tensor> {
    let (rows, width) = grad_y.dims2()?;
    let grads = numbers(grad_y)?;
    let device = grads.device()?;
    let sums = column_sums(device, &grads.view::<f32>()?, None, rows, width)?;
    Ok(tensor(device, sums, width))
}
