//! `pipeline`: a declarative runner for pretrain → finetune experiments.
//!
//! Modules import downwards only:
//! `cli` → `exec` → `stages` → {`data`, `model`, `checkpoint`, `train`, `metrics`} → `store`.

#![warn(missing_docs)]

pub mod checkpoint;
pub mod cli;
pub mod data;
pub mod error;
pub mod exec;
pub mod graph;
pub mod metrics;
pub mod model;
pub mod random;
pub mod recipe;
pub mod stages;
pub mod store;
pub mod train;
