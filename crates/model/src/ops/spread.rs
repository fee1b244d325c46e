//! The row of each segment, for every row in it.

use std::sync::Arc;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::form::has_kernels;

/// `rows` [segments, width] → [rows of all segments, width]; `segment_of` u32 [rows of all segments] is the segment
/// of each, which is the rows `starts[s]..starts[s + 1]`.
pub fn spread(rows: &Tensor, segment_of: &Tensor, starts: &Arc<[usize]>) -> Result<Tensor> {
    // On the CPU candle's own is as good.
    if rows.device().is_cpu() || !has_kernels(rows.device()) {
        return rows.index_select(segment_of, 0);
    }
    rows.contiguous()?.apply_op1(Spread {
        starts: starts.clone(),
    })
}

#[cfg_attr(not(feature = "cuda"), allow(dead_code))]
struct Spread {
    starts: Arc<[usize]>,
}

impl CustomOp1 for Spread {
    fn name(&self) -> &'static str {
        "spread"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("rows are spread by index_select on a CPU")
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, rows: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let out = super::cuda::segments::spread_forward(rows, layout, &self.starts)?;
        let (_, width) = layout.shape().dims2()?;
        let rows = self.starts.last().copied().unwrap_or(0);
        Ok((out, (rows, width).into()))
    }

    #[cfg(feature = "cuda")]
    fn bwd(&self, _rows: &Tensor, _out: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(super::cuda::segments::sum_of(grad, &self.starts)?))
    }
}
