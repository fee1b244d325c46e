use candle_core::backend::BackendStorage;
use candle_core::{CudaStorage, DType, Layout, Result, Tensor};

use super::norm::column_sums;
use crate::precision::Precision;
use pipeline_device::cuda::{ROWS, each, launch, numbers, tensor, view};
use pipeline_device::cuda_product::{self, Factor};

/// x Wᵀ by cuBLAS, then + b.
pub fn forward(
    precision: Precision,
    [x, weight, bias]: [&CudaStorage; 3],
    [x_layout, weight_layout, bias_layout]: [&Layout; 3],
) -> Result<CudaStorage> {
    let device = x.device();
    let (rows, inputs) = x_layout.shape().dims2()?;
    let (outputs, _) = weight_layout.shape().dims2()?;
    let y = match precision {
        Precision::F32 => {
            let turned = weight_layout.transpose(0, 1)?;
            x.matmul(weight, (1, rows, outputs, inputs), x_layout, &turned)?
        }
        Precision::Tf32 => {
            let (x, weight) = (view::<f32>(x, x_layout)?, view(weight, weight_layout)?);
            let sizes = [rows, outputs, inputs];
            let y = cuda_product::in_tf32(device, sizes, Factor::of(&x), Factor::turned(&weight))?;
            CudaStorage::wrap_cuda_slice(y, device.clone())
        }
        Precision::Bf16 => {
            let x = x.to_dtype(x_layout, DType::BF16)?;
            let weight = weight.to_dtype(weight_layout, DType::BF16)?;
            let x_layout = Layout::contiguous(x_layout.shape());
            let weight_layout = Layout::contiguous(weight_layout.shape());
            let (x, weight) = (view(&x, &x_layout)?, view(&weight, &weight_layout)?);
            let sizes = [rows, outputs, inputs];
            let y = cuda_product::in_bf16(device, sizes, Factor::of(&x), Factor::turned(&weight))?;
            CudaStorage::wrap_cuda_slice(y, device.clone())
        }
    };
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
    precision: Precision,
    [x, weight, bias]: [&Tensor; 3],
    grad_y: &Tensor,
) -> Result<[Option<Tensor>; 3]> {
    let grad_y = grad_y.contiguous()?.detach();
    let of = |tensor: &Tensor| match precision {
        Precision::Bf16 => tensor.detach().to_dtype(DType::BF16),
        Precision::F32 | Precision::Tf32 => Ok(tensor.detach()),
    };
    let factor = of(&grad_y)?;
    let grad_x = match x.track_op() {
        true => Some(product(precision, (&factor, false), &of(weight)?)?),
        false => None,
    };
    let grad_weight = match weight.track_op() {
        true => Some(product(precision, (&factor, true), &of(x)?)?),
        false => None,
    };
    let grad_bias = match bias.track_op() {
        true => Some(bias_gradient(&grad_y)?),
        false => None,
    };
    Ok([grad_x, grad_weight, grad_bias])
}

/// `a` times `b`, where `turned` `a`'s transpose, in single precision; both are of the type that `precision` has.
fn product(precision: Precision, (a, turned): (&Tensor, bool), b: &Tensor) -> Result<Tensor> {
    let turned_a = match turned {
        true => a.t()?,
        false => a.clone(),
    };
    if precision == Precision::F32 {
        return turned_a.matmul(b);
    }
    let ((rows, inner), (_, columns)) = (turned_a.dims2()?, b.dims2()?);
    let sizes = [rows, columns, inner];
    let (a, b) = (numbers(a)?, numbers(b)?);
    let device = a.device()?;
    let product = match precision {
        Precision::Bf16 => {
            let (a, b) = (a.view()?, b.view()?);
            cuda_product::in_bf16(
                device,
                sizes,
                Factor {
                    numbers: &a,
                    turned,
                },
                Factor::of(&b),
            )
        }
        Precision::F32 | Precision::Tf32 => {
            let (a, b) = (a.view()?, b.view()?);
            cuda_product::in_tf32(
                device,
                sizes,
                Factor {
                    numbers: &a,
                    turned,
                },
                Factor::of(&b),
            )
        }
    };
    Ok(tensor(device, product?, (rows, columns)))
}

fn bias_gradient(grad_y: &Tensor) -> Result<Tensor> {
    let (rows, width) = grad_y.dims2()?;
    let grads = numbers(grad_y)?;
    let device = grads.device()?;
    let sums = column_sums(device, &grads.view::<f32>()?, None, rows, width)?;
    Ok(tensor(device, sums, width))
}
