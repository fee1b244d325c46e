//! Dropout on a GPU, whose mask is a hash of (seed, place), so that the backward pass can draw it again.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::timed::Timed;

/// Zeroes a share `rate` of `x`, which lies on a GPU, and scales the rest by 1/(1 − rate).
pub fn dropout(x: &Tensor, seed: u64, rate: f32) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Timed(Dropout { seed, rate }))
}

#[cfg_attr(not(feature = "cuda"), allow(dead_code))]
struct Dropout {
    seed: u64,
    rate: f32,
}

impl CustomOp1 for Dropout {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("on a CPU dropout multiplies by a mask of its own")
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let y = super::cuda::pointwise::dropout(x, layout, self.seed, self.rate)?;
        Ok((y, layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        dropout(&grad.detach(), self.seed, self.rate).map(Some)
    }
}
