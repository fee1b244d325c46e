//! What pretraining asks of the model.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What pretraining asks of the model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// As the reference: the state at a set, computed from the posterior's means, decodes that set; KL of the last
    /// level, with a reward for large variances. The target learns, too: it may become easier.
    #[default]
    Reference,
    /// An evidence lower bound (Kingma and Welling 2014): the state at a set, computed from latents drawn from the
    /// posterior, decodes that set, so that the data speak to the variances; KL of every level, floored by
    /// `free_bits`. The target is held still.
    Elbo,
    /// The state at a set, computed from the posterior's means, decodes the *next* set of the stay; KL of the last
    /// level, floored by `free_bits`. The target is held still; stays of a single set are left out.
    Forecast,
}

impl Objective {
    /// Whether the sequence part sees latents drawn from the posterior instead of its means.
    pub(super) fn draws_latents(self) -> bool {
        self == Objective::Elbo
    }

    /// Whether gradients reach the variables' embeddings through what has to be decoded.
    pub(super) fn target_learns(self) -> bool {
        self == Objective::Reference
    }

    /// The sets of a stay that nothing is asked about: the first of them.
    pub fn sets_without_loss(self) -> usize {
        match self {
            Objective::Reference | Objective::Elbo => 0,
            Objective::Forecast => 1,
        }
    }
}
