//! Settings that pretraining and finetuning share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::monitor::MonitorSettings;
use crate::model::objective::Objective;

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

/// How pretraining runs: all that can change its result beside model, data and seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PretrainSettings {
    /// What is asked of the model.
    pub objective: Objective,
    /// Passes over the training split.
    pub epochs: usize,
    /// Stays in an optimizer step.
    pub batch_size: usize,
    /// The optimizer.
    pub optimizer: AdamW,
    /// Largest global L2 norm of the gradients.
    pub clip_norm: f64,
    /// Nats a latent dimension below which KL costs nothing more.
    pub free_bits: f64,
    /// Weight of the KL term after its warm-up.
    pub max_beta: f64,
    /// Optimizer steps over which beta rises linearly from 0.
    pub beta_warmup_steps: u64,
    /// Dropout of the transformer.
    pub dropout: f64,
    /// How the posterior is watched.
    pub monitor: MonitorSettings,
}

impl PretrainSettings {
    /// Weight of the KL term in optimizer step `step`, counted from 0.
    pub fn beta(&self, step: u64) -> f64 {
        if step >= self.beta_warmup_steps {
            self.max_beta
        } else {
            self.max_beta * step as f64 / self.beta_warmup_steps as f64
        }
    }
}

/// How the head is trained: all that can change its result beside model, features and seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeadSettings {
    /// Passes over the training split, at most.
    pub epochs: usize,
    /// Stays in an optimizer step.
    pub batch_size: usize,
    /// The loss of a stay's logits.
    pub loss: Loss,
    /// The optimizer.
    pub optimizer: AdamW,
    /// Largest global L2 norm of the gradients.
    pub clip_norm: f64,
    /// Dropout after each of the head's three hidden layers.
    pub dropout: [f64; 3],
    /// The validation metric by which the best epoch is chosen.
    pub select: SelectionMetric,
    /// Stop when `select` no longer improves.
    pub early_stopping: Option<EarlyStopping>,
}
