//! Settings that pretraining and finetuning share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// AdamW (Loshchilov and Hutter 2019), as torch's: decoupled weight decay, bias-corrected moments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdamW {
    /// Learning rate.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub lr: f64,
    /// Decay rates of the first and second moment.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    #[serde(default = "AdamW::default_eps")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub eps: f64,
    /// Decoupled weight decay.
    #[schemars(range(min = 0.0))]
    pub weight_decay: f64,
}

impl AdamW {
    fn default_eps() -> f64 {
        1e-8
    }
}

/// Stops training when a validation metric no longer improves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    /// Epochs without an improvement after which training stops.
    #[schemars(range(min = 1))]
    pub patience: usize,
    /// What counts as an improvement.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub min_delta: f64,
}

/// The loss of a stay's logits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Loss {
    /// −α (1 − p)^γ log p of the true class (Lin et al. 2017).
    Focal {
        /// Weight of class 1; every other class has 1 − α.
        #[schemars(range(min = 0.0, max = 1.0))]
        alpha: f64,
        /// Exponent that plays down easy stays.
        #[schemars(range(min = 0.0))]
        gamma: f64,
    },
    /// Cross entropy.
    CrossEntropy {
        /// Share of the target that is spread evenly over all classes.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 0.99))]
        label_smoothing: f64,
    },
}

impl Default for Loss {
    fn default() -> Self {
        Loss::Focal {
            alpha: 0.25,
            gamma: 2.0,
        }
    }
}

/// The validation metric by which the best epoch is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelectionMetric {
    /// Area under the receiver operating characteristic: more is better.
    #[default]
    Auroc,
    /// Average precision: more is better.
    AveragePrecision,
    /// The training loss, on validation: less is better.
    Loss,
}
