//! `pipeline`: a declarative runner for pretrain → finetune experiments.
//!
//! Modules import downwards only:
//! `cli` → {`exec`, `report`} → `stages` → {`data`, `model`, `checkpoint`, `train`, `metrics`} → {`store`, `pickle`}.

#![warn(missing_docs)]

pub mod checkpoint;
pub mod cli;
pub mod data;
mod dtype;
pub mod error;
pub mod exec;
mod files;
pub mod graph;
pub mod memory;
pub mod metrics;
pub mod model;
mod pickle;
pub mod random;
pub mod recipe;
mod refusal;
pub mod report;
pub mod stages;
pub mod store;
pub mod train;
