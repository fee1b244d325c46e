//! What is to be predicted of stays: a target by name, and what is true of it.

use serde::{Deserialize, Serialize};

use super::config::{TargetTable, Task};

/// A target that a data stage names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// What is asked.
    pub task: Task,
    /// Names of the outputs: of a multi-label task its labels, of a classification `0`, `1`, …; of a regression its own.
    pub outputs: Vec<String>,
}

impl Target {
    /// The one that a table describes.
    pub fn of_table(name: &str, table: &TargetTable) -> Self {
        let outputs = match table.task {
            Task::Classification => {
                let classes = 0..table.classes.unwrap_or(2);
                classes.map(|class| class.to_string()).collect()
            }
            Task::Regression => vec![name.to_string()],
            Task::MultiLabel => table.columns.clone(),
        };
        Self {
            name: name.to_string(),
            task: table.task,
            outputs,
        }
    }

    /// The columns of the table of targets that hold it.
    pub fn columns(&self) -> Vec<String> {
        match self.task {
            Task::MultiLabel => {
                let labels = self.outputs.iter();
                labels
                    .map(|label| format!("{}.{label}", self.name))
                    .collect()
            }
            Task::Classification | Task::Regression => vec![self.name.clone()],
        }
    }
}

/// What is true of some stays, in their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Truth {
    /// The class of each.
    Classes(Vec<u32>),
    /// A number of each.
    Numbers(Vec<f64>),
    /// Which labels each has, row-major [stays, labels].
    Labels {
        /// Whether the stay has the label.
        has: Vec<bool>,
        /// How many labels there are.
        labels: usize,
    },
}

impl Truth {
    /// Stays.
    pub fn len(&self) -> usize {
        match self {
            Self::Classes(classes) => classes.len(),
            Self::Numbers(numbers) => numbers.len(),
            Self::Labels { has, labels } => has.len() / (*labels).max(1),
        }
    }

    /// Whether there is no stay.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The class of each, where each has one.
    pub fn classes(&self) -> Option<&[u32]> {
        match self {
            Self::Classes(classes) => Some(classes),
            Self::Numbers(_) | Self::Labels { .. } => None,
        }
    }

    /// That of some of the stays.
    pub fn rows(&self, rows: impl Iterator<Item = usize>) -> Self {
        match self {
            Self::Classes(classes) => Self::Classes(rows.map(|row| classes[row]).collect()),
            Self::Numbers(numbers) => Self::Numbers(rows.map(|row| numbers[row]).collect()),
            Self::Labels { has, labels } => Self::Labels {
                has: rows
                    .flat_map(|row| has[row * labels..][..*labels].iter().copied())
                    .collect(),
                labels: *labels,
            },
        }
    }
}
