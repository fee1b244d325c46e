//! Devices by name (`cpu`, `cuda:0`), and what a CUDA kernel of ours needs to run on tensors.

#[cfg(feature = "cuda")]
pub mod cuda;
mod named;

pub use named::{class, open};
