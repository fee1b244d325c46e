//! Rows of a table by their numbers, with a gradient that a GPU sums in one order.

#[cfg(feature = "cuda")]
use std::sync::Arc;

#[cfg(feature = "cuda")]
use candle_core::{CpuStorage, CudaStorage, CustomOp1, Layout, Shape, bail};
use candle_core::{Device, Result, Tensor};

#[cfg(feature = "cuda")]
use super::cuda::segments::Taken;

/// Which rows of a table are taken, in order.
#[derive(Clone, Debug)]
pub struct RowIndex {
    /// Their numbers, u32 [rows].
    pub rows: Tensor,
    #[cfg(feature = "cuda")]
    taken: Option<Arc<Taken>>,
}

impl RowIndex {
    /// The rows of these numbers.
    pub fn new(rows: Vec<u32>, device: &Device) -> Result<Self> {
        let count = rows.len();
        Ok(Self {
            #[cfg(feature = "cuda")]
            taken: match device {
                Device::Cuda(cuda) => Some(Taken::new(cuda, &rows)?),
                _ => None,
            },
            rows: Tensor::from_vec(rows, count, device)?,
        })
    }

    /// `table` [table rows, width] → [rows, width].
    pub fn of(&self, table: &Tensor) -> Result<Tensor> {
        #[cfg(feature = "cuda")]
        if let Some(taken) = &self.taken
            && super::form::has_kernels(table.device())
        {
            let op = TakeRows {
                rows: self.rows.clone(),
                taken: taken.clone(),
            };
            return table.contiguous()?.apply_op1(op);
        }
        table.index_select(&self.rows, 0)
    }
}

#[cfg(feature = "cuda")]
struct TakeRows {
    rows: Tensor,
    taken: Arc<Taken>,
}

#[cfg(feature = "cuda")]
impl CustomOp1 for TakeRows {
    fn name(&self) -> &'static str {
        "take-rows"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        bail!("rows are taken by index_select on a CPU")
    }

    fn cuda_fwd(&self, table: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        use candle_core::Storage;
        use candle_core::backend::BackendStorage;
        let (ids, ids_layout) = self.rows.storage_and_layout();
        let Storage::Cuda(ids) = &*ids else {
            bail!("the rows' numbers lie elsewhere than the table")
        };
        let out = table.index_select(ids, layout, ids_layout, 0)?;
        let (_, width) = layout.shape().dims2()?;
        Ok((out, (self.rows.elem_count(), width).into()))
    }

    fn bwd(&self, table: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.taken.gradient(grad, table.dim(0)?)?))
    }
}
