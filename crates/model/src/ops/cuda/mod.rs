//! The operations' kernels on NVIDIA GPUs. No kernel has two threads add to one number, and every sum has one
//! order: the same inputs on the same kind of GPU give the same bits.

pub mod attention;
pub mod chamfer;
pub mod linear;
pub mod norm;
pub mod pointwise;
pub mod segments;

use candle_core::{CudaDevice, Result};
use pipeline_device::cuda::CudaSlice;

/// Numbers that a kernel reads beside tensors.
pub fn list<T: candle_core::cuda_backend::cudarc::driver::DeviceRepr + 'static>(
    device: &CudaDevice,
    numbers: &[T],
) -> Result<CudaSlice<T>> {
    device.clone_htod(numbers)
}

/// Where segments begin, for a kernel.
pub fn starts(device: &CudaDevice, starts: &[usize]) -> Result<CudaSlice<u32>> {
    let starts: Vec<u32> = starts.iter().map(|start| *start as u32).collect();
    list(device, &starts)
}
