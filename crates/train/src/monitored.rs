//! Values of a validation that training is steered by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which way a value improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Less is better.
    Min,
    /// More is better.
    Max,
}

/// A value, and which way it improves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Monitored {
    /// The value.
    pub value: f64,
    /// Which way it improves.
    pub mode: Mode,
}

impl Monitored {
    /// Turned so that more is better.
    pub fn score(self) -> f64 {
        match self.mode {
            Mode::Min => -self.value,
            Mode::Max => self.value,
        }
    }

    /// Whether it is better than `best` by more than `share` of it.
    pub fn improves_by_share(self, best: f64, share: f64) -> bool {
        match self.mode {
            Mode::Min => self.value < best * (1.0 - share),
            Mode::Max => self.value > best * (1.0 + share),
        }
    }
}

/// A number of a validation, by name.
pub trait Metric: Copy {
    /// Which way it improves.
    fn mode(self) -> Mode;
}
