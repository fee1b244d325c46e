//! A recipe's stages as executable nodes.

use super::stage::Stage;

/// One executable node of a run: a stage of the recipe, or one the planner derived from it.
pub struct Node {
    /// The stage's name in the recipe; a derived node is `STAGE:ROLE` (`classifier:features`).
    pub name: String,
    /// What it does.
    pub stage: Box<dyn Stage>,
}
