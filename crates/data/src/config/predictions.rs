use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Task;
use crate::input_path::InputPath;
use crate::target::Target;

/// A table of what a model said of stays, CSV or Parquet, one row a stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictionTable {
    /// The file, or the artifact of a stage that made it.
    pub path: InputPath,
    /// The column of stay ids; left out: `stay_id`.
    #[serde(default)]
    pub id: Option<String>,
    /// Beside `time` and in place of `id`: the column of patients.
    #[serde(default)]
    pub subject: Option<String>,
    /// The column of times of prediction.
    #[serde(default)]
    pub time: Option<String>,
    /// The column of the probability of class 1; left out: `probability`, unless one of the next two is stated.
    #[serde(default)]
    pub probability: Option<String>,
    /// Of a regression, in place of a probability: the column of the predicted number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The columns of the probabilities of all classes, from class 0 on; of a multi-label target, of its labels in their order.
    #[serde(default)]
    pub probabilities: Vec<String>,
    /// The columns of the logits of all classes, from class 0 on.
    #[serde(default)]
    pub logits: Vec<String>,
}

/// The columns that tell which stay a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredictionKey<'a> {
    /// The stay's id.
    Stay(&'a str),
    /// Its patient, and when it is predicted.
    SubjectAndTime(&'a str, &'a str),
}

/// The columns that say what the model said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PredictionValues<'a> {
    /// The probability of class 1, of two classes.
    Positive(&'a str),
    /// The probability of each class.
    Probabilities(&'a [String]),
    /// The logit of each class.
    Logits(&'a [String]),
    /// The number itself.
    Number(&'a str),
}

impl PredictionTable {
    /// The columns that tell which stay a row is of, or which setting does not fit the others.
    pub fn key(&self) -> Result<PredictionKey<'_>, (&'static str, &'static str)> {
        key_of(
            self.id.as_deref(),
            self.subject.as_deref(),
            self.time.as_deref(),
        )
    }

    /// The columns that say what the model said, or which setting does not fit the others.
    pub fn values(&self) -> Result<PredictionValues<'_>, (&'static str, &'static str)> {
        const SEVERAL: &str = "is one form, and another is stated too";
        match (
            self.probability.as_deref(),
            self.value.as_deref(),
            self.probabilities.as_slice(),
            self.logits.as_slice(),
        ) {
            (name, None, [], []) => Ok(PredictionValues::Positive(name.unwrap_or("probability"))),
            (None, Some(name), [], []) => Ok(PredictionValues::Number(name)),
            (None, None, names, []) => Ok(PredictionValues::Probabilities(names)),
            (None, None, [], names) => Ok(PredictionValues::Logits(names)),
            (Some(_), ..) => Err(("probability", SEVERAL)),
            (None, Some(_), ..) => Err(("value", SEVERAL)),
            (None, None, ..) => Err(("probabilities", SEVERAL)),
        }
    }

    /// Why it does not say what is asked: a setting, and what is wrong with it.
    pub fn unfit_for(&self, target: Option<&Target>) -> Option<(&'static str, String)> {
        let values = self.values().ok()?;
        let task = target.map_or(Task::Classification, |target| target.task);
        match (task, values) {
            (Task::Regression, PredictionValues::Number(_)) => None,
            (Task::Regression, _) => Some((
                "value",
                "is not stated, and a regression is scored: it names the column of the number"
                    .into(),
            )),
            (_, PredictionValues::Number(_)) => {
                Some(("value", "is a number, and probabilities are scored".into()))
            }
            (Task::Classification, _) => {
                let classes = target?.outputs.len();
                (self.classes() != classes).then(|| {
                    let said = self.classes();
                    (
                        "path",
                        format!("has columns for {said} classes, and the target has {classes}"),
                    )
                })
            }
            (Task::MultiLabel, PredictionValues::Positive(_)) => Some((
                "probabilities",
                "is not stated, and several labels are scored: it names the column of each".into(),
            )),
            (
                Task::MultiLabel,
                PredictionValues::Probabilities(names) | PredictionValues::Logits(names),
            ) => {
                let labels = target?.outputs.len();
                (names.len() != labels).then(|| {
                    let said = names.len();
                    (
                        "path",
                        format!("has columns for {said} labels, and the target has {labels}"),
                    )
                })
            }
        }
    }

    /// Classes that it tells apart.
    pub fn classes(&self) -> usize {
        match self.probabilities.len().max(self.logits.len()) {
            0 => 2,
            columns => columns,
        }
    }
}

/// The columns that tell which stay a row is of, or which setting does not fit the others.
pub(super) fn key_of<'a>(
    id: Option<&'a str>,
    subject: Option<&'a str>,
    time: Option<&'a str>,
) -> Result<PredictionKey<'a>, (&'static str, &'static str)> {
    match (id, subject, time) {
        (id, None, None) => Ok(PredictionKey::Stay(id.unwrap_or("stay_id"))),
        (None, Some(subject), Some(time)) => Ok(PredictionKey::SubjectAndTime(subject, time)),
        (Some(_), _, _) => Err(("id", "is one key, and `subject` with `time` is another")),
        (None, Some(_), None) => Err(("subject", "names no stay without `time`")),
        (None, None, Some(_)) => Err(("time", "names no stay without `subject`")),
    }
}
