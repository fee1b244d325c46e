//! Maximum of the rows of each segment, column by column.

use std::sync::Arc;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use super::cpu::{contiguous, read};
use super::form::has_kernels;
use super::timed::Timed;

/// `x` [rows, width]; segment s is the rows `starts[s]..starts[s + 1]`, none empty → [segments, width].
///
/// Of several largest the first has the whole gradient, as with torch's `max(dim)`; candle's own
/// `max` gives it to each of them.
pub fn segment_max(x: &Tensor, starts: &Arc<[usize]>) -> Result<Tensor> {
    if has_kernels(x.device()) {
        x.contiguous()?.apply_op1(Timed(SegmentMax {
            starts: starts.clone(),
        }))
    } else {
        composed(x, starts)
    }
}

fn composed(x: &Tensor, starts: &[usize]) -> Result<Tensor> {
    let largest = starts
        .windows(2)
        .map(|pair| {
            let rows = x.narrow(0, pair[0], pair[1] - pair[0])?.contiguous()?;
            rows.gather(&rows.argmax_keepdim(0)?, 0)?.squeeze(0)
        })
        .collect::<Result<Vec<_>>>()?;
    Tensor::stack(&largest, 0)
}

struct SegmentMax {
    starts: Arc<[usize]>,
}

impl SegmentMax {
    /// The row of the largest number of every segment and column, [segments, width].
    fn rows(&self, x: &[f32], width: usize) -> Vec<usize> {
        let mut rows = Vec::with_capacity((self.starts.len() - 1) * width);
        for pair in self.starts.windows(2) {
            let first = rows.len();
            rows.resize(first + width, pair[0]);
            for row in pair[0] + 1..pair[1] {
                for (column, best) in rows[first..].iter_mut().enumerate() {
                    if x[row * width + column] > x[*best * width + column] {
                        *best = row;
                    }
                }
            }
        }
        rows
    }
}

impl CustomOp1 for SegmentMax {
    fn name(&self) -> &'static str {
        "segment-max"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, width) = layout.shape().dims2()?;
        let x = contiguous(x, layout)?;
        let rows = self.rows(x, width).into_iter().enumerate();
        let largest = rows
            .map(|(place, row)| x[row * width + place % width])
            .collect();
        let shape = (self.starts.len() - 1, width).into();
        Ok((CpuStorage::F32(largest), shape))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let y = super::cuda::segments::max_forward(x, layout, &self.starts)?;
        let (_, width) = layout.shape().dims2()?;
        Ok((y, (self.starts.len() - 1, width).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, grad_y: &Tensor) -> Result<Option<Tensor>> {
        #[cfg(feature = "cuda")]
        if x.device().is_cuda() {
            let grad_x = super::cuda::segments::max_backward(x, grad_y, &self.starts)?;
            return Ok(Some(grad_x));
        }
        let (count, width) = x.dims2()?;
        let grad_y = grad_y.contiguous()?;
        let mut grad_x = vec![0f32; count * width];
        let rows = self.rows(&read(x)?, width).into_iter();
        for ((place, row), grad) in rows.enumerate().zip(read(&grad_y)?.iter()) {
            grad_x[row * width + place % width] = *grad;
        }
        Ok(Some(Tensor::from_vec(grad_x, (count, width), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    fn starts() -> Arc<[usize]> {
        [0, 1, 4, 6].into()
    }

    #[test]
    fn equals_the_composed_form() -> Result<()> {
        let x = numbers(1, (6, 3))?;
        assert_close(
            &segment_max(&x, &starts())?,
            &composed(&x, &starts())?,
            1e-6,
        );
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        assert_gradients(&[numbers(1, (6, 3))?], |t| segment_max(&t[0], &starts()))?;
        assert_gradients(&[numbers(1, (6, 3))?], |t| composed(&t[0], &starts()))
    }

    #[test]
    fn of_equal_numbers_the_first_has_the_gradient() -> Result<()> {
        let x = Var::new(&[[1f32], [2.0], [2.0]], &Device::Cpu)?;
        let gradients = segment_max(x.as_tensor(), &[0, 3].into())?.backward()?;
        let gradient = gradients.get(&x).map(|g| g.to_vec2::<f32>()).transpose()?;
        assert_eq!(gradient, Some(vec![vec![0.0], vec![1.0], vec![0.0]]));
        Ok(())
    }
}
