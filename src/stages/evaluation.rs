//! What an evaluation measured: the artifact `metrics`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::json::as_json;
use crate::data::dataset::Split;

/// What an evaluate stage measured. Metrics that are undefined for the labels at hand (the
/// AUROC of one class) are null. The fields are written in this order: it is part of the
/// artifact's bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "metrics")]
pub struct Evaluation {
    /// Fraction of stays predicted right at the threshold.
    pub accuracy: Option<f64>,
    /// Area under the receiver operating characteristic.
    pub auroc: Option<f64>,
    /// Average precision, the area under the precision-recall steps.
    pub average_precision: Option<f64>,
    /// Mean squared error of the probabilities.
    pub brier: Option<f64>,
    /// Mean negative log likelihood, in nats.
    pub log_loss: Option<f64>,
    /// Stays.
    pub n: usize,
    /// Stays with label 1.
    pub positives: usize,
    /// Their fraction.
    pub prevalence: f64,
    /// The split scored on.
    pub split: Split,
    /// Probability from which a stay is predicted positive.
    pub threshold: f64,
}

impl Evaluation {
    /// What was measured, by name, without what was set.
    pub fn metrics(&self) -> BTreeMap<String, Value> {
        let Value::Object(mut fields) = as_json(self) else {
            return BTreeMap::new();
        };
        for setting in ["split", "threshold"] {
            fields.remove(setting);
        }
        fields.into_iter().collect()
    }
}
