//! SeqSetVAE: a set VAE per time point, a causal transformer over the sets, a classifier on top.

pub mod config;
