//! The table of an evaluate stage.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::models::Models;
use pipeline_data::config::PredictionTable;
use pipeline_data::dataset::Split;
use pipeline_metrics::{BootstrapSettings, RecalibrationMethod, ThresholdRule};
use pipeline_train::baseline::Baseline;

/// Scores a model, or the predictions of another program, on a split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluateTable {
    /// Seed of this stage; left out: the recipe's.
    #[serde(default)]
    pub seed: Option<u64>,
    /// An import, freeze or finetune stage with no parameter left new; several: the mean of their probabilities is scored.
    #[serde(default, skip_serializing_if = "Models::is_empty")]
    pub model: Models,
    /// In place of `model`: another program's predictions for the stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predictions: Option<PredictionTable>,
    /// The data stage to score on.
    pub data: String,
    /// The target of the data stage that is scored; left out: the one that the model's head learned in a stage of the recipe, or else the label. Of a head that was imported from a file it has to be stated, if that learned a target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub target: Option<String>,
    /// The split to score on.
    #[schemars(schema_with = "split_names")]
    pub split: Split,
    /// Probability from which a stay is predicted positive.
    #[serde(default = "EvaluateTable::default_threshold")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
    /// More thresholds to report at. All but fixed ones are chosen on the validation split.
    #[serde(default)]
    pub operating_points: Vec<ThresholdRule>,
    /// How probabilities are corrected by what was observed on the validation split; left out: not at all. What is measured of both is reported.
    #[serde(default)]
    pub recalibrate: Option<RecalibrationMethod>,
    /// On whose validation split thresholds and corrections are chosen, where `data` is not the data stage that the head was trained on.
    #[serde(default, skip_serializing_if = "ChosenOn::is_default")]
    pub recalibrate_on: ChosenOn,
    /// Confidence intervals from resamples of the subjects.
    #[serde(default)]
    pub bootstrap: BootstrapSettings,
    /// Columns of the artifact `stays` by whose values metrics are reported, too: text by value, numbers by thirds.
    #[serde(default)]
    pub subgroups: Vec<String>,
    /// A simple model to fit on the same splits and report beside; left out: none.
    #[serde(default)]
    pub baseline: Option<Baseline>,
    /// Other evaluate stages of the same stays, each under the name that it has in the report: how this one's metrics differ, on the same resamples.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub compare: BTreeMap<String, String>,
    /// The reason why subjects of the test split may also be in the training or validation split of a data stage behind the model; left out: such subjects are an error. The report repeats the reason.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub allow_overlap: Option<String>,
}

/// On whose validation split thresholds and corrections are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChosenOn {
    /// That of the data that the head was trained on, by a stage of the recipe.
    #[default]
    Development,
    /// That of `data`: the model is fitted to it to that extent. Has to be stated where no stage of the recipe trained the head.
    Data,
}

impl ChosenOn {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The splits' names and aliases: schemars leaves aliases of enum variants out.
fn split_names(_: &mut SchemaGenerator) -> Schema {
    let names = [
        "train",
        "validation",
        "test",
        "valid",
        "val",
        "tuning",
        "held_out",
    ];
    json_schema!({ "type": "string", "enum": names })
}

impl EvaluateTable {
    /// The simple model that is asked for.
    pub fn baseline(&self) -> Option<Baseline> {
        self.baseline.filter(|baseline| *baseline != Baseline::None)
    }

    fn default_threshold() -> f64 {
        0.5
    }
}
