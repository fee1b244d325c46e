//! Recipes: raw TOML → resolved values → validated stages, with source spans kept throughout.
//!
//! Files are parsed to trees of values that know their places (`parse`, `tree`), laid over
//! each other (`layers`, `overrides`), their references replaced (`interpolate`), and checked
//! against a JSON schema (`validate`). Only then are they given types, and the rules that join several
//! values checked: by an [`Experiment`], of which this crate knows nothing else.
//! A sweep does the same for every variant, on copies of the tree (`sweep`).
//!
//! ```
//! let stages = ["events", "pretrain", "classifier"];
//! assert_eq!(pipeline_recipe::nearest("clasifier", stages), Some("classifier"));
//! ```

mod expansion;
mod experiment;
mod exposure;
mod interpolate;
mod layers;
mod load;
mod mistake;
mod overrides;
mod parse;
mod pieces;
mod published;
mod recipe;
mod recipe_file;
pub mod remote_config;
mod resolved;
mod set_variable;
mod settled;
mod shape;
pub mod source;
mod suggest;
mod sweep;
pub mod sweep_config;
pub mod tree;
mod user_config;
mod validate;

pub use experiment::{Compared, Experiment};
pub use exposure::Exposure;
pub use load::{load, load_in, read, resolve};
pub use mistake::{Mistake, RecipeErrors};
pub use overrides::Override;
pub use published::published;
pub use recipe::Recipe;
pub use recipe_file::recipe_bytes;
pub use resolved::{Resolved, ResolvedValue};
pub use suggest::{either, nearest, no_stage};
pub use sweep::{Point, SweepRecipe, SweepVariant, short_paths};
pub use user_config::{user_config_path, user_remote};
