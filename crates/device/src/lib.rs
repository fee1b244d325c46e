//! Devices by name (`cpu`, `cuda:0`), and what a CUDA kernel of ours needs to run on tensors.

#[cfg(feature = "cuda")]
pub mod cuda;
#[cfg(all(feature = "cuda", target_arch = "x86_64", target_os = "linux"))]
mod cuda_libraries;
#[cfg(feature = "cuda")]
pub mod cuda_product;
mod named;

pub use named::{class, open};
