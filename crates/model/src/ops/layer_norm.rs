//! LayerNorm (Ba et al. 2016) over the last dimension: candle's fused one has no backward.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};

use super::cpu::{add_scaled, contiguous, dot, read, squares_about, sum, vectorized};
use super::form::has_kernels;
use super::timed::Timed;

/// torch's default eps.
pub const EPS_OF_LAYERS: f32 = 1e-5;

/// (x − mean) / √(variance + `eps`) · `weight` + `bias`, per row of `x` [rows, width]; population variance.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Tensor> {
    if has_kernels(x.device()) {
        x.contiguous()?.apply_op3(
            &weight.contiguous()?,
            &bias.contiguous()?,
            Timed(LayerNorm { eps }),
        )
    } else {
        composed(x, weight, bias, eps)
    }
}

fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Tensor> {
    candle_nn::ops::layer_norm_slow(x, weight, bias, eps)
}

struct LayerNorm {
    eps: f32,
}

/// Mean and 1/√(variance + eps) of a row.
#[inline(always)]
fn moments(row: &[f32], eps: f32) -> (f32, f32) {
    let width = row.len() as f32;
    let mean = sum(row) / width;
    let variance = squares_about(row, mean) / width;
    (mean, 1.0 / (variance + eps).sqrt())
}

vectorized! {
    /// As [`layer_norm`], of `x` [rows, width] into `y` of the same shape.
    pub(super) fn normalise(x: &[f32], weight: &[f32], bias: &[f32], eps: f32, y: &mut [f32]) -> () {
        let width = weight.len();
        for (row, out) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let (mean, scale) = moments(row, eps);
            for (((o, v), w), b) in out.iter_mut().zip(row).zip(weight).zip(bias) {
                *o = (v - mean) * scale * w + b;
            }
        }
    }
}

vectorized! {
    /// The gradient of `x` into `grad_x`; those of weight and bias are added to `sums`.
    pub(super) fn add_gradients(
        x: &[f32],
        weight: &[f32],
        grad_y: &[f32],
        eps: f32,
        grad_x: &mut [f32],
        sums: (&mut [f32], &mut [f32]),
    ) -> () {
        let width = weight.len();
        let (grad_weight, grad_bias) = sums;
        let (mut normal, mut scaled) = (vec![0f32; width], vec![0f32; width]);
        let rows = x.chunks_exact(width).zip(grad_y.chunks_exact(width));
        for ((row, grad), out) in rows.zip(grad_x.chunks_exact_mut(width)) {
            let (mean, scale) = moments(row, eps);
            for (n, v) in normal.iter_mut().zip(row) {
                *n = (v - mean) * scale;
            }
            for ((s, g), w) in scaled.iter_mut().zip(grad).zip(weight) {
                *s = g * w;
            }
            for ((total, g), n) in grad_weight.iter_mut().zip(grad).zip(&normal) {
                *total += g * n;
            }
            add_scaled(grad_bias, 1.0, grad);
            let mean_scaled = sum(&scaled) / width as f32;
            let mean_projected = dot(&scaled, &normal) / width as f32;
            for ((o, s), n) in out.iter_mut().zip(&scaled).zip(&normal) {
                *o = scale * (s - mean_scaled - n * mean_projected);
            }
        }
    }
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer-norm"
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
        let x = contiguous(x, x_layout)?;
        let weight = contiguous(weight, weight_layout)?;
        let bias = contiguous(bias, bias_layout)?;
        let mut y = vec![0f32; x.len()];
        normalise(x, weight, bias, self.eps, &mut y);
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
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
        let y = super::cuda::norm::forward([x, weight, bias], layouts, self.eps)?;
        Ok((y, x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        grad_y: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        #[cfg(feature = "cuda")]
        if x.device().is_cuda() {
            let gradients = super::cuda::norm::backward(x, weight, grad_y, self.eps)?;
            let [x, weight, bias] = gradients.map(Some);
            return Ok((x, weight, bias));
        }
        let grad_y = grad_y.contiguous()?;
        let width = weight.elem_count();
        let mut grad_x = vec![0f32; x.elem_count()];
        let (mut grad_weight, mut grad_bias) = (vec![0f32; width], vec![0f32; width]);
        let sums = (&mut grad_weight[..], &mut grad_bias[..]);
        add_gradients(
            &read(x)?,
            &read(weight)?,
            &read(&grad_y)?,
            self.eps,
            &mut grad_x,
            sums,
        );
        let device = x.device();
        Ok((
            Some(Tensor::from_vec(grad_x, x.shape(), device)?),
            Some(Tensor::from_vec(grad_weight, width, device)?),
            Some(Tensor::from_vec(grad_bias, width, device)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    #[test]
    fn equals_the_composed_form() -> Result<()> {
        for width in [3, 16, 37] {
            let (x, w, b) = (
                numbers(1, (4, width))?,
                numbers(2, width)?,
                numbers(3, width)?,
            );
            assert_close(
                &layer_norm(&x, &w, &b, 1e-5)?,
                &composed(&x, &w, &b, 1e-5)?,
                1e-5,
            );
        }
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        let arguments = [numbers(1, (3, 20))?, numbers(2, 20)?, numbers(3, 20)?];
        assert_gradients(&arguments, |t| layer_norm(&t[0], &t[1], &t[2], 1e-5))
    }
}
