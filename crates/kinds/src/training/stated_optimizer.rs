//! An optimizer of which a recipe states only what differs from the stage's default.

use schemars::JsonSchema;
use serde::Deserialize;

use pipeline_train::linear_head::{FeatureScaling, Lbfgs};
use pipeline_train::optimizer::AdamW;
use pipeline_train::optimizer::{Optimizer, OptimizerKind, ParameterGroup, Sgd, Update};

/// AdamW or SGD, as torch's, or a solver of linear heads; what is left out of AdamW is the default of the stage's kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Optimizer")]
pub struct StatedOptimizer {
    /// The rule; left out: `adamw`.
    #[serde(default)]
    kind: OptimizerKind,
    /// Learning rate. `sgd` has no default.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    lr: Option<f64>,
    /// `adamw`: decay rates of the first and second moment: at least 0, less than 1.
    betas: Option<[f64; 2]>,
    /// `adamw`: added to the root of the second moment.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    eps: Option<f64>,
    /// `sgd`: share of the last update's direction that is kept: at least 0, less than 1; left out: 0.9.
    #[schemars(range(min = 0.0))]
    momentum: Option<f64>,
    /// `sgd`: whether the gradient counts once more after the momentum; left out: false.
    nesterov: Option<bool>,
    /// Weight decay: decoupled from the gradient with `adamw`, an L2 term of it with `sgd` (left out there: 0).
    #[schemars(range(min = 0.0))]
    weight_decay: Option<f64>,
    /// `lbfgs`: L2 penalties that are tried: half the squared length of the weights of scaled features, times this, beside the summed loss (scikit-learn's 1 / `C`). The one with the least validation loss is kept; left out: 10000, 3000, 1000, 300, 100, 30, 10, 3, 1, 0.3 and 0.1.
    #[schemars(length(min = 1))]
    penalties: Option<Vec<f64>>,
    /// `lbfgs`: how features are scaled before, each tried with every penalty: by their standard deviation, or not at all, so that features that vary more may say more. Left out: both.
    #[schemars(length(min = 1))]
    scaling: Option<Vec<FeatureScaling>>,
    /// Rates of their own for parameters by name; the first group whose pattern matches counts.
    #[serde(default)]
    groups: Vec<ParameterGroup>,
}

impl StatedOptimizer {
    /// The solver, if it is one.
    pub fn solver(&self) -> Option<Lbfgs> {
        let solver = || {
            let Lbfgs { penalties, scaling } = Lbfgs::default();
            Lbfgs {
                penalties: self.penalties.clone().unwrap_or(penalties),
                scaling: self.scaling.clone().unwrap_or(scaling),
            }
        };
        (self.kind == OptimizerKind::Lbfgs).then(solver)
    }

    /// An optimizer that goes by steps; of a solver, which has no place beside them, the default.
    pub fn over(self, default: AdamW) -> Optimizer {
        let update = match self.kind {
            OptimizerKind::AdamW | OptimizerKind::Lbfgs => Update::AdamW(AdamW {
                lr: self.lr.unwrap_or(default.lr),
                betas: self.betas.unwrap_or(default.betas),
                eps: self.eps.unwrap_or(default.eps),
                weight_decay: self.weight_decay.unwrap_or(default.weight_decay),
            }),
            OptimizerKind::Sgd => Update::Sgd(Sgd {
                // That it is stated is checked where its place in the recipe is known.
                lr: self.lr.unwrap_or(default.lr),
                momentum: self.momentum.unwrap_or(0.9),
                nesterov: self.nesterov.unwrap_or(false),
                weight_decay: self.weight_decay.unwrap_or(0.0),
            }),
        };
        Optimizer {
            update,
            groups: self.groups,
        }
    }
}
