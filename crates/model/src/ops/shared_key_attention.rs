//! Attention over rows that are keys and values of every head at once: both projections are the query's.
//!
//! A head's score of query q and row x is q · (W x) = (Wᵀ q) · x, and its output Σ a (V x) = V Σ a x. Where queries are
//! fewer than the rows that they look at, that is the same number for less work.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::attention::attend;
use super::attention_kernel::{self, Rows};
use super::attention_pattern::Attention;
use super::cpu::{contiguous, read};
use super::form::has_cpu_kernels;
use super::timed::Timed;

/// softmax(`scale` · q xᵀ) x per segment and head.
///
/// `q` [query rows, heads · width], `x` [key rows, width] → [Σ queries, heads · width], segment after segment.
pub fn attend_to_shared_keys(q: &Tensor, x: &Tensor, attention: &Attention) -> Result<Tensor> {
    if has_cpu_kernels(q.device()) {
        let op = Timed(SharedKeys(attention.clone()));
        q.contiguous()?.apply_op2(&x.contiguous()?, op)
    } else {
        composed(q, x, attention)
    }
}

/// As heads of their own over keys and values that are repeated for each.
fn composed(q: &Tensor, x: &Tensor, attention: &Attention) -> Result<Tensor> {
    let repeated = Tensor::cat(&vec![x; 2 * attention.heads], 1)?;
    attend(q, &repeated, attention)
}

struct SharedKeys(Attention);

impl CustomOp2 for SharedKeys {
    fn name(&self) -> &'static str {
        "shared-key-attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        q_layout: &Layout,
        x: &CpuStorage,
        x_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, width) = x_layout.shape().dims2()?;
        let numbers = Rows::of_shared_keys(width, self.0.heads);
        let (q, x) = (contiguous(q, q_layout)?, contiguous(x, x_layout)?);
        let output = attention_kernel::forward(&self.0, numbers, q, x, &[]);
        let shape = (self.0.output_rows(), self.0.heads * width);
        Ok((CpuStorage::F32(output), shape.into()))
    }

    fn bwd(
        &self,
        q: &Tensor,
        x: &Tensor,
        _output: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        let numbers = Rows::of_shared_keys(x.dim(1)?, self.0.heads);
        let (queries, keys, grads) = (read(q)?, read(x)?, read(&grad)?);
        let (grad_q, grad_x, _) =
            attention_kernel::backward(&self.0, numbers, &queries, &keys, &[], &grads);
        let device = q.device();
        Ok((
            Some(Tensor::from_vec(grad_q, q.shape(), device)?),
            Some(Tensor::from_vec(grad_x, x.shape(), device)?),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::gradient_check::{assert_close, assert_gradients, numbers};
    use super::*;

    #[test]
    fn equals_the_composed_form() -> Result<()> {
        let (q, x) = (numbers(1, (6, 2 * 5))?, numbers(2, (12, 5))?);
        let attention = Attention::to_own_keys(&[0, 1, 4, 6], 4, 2, 0.5);
        let ours = attend_to_shared_keys(&q, &x, &attention)?;
        assert_close(&ours, &composed(&q, &x, &attention)?, 1e-6);
        Ok(())
    }

    #[test]
    fn gradients_equal_finite_differences() -> Result<()> {
        let arguments = [numbers(1, (6, 4 * 3))?, numbers(2, (6, 3))?];
        let attention = Attention::to_own_keys(&[0, 1, 4, 6], 2, 4, 0.5);
        assert_gradients(&arguments, |t: &[Tensor]| {
            attend_to_shared_keys(&t[0], &t[1], &attention)
        })
    }
}
