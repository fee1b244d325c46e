use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input_path::InputPath;

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
    /// The columns of the probabilities of all classes, from class 0 on.
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
            self.probabilities.as_slice(),
            self.logits.as_slice(),
        ) {
            (name, [], []) => Ok(PredictionValues::Positive(name.unwrap_or("probability"))),
            (None, names, []) => Ok(PredictionValues::Probabilities(names)),
            (None, [], names) => Ok(PredictionValues::Logits(names)),
            (Some(_), ..) => Err(("probability", SEVERAL)),
            (None, ..) => Err(("probabilities", SEVERAL)),
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
