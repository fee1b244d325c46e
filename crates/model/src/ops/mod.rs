//! Tensor operations with a backward pass that candle lacks or does slowly on a CPU.
//!
//! Each has a kernel for CPUs, most have one for NVIDIA GPUs in builds with CUDA, and each a form composed of operations of
//! candle and candle-nn, for any device; tests hold them against each other.

mod attention;
mod attention_kernel;
mod attention_pattern;
mod chamfer;
mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod decayed_attention;
mod decayed_attention_kernel;
mod dropout;
mod form;
mod gelu;
mod grouped_linear;
mod layer_norm;
mod linear;
mod mab_output;
mod mab_output_kernel;
mod normals;
mod scored_attention;
mod segment_max;
mod segment_mean;
mod shared_key_attention;
mod sigmoid;
mod spread;
mod taken;
mod timed;
mod weighted_rows;

#[cfg(test)]
pub(crate) mod gradient_check;

pub use attention::{attend, attend_biased};
pub use attention_pattern::{Attention, AttentionDropout, Segment};
pub use chamfer::set_reconstruction_loss;
pub use decayed_attention::{Glances, attend_with_decay};
pub use dropout::{Dropout, add_dropped, add_dropped_sum, dropout};
pub(crate) use form::has_cpu_kernels;
pub use form::in_composed_form;
pub use gelu::gelu;
pub use grouped_linear::grouped_linear;
pub use layer_norm::{EPS_OF_LAYERS, layer_norm};
pub use linear::{linear, linear_in};
pub use mab_output::{MabOutput, mab_output};
pub use normals::{drawn_normals, normals};
pub use scored_attention::attend_by_scores;
pub use segment_max::segment_max;
pub use segment_mean::segment_mean;
pub use shared_key_attention::attend_to_shared_keys;
pub use sigmoid::sigmoid;
pub use spread::spread;
pub use taken::RowIndex;
