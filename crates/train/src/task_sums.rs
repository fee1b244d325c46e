//! Sums, or means, of the losses of pretraining's tasks.

use serde::{Deserialize, Serialize};

use super::bits;
use pipeline_model::tasks::{TaskLosses, Tasks};

/// A number for each task: 0 for one that is not set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskSums {
    #[serde(with = "bits")]
    summary: f64,
    #[serde(with = "bits")]
    forecast: f64,
}

impl TaskSums {
    /// These losses.
    pub fn of(losses: &TaskLosses<f64>) -> Self {
        Self {
            summary: losses.summary.unwrap_or_default(),
            forecast: losses.forecast.unwrap_or_default(),
        }
    }

    /// Adds others.
    pub fn add(&mut self, other: &Self) {
        self.summary += other.summary;
        self.forecast += other.forecast;
    }

    /// Divided by `count`, those of the tasks that are set.
    pub fn means(&self, count: f64, tasks: Option<&Tasks>) -> TaskLosses<f64> {
        let set = tasks.map(Tasks::names).unwrap_or_default();
        TaskLosses {
            summary: set.summary.then_some(self.summary / count),
            forecast: set.forecast.then_some(self.forecast / count),
        }
    }

    /// Whether all are numbers.
    pub fn is_finite(&self) -> bool {
        self.summary.is_finite() && self.forecast.is_finite()
    }
}
