//! Tensor operations with a backward pass that candle lacks or does slowly on a CPU.
//!
//! Each has a CPU kernel and, for any other device, a form composed of candle's own
//! operations; tests hold the two against each other.

mod attention;
mod attention_kernel;
mod attention_pattern;
mod chamfer;
mod cpu;
mod decayed_attention;
mod decayed_attention_kernel;
mod gelu;
mod grouped_linear;
mod layer_norm;
mod linear;
mod segment_max;
mod segment_mean;
mod sigmoid;
mod strided_product;

#[cfg(test)]
pub(crate) mod gradient_check;

pub use attention::{attend, attend_biased};
pub use attention_pattern::{Attention, AttentionDropout, Segment};
pub use chamfer::set_reconstruction_loss;
pub use decayed_attention::{Glances, attend_with_decay};
pub use gelu::gelu;
pub use grouped_linear::grouped_linear;
pub use layer_norm::layer_norm;
pub use linear::linear;
pub use segment_max::segment_max;
pub use segment_mean::segment_mean;
pub use sigmoid::sigmoid;
