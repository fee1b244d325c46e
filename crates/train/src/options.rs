//! Settings of the loop over steps and epochs that pretraining and finetuning share.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schedule::Schedule;
use pipeline_model::precision::Precision;

/// Which parameters a stage delivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// Those of the epoch that was best on validation.
    #[default]
    Best,
    /// Those that training ended with.
    Last,
}

impl Keep {
    /// What the number of the epoch that is kept is called among a stage's metrics.
    pub fn metric(self) -> &'static str {
        match self {
            Keep::Best => "best_epoch",
            Keep::Last => "last_epoch",
        }
    }
}

/// How the loop goes. What is at its default takes no part in a fingerprint, so that results that
/// were made before there was a choice stay up to date.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LoopOptions {
    /// How learning rates change.
    #[serde(skip_serializing_if = "is_default")]
    pub schedule: Schedule,
    /// Batches in an optimizer step.
    #[serde(skip_serializing_if = "is_one")]
    pub accumulate: usize,
    /// Optimizer steps after which training ends, if the epochs are not over before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
    /// Epochs from one validation to the next; the last epoch is always validated.
    #[serde(skip_serializing_if = "is_one")]
    pub validate_every: usize,
    /// Which parameters the stage delivers.
    #[serde(skip_serializing_if = "is_default")]
    pub keep: Keep,
    /// How exact the products of linear layers are.
    #[serde(skip_serializing_if = "is_default")]
    pub precision: Precision,
}

impl LoopOptions {
    /// The setting that no CPU can compute with, as a recipe states it, if there is one.
    pub fn needs_gpu(&self) -> Option<String> {
        let name = self.precision.name();
        (self.precision.needs_gpu()).then(|| format!("precision = \"{name}\""))
    }

    /// Whether a training of more epochs begins with exactly the steps and validations of one of fewer.
    pub fn begin_alike_for_any_length(&self) -> bool {
        let looks_ahead = matches!(
            self.schedule,
            Schedule::Linear { .. } | Schedule::Cosine { .. }
        );
        !looks_ahead && self.max_steps.is_none() && self.validate_every == 1
    }
}

impl Default for LoopOptions {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            accumulate: 1,
            max_steps: None,
            validate_every: 1,
            keep: Keep::default(),
            precision: Precision::default(),
        }
    }
}

/// Whether a setting is the one that is taken where none is stated.
pub fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn is_one(value: &usize) -> bool {
    *value == 1
}
