//! How the parameters of a head are found: in steps, or all at once.

use serde_json::{Value, json};

use crate::json::{as_json, training_fields};
use pipeline_train::config::HeadSettings;
use pipeline_train::linear_head::LinearHeadSettings;

/// How parameters are found.
pub enum Training {
    /// In steps and epochs.
    Steps(Box<HeadSettings>),
    /// A linear head, all at once.
    Solver(LinearHeadSettings),
}

impl Training {
    /// The settings of one in steps.
    pub fn in_steps(&self) -> Option<&HeadSettings> {
        match self {
            Self::Steps(settings) => Some(settings),
            Self::Solver(_) => None,
        }
    }

    /// Its part of the key.
    pub fn fields(&self) -> Value {
        match self {
            Self::Steps(settings) => training_fields(&**settings),
            Self::Solver(settings) => as_json(settings),
        }
    }

    /// The loss on validation is the one that is trained.
    pub fn unit_of(&self, metric: &str) -> Option<Value> {
        let settings = self.in_steps().filter(|_| metric == "validation_loss")?;
        let (loss, class_weights) = (settings.loss, &settings.class_weights);
        Some(json!({ "loss": loss, "class_weights": class_weights }))
    }
}
