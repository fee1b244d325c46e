//! Mean of the rows of each segment.

use std::sync::Arc;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::cpu::{add_rows, contiguous, read};
use super::form::has_kernels;
use super::timed::Timed;

/// `x` [rows, width]; segment s is the rows `starts[s]..starts[s + 1]`, none empty → [segments, width].
pub fn segment_mean(x: &Tensor, starts: &Arc<[usize]>) -> Result<Tensor> {
    if has_kernels(x.device()) {
        x.contiguous()?.apply_op1(Timed(SegmentMean {
            starts: starts.clone(),
        }))
    } else {
        composed(x, starts)
    }
}

fn composed(x: &Tensor, starts: &[usize]) -> Result<Tensor> {
    let means = starts
        .windows(2)
        .map(|pair| x.narrow(0, pair[0], pair[1] - pair[0])?.mean(0))
        .collect::<Result<Vec<_>>>()?;
    Tensor::stack(&means, 0)
}

struct SegmentMean {
    starts: Arc<[usize]>,
}

impl CustomOp1 for SegmentMean {
    fn name(&self) -> &'static str {
        "segment-mean"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, width) = layout.shape().dims2()?;
        let x = contiguous(x, layout)?;
        let segments = self.starts.len() - 1;
        let mut means = vec![0f32; segments * width];
        for (pair, mean) in self.starts.windows(2).zip(means.chunks_exact_mut(width)) {
            add_rows(mean, &x[pair[0] * width..pair[1] * width]);
            let count = (pair[1] - pair[0]) as f32;
            mean.iter_mut().for_each(|total| *total /= count);
        }
        Ok((CpuStorage::F32(means), (segments, width).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let y = super::cuda::segments::mean_forward(x, layout, &self.starts)?;
        let (_, width) = layout.shape().dims2()?;
        Ok((y, (self.starts.len() - 1, width).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad_y: &Tensor) -> Result<Option<Tensor>> {
        #[cfg(feature = "cuda")]
        if x.device().is_cuda() {
            let grad_x = super::cuda::segments::spread(grad_y, &self.starts, true)?;
            return Ok(Some(grad_x));
        }
        let (rows, width) = x.dims2()?;
        let grad_y = grad_y.contiguous()?;
        let grads = read(&grad_y)?;
        let mut grad_x = Vec::with_capacity(rows * width);
        for (pair, grad) in self.starts.windows(2).zip(grads.chunks_exact(width)) {
            let share = 1.0 / (pair[1] - pair[0]) as f32;
            for _ in pair[0]..pair[1] {
                grad_x.extend(grad.iter().map(|value| value * share));
            }
        }
        Ok(Some(Tensor::from_vec(grad_x, (rows, width), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    #[test]
    fn equals_the_composed_form() -> Result<()> {
        let x = numbers(1, (6, 3))?;
        let starts: Arc<[usize]> = [0, 1, 4, 6].into();
        assert_close(&segment_mean(&x, &starts)?, &composed(&x, &starts)?, 1e-6);
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        let starts: Arc<[usize]> = [0, 1, 4, 6].into();
        assert_gradients(&[numbers(1, (6, 3))?], |t| segment_mean(&t[0], &starts))
    }
}
