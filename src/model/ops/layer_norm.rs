//! LayerNorm (Ba et al. 2016) over the last dimension: candle's fused one has no backward.

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Shape, Tensor};

use super::cpu::{contiguous, read, sum};

/// (x − mean) / √(variance + `eps`) · `weight` + `bias`, per row of `x` [rows, width]; population variance.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Tensor> {
    if x.device().is_cpu() {
        x.contiguous()?.apply_op3(
            &weight.contiguous()?,
            &bias.contiguous()?,
            LayerNorm { eps },
        )
    } else {
        composed(x, weight, bias, eps)
    }
}

fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f32) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
    let normal = centred.broadcast_div(&(variance + f64::from(eps))?.sqrt()?)?;
    normal.broadcast_mul(weight)?.broadcast_add(bias)
}

struct LayerNorm {
    eps: f32,
}

impl LayerNorm {
    /// Mean and 1/√(variance + eps) of a row.
    #[inline(always)]
    fn moments(&self, row: &[f32]) -> (f32, f32) {
        let width = row.len() as f32;
        let mean = sum(row) / width;
        let mut squares = [0f32; 16];
        let chunks = row.chunks_exact(16);
        let mut rest = 0f32;
        for value in chunks.remainder() {
            rest += (value - mean) * (value - mean);
        }
        for chunk in chunks {
            for (square, value) in squares.iter_mut().zip(chunk) {
                *square += (value - mean) * (value - mean);
            }
        }
        let variance = (sum(&squares) + rest) / width;
        (mean, 1.0 / (variance + self.eps).sqrt())
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
        let width = weight.len();
        let mut y = vec![0f32; x.len()];
        for (row, out) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let (mean, scale) = self.moments(row);
            for (((o, v), w), b) in out.iter_mut().zip(row).zip(weight).zip(bias) {
                *o = (v - mean) * scale * w + b;
            }
        }
        Ok((CpuStorage::F32(y), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _bias: &Tensor,
        _y: &Tensor,
        grad_y: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad_y = grad_y.contiguous()?;
        let (values, scales, grads) = (read(x)?, read(weight)?, read(&grad_y)?);
        let width = scales.len();
        let mut grad_x = vec![0f32; values.len()];
        let mut grad_weight = vec![0f32; width];
        let mut grad_bias = vec![0f32; width];
        let mut normal = vec![0f32; width];
        let mut scaled = vec![0f32; width];
        let rows = values.chunks_exact(width).zip(grads.chunks_exact(width));
        for ((row, grad), out) in rows.zip(grad_x.chunks_exact_mut(width)) {
            let (mean, scale) = self.moments(row);
            for i in 0..width {
                normal[i] = (row[i] - mean) * scale;
                scaled[i] = grad[i] * scales[i];
                grad_weight[i] += grad[i] * normal[i];
                grad_bias[i] += grad[i];
            }
            let mean_scaled = sum(&scaled) / width as f32;
            let mean_projected = super::cpu::dot(&scaled, &normal) / width as f32;
            for i in 0..width {
                out[i] = scale * (scaled[i] - mean_scaled - normal[i] * mean_projected);
            }
        }
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
