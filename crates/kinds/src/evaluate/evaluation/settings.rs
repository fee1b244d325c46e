use serde::Serialize;

use pipeline_data::dataset::Split;
use pipeline_metrics::{BootstrapSettings, RecalibrationMethod, ThresholdRule};
use pipeline_train::baseline::Baseline;

/// What is measured, and how: all that can change an evaluation beside model, data and seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EvaluationSettings {
    /// The split to score on.
    pub split: Split,
    /// Probability from which a stay is predicted positive.
    pub threshold: f64,
    /// More thresholds to report at.
    pub operating_points: Vec<ThresholdRule>,
    /// How probabilities are corrected.
    pub recalibrate: Option<RecalibrationMethod>,
    /// How intervals are made.
    pub bootstrap: BootstrapSettings,
    /// Columns of `stays` to divide by.
    pub subgroups: Vec<String>,
    /// A simple model that stands beside.
    pub baseline: Option<Baseline>,
}

impl EvaluationSettings {
    /// Whether something is chosen or fitted on the model's scores of the validation split.
    pub fn needs_validation(&self) -> bool {
        needs_validation(self.recalibrate, &self.operating_points)
    }

    /// Every rule: that of the threshold first.
    pub fn rules(&self) -> Vec<ThresholdRule> {
        rules(self.threshold, &self.operating_points)
    }
}

/// Whether something is chosen or fitted on scores of a validation split.
pub fn needs_validation(
    recalibrate: Option<RecalibrationMethod>,
    operating_points: &[ThresholdRule],
) -> bool {
    recalibrate.is_some() || operating_points.iter().any(|rule| rule.is_chosen())
}

/// A fixed threshold, then the other rules.
pub fn rules(threshold: f64, operating_points: &[ThresholdRule]) -> Vec<ThresholdRule> {
    let fixed = ThresholdRule::Fixed { threshold };
    [&[fixed], operating_points].concat()
}
