//! Operations whose times are noted for `--profile`.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Layout, Result, Shape, Tensor,
};

use crate::profile::{Pass, timed};

/// An operation of single-precision tensors, timed where it runs on the CPU.
pub struct Timed<Op>(pub Op);

type Made = Result<(CpuStorage, Shape)>;

fn forward(name: &'static str, arguments: &[&Layout], call: impl FnOnce() -> Made) -> Made {
    let size = DType::F32.size_in_bytes();
    let taken = arguments.iter().map(|layout| layout.shape().elem_count());
    let taken: usize = taken.sum();
    timed(name, Pass::Forward, call, |made| {
        let given = made.as_ref().map_or(0, |(_, shape)| shape.elem_count());
        size * (taken + given)
    })
}

fn backward<T>(
    name: &'static str,
    arguments: &[&Tensor],
    call: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let size = DType::F32.size_in_bytes();
    let taken: usize = arguments.iter().map(|tensor| tensor.elem_count()).sum();
    timed(name, Pass::Backward, call, |_| size * taken)
}

impl<Op: CustomOp1> CustomOp1 for Timed<Op> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(&self, a: &CpuStorage, a_layout: &Layout) -> Made {
        forward(self.name(), &[a_layout], || self.0.cpu_fwd(a, a_layout))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, a: &CudaStorage, a_layout: &Layout) -> Result<(CudaStorage, Shape)> {
        self.0.cuda_fwd(a, a_layout)
    }

    fn bwd(&self, a: &Tensor, result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        backward(self.name(), &[a, grad], || self.0.bwd(a, result, grad))
    }
}

impl<Op: CustomOp2> CustomOp2 for Timed<Op> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Made {
        forward(self.name(), &[a_layout, b_layout], || {
            self.0.cpu_fwd(a, a_layout, b, b_layout)
        })
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        a: &CudaStorage,
        a_layout: &Layout,
        b: &CudaStorage,
        b_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.0.cuda_fwd(a, a_layout, b, b_layout)
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        backward(self.name(), &[a, b, grad], || {
            self.0.bwd(a, b, result, grad)
        })
    }
}

impl<Op: CustomOp3> CustomOp3 for Timed<Op> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
        c: &CpuStorage,
        c_layout: &Layout,
    ) -> Made {
        forward(self.name(), &[a_layout, b_layout, c_layout], || {
            self.0.cpu_fwd(a, a_layout, b, b_layout, c, c_layout)
        })
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        a: &CudaStorage,
        a_layout: &Layout,
        b: &CudaStorage,
        b_layout: &Layout,
        c: &CudaStorage,
        c_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.0.cuda_fwd(a, a_layout, b, b_layout, c, c_layout)
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        c: &Tensor,
        result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        backward(self.name(), &[a, b, c, grad], || {
            self.0.bwd(a, b, c, result, grad)
        })
    }
}
