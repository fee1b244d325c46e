//! SeqSetVAE: a set VAE per time point, a causal transformer over the sets, a classifier on top.

pub mod backbone;
pub mod batch;
pub mod classifier;
pub mod config;
pub mod decoder;
pub mod fusion;
pub mod hidden_setting;
pub mod layers;
pub mod noise;
pub mod objective;
pub mod ops;
pub mod parameter;
pub mod pooling;
pub mod reference_layout;
pub mod seqsetvae;
pub mod sequence;
pub mod set_encoder;
pub mod time_bias;
