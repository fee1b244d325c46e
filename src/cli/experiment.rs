//! A recipe and the nodes it expands to.

use std::path::Path;

use super::arguments::Selection;
use crate::error::Error;
use crate::exec::RunOptions;
use crate::recipe::{self, Override, Recipe};
use crate::stages;
use crate::stages::node::Node;
use crate::store::Store;

/// A recipe that was read and understood.
pub struct Experiment {
    /// The recipe.
    pub recipe: Recipe,
    /// Its stages, derived ones included.
    pub nodes: Vec<Node>,
}

impl Experiment {
    /// Reads the recipe at `path`, changed by `overrides`.
    pub fn load(path: &Path, overrides: &[Override]) -> Result<Self, Error> {
        let recipe = recipe::load(path, overrides)?;
        let nodes = stages::nodes_of(&recipe);
        Ok(Experiment { recipe, nodes })
    }
}

impl Selection {
    /// The selected experiment and the store its results are in.
    pub fn open(&self) -> Result<(Experiment, Store), Error> {
        let experiment = Experiment::load(&self.recipe, &self.overrides)?;
        Ok((experiment, Store::open(&self.store)?))
    }

    /// Options of a command that only looks at `targets`.
    pub fn looking_at(&self, targets: Vec<String>) -> RunOptions {
        RunOptions {
            device: self.device.clone(),
            targets,
            ..RunOptions::default()
        }
    }
}
