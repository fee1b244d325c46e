//! y = x Wᵀ + b, with the bias written before the product instead of added after it.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use candle_nn::Module;

use super::cpu::{contiguous, read};
use super::form::has_kernels;
use super::strided_product::{View, multiply, product};
use super::timed::Timed;

/// `x` [rows, inputs], `weight` [outputs, inputs], `bias` [outputs] → [rows, outputs].
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if has_kernels(x.device()) {
        x.contiguous()?
            .apply_op3(&weight.contiguous()?, &bias.contiguous()?, Timed(Linear))
    } else {
        composed(x, weight, bias)
    }
}

fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    candle_nn::Linear::new(weight.clone(), Some(bias.clone())).forward(x)
}

struct Linear;

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, inputs) = x_layout.shape().dims2()?;
        let (outputs, _) = weight_layout.shape().dims2()?;
        let x = contiguous(x, x_layout)?;
        let weight = contiguous(weight, weight_layout)?;
        let bias = contiguous(bias, bias_layout)?;
        let mut y = Vec::with_capacity(rows * outputs);
        for _ in 0..rows {
            y.extend_from_slice(bias);
        }
        multiply(
            [rows, outputs, inputs],
            (&mut y, View::rows(0, outputs)),
            (x, View::rows(0, inputs)),
            (weight, View::rows(0, inputs).transposed()),
            false,
        );
        Ok((CpuStorage::F32(y), (rows, outputs).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        weight: &CudaStorage,
        weight_layout: &Layout,
        bias: &CudaStorage,
        bias_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let layouts = [x_layout, weight_layout, bias_layout];
        let y = super::cuda::linear::forward([x, weight, bias], layouts)?;
        let (rows, _) = x_layout.shape().dims2()?;
        Ok((y, (rows, weight_layout.dims()[0]).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        grad_y: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        #[cfg(feature = "cuda")]
        if x.device().is_cuda() {
            let [x, weight, bias] = super::cuda::linear::backward(x, weight, bias, grad_y)?;
            return Ok((x, weight, bias));
        }
        let grad_y = grad_y.contiguous()?;
        let (rows, inputs) = x.dims2()?;
        let outputs = weight.dim(0)?;
        let device = x.device();
        let g = read(&grad_y)?;
        let mut grad_x = None;
        if x.track_op() {
            let weight = read(weight)?;
            let values = product(
                [rows, inputs, outputs],
                (&g, View::rows(0, outputs)),
                (&weight, View::rows(0, inputs)),
            );
            grad_x = Some(Tensor::from_vec(values, (rows, inputs), device)?);
        }
        let mut grad_weight = None;
        if weight.track_op() {
            let x = read(x)?;
            let values = product(
                [outputs, inputs, rows],
                (&g, View::rows(0, outputs).transposed()),
                (&x, View::rows(0, inputs)),
            );
            grad_weight = Some(Tensor::from_vec(values, (outputs, inputs), device)?);
        }
        let mut grad_bias = None;
        if bias.track_op() {
            let mut values = vec![0f32; outputs];
            for row in g.chunks_exact(outputs) {
                for (total, value) in values.iter_mut().zip(row) {
                    *total += value;
                }
            }
            grad_bias = Some(Tensor::from_vec(values, outputs, device)?);
        }
        Ok((grad_x, grad_weight, grad_bias))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    #[test]
    fn equals_the_composed_form() -> Result<()> {
        let (x, w, b) = (numbers(1, (7, 5))?, numbers(2, (3, 5))?, numbers(3, 3)?);
        assert_close(&linear(&x, &w, &b)?, &composed(&x, &w, &b)?, 1e-5);
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        let arguments = [numbers(1, (4, 5))?, numbers(2, (3, 5))?, numbers(3, 3)?];
        assert_gradients(&arguments, |t| linear(&t[0], &t[1], &t[2]))
    }
}
