//! SeqSetVAE: a set VAE per time point, a causal transformer over the sets, a classifier on top.
//!
//! ```
//! use pipeline_model::config::{ModelConfig, ModelMode};
//! use pipeline_model::seqsetvae::parameter_specs;
//!
//! # fn main() -> candle_core::Result<()> {
//! let specs = parameter_specs(&ModelConfig::default(), ModelMode::Classifier)?;
//! assert!(specs.iter().any(|spec| spec.name.starts_with("cls_head.")));
//! # Ok(())
//! # }
//! ```

pub mod backbone;
pub mod batch;
pub mod classifier;
pub mod config;
pub mod decoder;
pub mod fusion;
pub mod hidden_setting;
pub mod host;
pub mod layers;
pub mod memory;
pub mod noise;
pub mod objective;
pub mod ops;
pub mod parameter;
pub mod pooling;
pub mod precision;
pub mod pretrain_tasks;
pub mod profile;
pub mod readout;
pub mod readout_config;
pub mod reference_layout;
pub mod seqsetvae;
pub mod sequence;
pub mod set_encoder;
pub mod task_targets;
pub mod tasks;
pub mod time_bias;
