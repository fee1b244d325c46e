//! What pretraining asks of the readout, beside its objective.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::config::TaskNames;

/// What pretraining asks of the readout, beside its objective: losses that add up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tasks {
    /// Weight of the task to say, of every variable, mean, least, largest and last value so far and how many there were; left out: it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub summary: Option<f64>,
    /// The task to say the mean of every variable's values that come next; left out: it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forecast: Option<ForecastTask>,
    /// Sets of a stay at which they are asked: its last and, for the rest, sets drawn anew in every step.
    #[serde(default = "Tasks::default_sets")]
    #[schemars(range(min = 1, max = 1000))]
    pub sets: usize,
}

/// The task to say the mean of every variable's values that come next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ForecastTask {
    /// Its weight.
    #[serde(default = "ForecastTask::default_weight")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub weight: f64,
    /// How far ahead it asks.
    #[serde(default = "ForecastTask::default_hours")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub hours: f64,
}

impl ForecastTask {
    fn default_weight() -> f64 {
        1.0
    }
    fn default_hours() -> f64 {
        6.0
    }
}

impl Tasks {
    fn default_sets() -> usize {
        8
    }

    /// Which are set.
    pub fn names(&self) -> TaskNames {
        TaskNames {
            summary: self.summary.is_some(),
            forecast: self.forecast.is_some(),
        }
    }

    /// The weight of every task, in the order of [`TaskLosses::by_name`]: 0 for one that is not set.
    pub fn weights(&self) -> [f64; 2] {
        let forecast = self.forecast.as_ref().map(|task| task.weight);
        [self.summary, forecast].map(Option::unwrap_or_default)
    }

    /// The weighted sum of losses.
    pub fn weigh(&self, losses: &TaskLosses<f64>) -> f64 {
        let losses = losses.by_name().map(|(_, loss)| loss.unwrap_or_default());
        let parts = self.weights().into_iter().zip(losses);
        parts.map(|(weight, loss)| weight * loss).sum()
    }
}

/// A loss for each task that is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskLosses<T> {
    /// To say what has been.
    pub summary: Option<T>,
    /// To say what comes.
    pub forecast: Option<T>,
}

impl<T> Default for TaskLosses<T> {
    fn default() -> Self {
        Self {
            summary: None,
            forecast: None,
        }
    }
}

impl<T: Clone> TaskLosses<T> {
    /// The same after `of`.
    pub fn map<U, E>(&self, of: impl Fn(&T) -> Result<U, E>) -> Result<TaskLosses<U>, E> {
        Ok(TaskLosses {
            summary: self.summary.as_ref().map(&of).transpose()?,
            forecast: self.forecast.as_ref().map(&of).transpose()?,
        })
    }

    /// By their names.
    pub fn by_name(&self) -> [(&'static str, Option<T>); 2] {
        [
            ("summary", self.summary.clone()),
            ("forecast", self.forecast.clone()),
        ]
    }
}
