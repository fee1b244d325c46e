//! Settings that pretraining and finetuning share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::class_balance::{ClassWeights, Sampling};
use super::monitor::MonitorSettings;
use super::monitored::{Metric, Mode, Monitored};
use super::optimizer::Optimizer;
use super::options::{LoopOptions, is_default};
use pipeline_data::config::Task;
use pipeline_model::objective::Objective;
use pipeline_model::tasks::Tasks;

/// Stops training when a validation metric no longer improves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "EarlyStoppingBy{M}")]
pub struct EarlyStopping<M> {
    /// The validation metric that is watched; left out: the one by which the best epoch is chosen.
    #[serde(default = "none::<M>", skip_serializing_if = "Option::is_none")]
    pub metric: Option<M>,
    /// Whether less or more of it is better; left out: as it is for that metric.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Validations (epochs, unless `validate_every` says otherwise) without an improvement after which training stops.
    #[schemars(range(min = 1))]
    pub patience: usize,
    /// What counts as an improvement: more than this.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub min_delta: f64,
}

// As a plain `default`, the derive would ask for a metric that has one.
fn none<M>() -> Option<M> {
    None
}

impl<M: Metric> EarlyStopping<M> {
    /// What is watched where epochs are chosen by `select` and `value` knows every metric's value.
    pub fn watched(&self, select: M, value: impl FnOnce(M) -> Option<f64>) -> Option<Monitored> {
        let metric = self.metric.unwrap_or(select);
        let mode = self.mode.unwrap_or(metric.mode());
        value(metric).map(|value| Monitored { value, mode })
    }
}

/// The loss of what a head says of a stay. Numbers are learned in standard deviations of the training stays.
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
    /// Cross entropy; of a multi-label task the mean over labels of that of each.
    CrossEntropy {
        /// Share of the target that is spread evenly over all classes.
        #[serde(default)]
        #[schemars(range(min = 0.0, max = 0.99))]
        label_smoothing: f64,
    },
    /// Of a regression: the squared error.
    Mse,
    /// Of a regression: half the squared error, and beyond `delta` linear (Huber 1964): outliers pull less.
    Huber {
        /// Where it becomes linear, in standard deviations of the training stays.
        #[serde(default = "Loss::default_delta")]
        #[schemars(extend("exclusiveMinimum" = 0.0))]
        delta: f64,
    },
}

impl Loss {
    fn default_delta() -> f64 {
        1.0
    }

    /// Where the recipe states none: cross entropy of classes and labels, the squared error of numbers.
    pub fn of_task(task: Task) -> Self {
        match task {
            Task::Classification | Task::MultiLabel => Self::default(),
            Task::Regression => Self::Mse,
        }
    }
}

// Not the reference's focal loss (alpha 0.25, gamma 2): that counts the rare class a quarter, and what it gives are no
// probabilities.
impl Default for Loss {
    fn default() -> Self {
        Loss::CrossEntropy {
            label_smoothing: 0.0,
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

impl SelectionMetric {
    /// Where the recipe states none: AUROC of classes and labels, the loss of numbers.
    pub fn of_task(task: Task) -> Self {
        match task {
            Task::Classification | Task::MultiLabel => Self::Auroc,
            Task::Regression => Self::Loss,
        }
    }
}

impl Metric for SelectionMetric {
    fn mode(self) -> Mode {
        match self {
            SelectionMetric::Auroc | SelectionMetric::AveragePrecision => Mode::Max,
            SelectionMetric::Loss => Mode::Min,
        }
    }
}

/// A validation metric of pretraining; of all of them less is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PretrainMetric {
    /// Reconstruction loss plus `max_beta` times KL, the loss that selects the best epoch.
    #[default]
    Loss,
    /// Reconstruction loss.
    Reconstruction,
    /// KL loss.
    Kl,
}

impl PretrainMetric {
    /// Its column in the history.
    pub fn column(self) -> &'static str {
        match self {
            PretrainMetric::Loss => "validation_loss",
            PretrainMetric::Reconstruction => "validation_reconstruction",
            PretrainMetric::Kl => "validation_kl",
        }
    }
}

impl Metric for PretrainMetric {
    fn mode(self) -> Mode {
        Mode::Min
    }
}

/// How pretraining runs: all that can change its result beside model, data and seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PretrainSettings {
    /// What is asked of the model.
    pub objective: Objective,
    /// What is asked of the readout beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks: Option<Tasks>,
    /// Passes over the training split.
    pub epochs: usize,
    /// Stays in a batch.
    pub batch_size: usize,
    /// The optimizer.
    #[serde(serialize_with = "Optimizer::serialize_for_key")]
    pub optimizer: Optimizer,
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
    /// Stop when a validation metric no longer improves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping<PretrainMetric>>,
    /// How the loop goes.
    pub options: LoopOptions,
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
    /// Stays in a batch.
    pub batch_size: usize,
    /// The loss of what the head says.
    pub loss: Loss,
    /// The optimizer.
    #[serde(serialize_with = "Optimizer::serialize_for_key")]
    pub optimizer: Optimizer,
    /// Largest global L2 norm of the gradients.
    pub clip_norm: f64,
    /// Dropout after each of the head's three hidden layers.
    pub dropout: [f64; 3],
    /// The validation metric by which the best epoch is chosen.
    pub select: SelectionMetric,
    /// Stop when a validation metric no longer improves.
    pub early_stopping: Option<EarlyStopping<SelectionMetric>>,
    /// What a stay's loss counts, by its class.
    #[serde(skip_serializing_if = "is_default")]
    pub class_weights: ClassWeights,
    /// Which stays an epoch has.
    #[serde(skip_serializing_if = "is_default")]
    pub sampling: Sampling,
    /// How the loop goes.
    pub options: LoopOptions,
}
