//! The document of `sweep plan --format json`.

use schemars::JsonSchema;
use serde::Serialize;

use pipeline_runner::record::PlannedStage;

/// What the variants share, and what is left to do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "sweep-plan")]
pub struct SweepPlanRecord {
    /// The recipe's name.
    pub recipe: String,
    /// How many rungs there are; all else is of the first, as nobody knows yet who goes on.
    pub rungs: usize,
    /// Names of the variants, in the order of the space.
    pub variants: Vec<String>,
    /// What the variants share, stage by stage of the recipe.
    pub shared: Vec<SharedStage>,
    /// Every stage once, in topological order.
    pub stages: Vec<PlannedStage>,
}

/// One stage of the recipe, over all variants.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SharedStage {
    /// Its name in the recipe.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Variants that have it.
    pub variants: usize,
    /// How many different ones there are.
    pub different: usize,
    /// For how many variants each of these is computed once, the most first.
    pub sharing: Vec<Sharing>,
    /// Of these: found in the store.
    pub cached: usize,
    /// Would run.
    pub run: usize,
    /// Depend on a result that is not known yet.
    pub may_run: usize,
}

/// Different stages that serve as many variants each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Sharing {
    /// Variants that have the same one.
    pub variants: usize,
    /// How many there are.
    pub stages: usize,
}
