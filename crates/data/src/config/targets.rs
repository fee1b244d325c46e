//! Named targets: what is to be predicted of a stay beside its label, or in place of one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PredictionKey, StayPolicy};
use crate::config::predictions::key_of;
use crate::delimiter::Delimiter;
use crate::input_path::InputPath;

/// A target: one column, or several, of a table with one row a stay. They become columns of the artifact `targets`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetTable {
    /// What is asked of a stay.
    pub task: Task,
    /// The file, CSV or Parquet, or the artifact of a stage that made it.
    pub path: InputPath,
    /// What separates fields where the file is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// The column of stay ids; left out: `stay_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Beside `time` and in place of `id`: the column of patients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The column of times of prediction, told as the times of the source are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Of `classification` and `regression`: the column of values; left out: the target's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Of `multi-label`: the columns, each 0 or 1 (or true and false).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Of `classification`: how many classes there are; left out: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2))]
    pub classes: Option<usize>,
    /// Texts that say that there is no value, besides an empty cell, `NA`, `N/A`, `NaN`, `nan`, `null`, `NULL` and `None`. A number
    /// among them is found however it is written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What to do with a stay that has no value: `"drop"` leaves it out where this target is learned or scored, and there alone.
    #[serde(default)]
    pub without_value: StayPolicy,
}

/// What is asked of a stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// One class of two or more: 0, 1, ….
    Classification,
    /// A number.
    Regression,
    /// Which of several labels it has: any number of them.
    MultiLabel,
}

impl Task {
    /// Its name in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            Self::Classification => "classification",
            Self::Regression => "regression",
            Self::MultiLabel => "multi-label",
        }
    }
}

impl TargetTable {
    /// The columns that tell which stay a row is of, or which setting does not fit the others.
    pub fn key(&self) -> Result<PredictionKey<'_>, (&'static str, &'static str)> {
        key_of(
            self.id.as_deref(),
            self.subject.as_deref(),
            self.time.as_deref(),
        )
    }

    /// The columns of values of the target `name`.
    pub fn values<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        match self.task {
            Task::MultiLabel => self.columns.iter().map(String::as_str).collect(),
            _ => vec![self.column.as_deref().unwrap_or(name)],
        }
    }

    /// Which of its settings do not fit its task, and why.
    pub fn mistakes(&self) -> Vec<(&'static str, String)> {
        let mut mistakes = Vec::new();
        let task = self.task.name();
        if self.task == Task::MultiLabel {
            if self.column.is_some() {
                mistakes.push((
                    "column",
                    format!("is one column, and the task is {task}: its labels are `columns`"),
                ));
            }
            match self.columns.len() {
                0 => mistakes.push(("task", format!("is {task}, and `columns` names no label"))),
                1 => mistakes.push(("columns", "has one label, which is a classification".into())),
                _ => {}
            }
            let mut seen = std::collections::BTreeSet::new();
            if let Some(twice) = self.columns.iter().find(|column| !seen.insert(*column)) {
                mistakes.push(("columns", format!("has `{twice}` twice")));
            }
        } else if !self.columns.is_empty() {
            mistakes.push((
                "columns",
                format!("are labels of a multi-label task, and the task is {task}"),
            ));
        }
        if self.classes.is_some() && self.task != Task::Classification {
            mistakes.push((
                "classes",
                format!("are those of a classification, and the task is {task}"),
            ));
        }
        mistakes
    }
}
