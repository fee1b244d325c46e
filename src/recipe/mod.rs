//! Recipes: raw TOML → resolved values → validated stages, with source spans kept throughout.
//!
//! Files are parsed to trees of values that know their places (`parse`, `tree`), laid over
//! each other (`layers`, `overrides`), their references replaced (`interpolate`), and checked
//! against the JSON schema that the Rust types generate (`document`, `validate`). Only then
//! are they given types, and the rules that join several values checked (`checks`, `references`).
//! A sweep does the same for every variant, on copies of the tree (`sweep`).

mod checks;
mod command_checks;
pub mod command_config;
mod diagnose_config;
mod document;
mod edges;
mod evaluate_config;
mod evaluation_checks;
mod expansion;
mod import_config;
mod interpolate;
mod layers;
mod load;
mod mistake;
mod opened;
mod overrides;
mod parse;
mod pieces;
mod published;
mod references;
mod resolved;
mod shape;
mod source;
pub mod stage_config;
mod stated_optimizer;
mod suggest;
mod sweep;
pub mod sweep_config;
mod training_checks;
mod tree;
mod validate;

#[cfg(test)]
mod tests;

pub use document::schema;
pub use load::{Recipe, load, resolve};
pub use mistake::RecipeErrors;
pub use opened::opens_backbone;
pub use overrides::Override;
pub use published::published_schema;
pub use resolved::{Resolved, ResolvedValue};
pub use suggest::nearest;
pub use sweep::{Point, SweepRecipe, SweepVariant, short_paths};
