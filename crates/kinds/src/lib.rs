//! The kinds of stages: one folder each, with its table in a recipe, what it reads and gives, its checks, its
//! work, and its part of a report. [`StageKind`] says what makes a kind; [`StageConfig`] lists them all.
//!
//! ```
//! use pipeline_kinds::{load, nodes_of};
//!
//! # fn main() -> Result<(), pipeline_error::Error> {
//! let recipe = load("../../recipes/finetune.toml".as_ref(), &[])?;
//! let kinds: Vec<&str> = nodes_of(&recipe).iter().map(|node| node.stage.kind()).collect();
//! assert_eq!(kinds[..2], ["data", "pretrain"]);
//! # Ok(())
//! # }
//! ```

#[macro_use]
mod training;

mod asked;
pub mod bundle;
mod check;
pub mod command;
pub mod data;
mod dataset_artifacts;
pub mod diagnose;
mod document;
mod edges;
mod ensemble;
pub mod evaluate;
mod experiment;
mod feature_origin;
mod features;
pub mod finetune;
pub mod freeze;
pub mod import;
mod inputs;
pub mod json;
mod kind;
mod list;
mod memory;
mod model_artifact;
mod models;
mod objective;
mod opened;
mod overlap;
pub mod predict;
pub mod pretrain;
pub mod pytorch_layout;
mod references;
pub mod rehearsal;
mod remote;
mod resources;
mod results;
mod says;
mod scoring;
mod training_context;

#[cfg(test)]
mod tests;

pub use document::{published_schema, schema};
pub use experiment::{
    Experiment, Recipe, Surroundings, SweepRecipe, SweepVariant, load, nodes_of, resolve,
};
pub use inputs::contract_of;
pub use kind::{
    Around, Imported, Lookup, ModelHeld, ModelUse, ReportPart, ReportSection, StageCheck, StageKind,
};
pub use list::{StageConfig, report, results};
pub use results::{Outputs, StageResults};
