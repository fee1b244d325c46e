//! The table of a predict stage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evaluate::ChosenOn;
use crate::models::Models;
use pipeline_metrics::{RecalibrationMethod, ThresholdRule};

/// Says what a model thinks of every stay of a data stage; no label is needed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictTable {
    /// An import, freeze or finetune stage with no parameter left new; several: the mean of their probabilities is predicted.
    pub model: Models,
    /// The data stage whose stays are predicted, all of them.
    pub data: String,
    /// Probability from which a stay is predicted positive.
    #[serde(default = "PredictTable::default_threshold")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
    /// More thresholds to predict at. All but fixed ones are chosen on a validation split.
    #[serde(default)]
    pub operating_points: Vec<ThresholdRule>,
    /// How probabilities are corrected by what was observed on that validation split; left out: not at all.
    #[serde(default)]
    pub recalibrate: Option<RecalibrationMethod>,
    /// On whose validation split thresholds and corrections are chosen.
    #[serde(default, skip_serializing_if = "ChosenOn::is_default")]
    pub recalibrate_on: ChosenOn,
    /// How the predictions are written.
    #[serde(default)]
    pub format: PredictionFormat,
}

/// How predictions are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PredictionFormat {
    /// A Parquet file.
    #[default]
    Parquet,
    /// A CSV file with a header, for programs that read nothing else.
    Csv,
    /// A Parquet file in the schema of meds-evaluation: `subject_id`, `prediction_time`, `boolean_value` where the data have labels, `predicted_boolean_value`, `predicted_boolean_probability`.
    Meds,
}

impl PredictTable {
    fn default_threshold() -> f64 {
        0.5
    }
}
