use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::baseline::BaselineFit;
use super::operating_point::OperatingPoint;
use super::score_summary::ScoreSummary;
use super::scored_baseline::ScoredBaseline;
use pipeline_data::dataset::Split;
use pipeline_metrics::{
    BinaryMetrics, BinaryScores, Bootstrap, PairedDifference, Recalibration, RecalibrationMethod,
    Resampled, ThresholdRule,
};

/// What corrected probabilities are worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RecalibrationReport {
    /// The method.
    pub method: RecalibrationMethod,
    /// The split that the correction was fitted on.
    pub fitted_on: Split,
    /// Of `platt`: the line's intercept on the logit.
    pub intercept: Option<f64>,
    /// Of `platt`: the line's slope on the logit.
    pub slope: Option<f64>,
    /// Of `temperature`: what logits are divided by.
    pub temperature: Option<f64>,
    /// Of `isotonic`: probabilities between which the correction is linear.
    pub knots: Option<usize>,
    /// What was measured.
    pub scores: ScoreSummary,
    /// As those of the model, with thresholds chosen on the corrected probabilities of validation.
    pub operating_points: Vec<OperatingPoint>,
}

impl RecalibrationReport {
    /// Measures `scores`, which were corrected by `fit`, as were those of `validation`.
    pub fn measure(
        method: RecalibrationMethod,
        fit: &Recalibration,
        rules: &[ThresholdRule],
        validation: &BinaryScores,
        scores: &BinaryScores,
        bootstrap: &Bootstrap,
    ) -> Self {
        let mut report = Self {
            method,
            fitted_on: Split::Validation,
            intercept: None,
            slope: None,
            temperature: None,
            knots: None,
            scores: ScoreSummary::measure(scores, None, bootstrap),
            operating_points: (rules.iter())
                .map(|rule| OperatingPoint::measure(*rule, Some(validation), scores, bootstrap))
                .collect(),
        };
        match fit {
            Recalibration::Platt { intercept, slope } => {
                (report.intercept, report.slope) = (Some(*intercept), Some(*slope));
            }
            Recalibration::Isotonic(fit) => report.knots = Some(fit.knots().len()),
            Recalibration::Temperature(temperature) => report.temperature = Some(*temperature),
        }
        report
    }
}

/// What a simple model reaches on the same splits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BaselineReport {
    /// Numbers it sees of a stay.
    pub features: usize,
    /// Its L2 penalty, chosen on the validation split.
    pub penalty: f64,
    /// Training stays that it was fitted to, where these are not all: those that the model learned from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_stays: Option<usize>,
    /// What was measured.
    pub scores: ScoreSummary,
    /// The model's value minus the baseline's, on the same resamples, by metric.
    pub differences: BTreeMap<String, PairedDifference>,
}

impl BaselineReport {
    /// Says of `baseline`, which is as `fit` says, how the scores of `model` differ.
    pub fn of(fit: BaselineFit, baseline: &ScoredBaseline, model: &Resampled) -> Self {
        Self {
            features: fit.features,
            penalty: fit.penalty,
            training_stays: fit.training_stays,
            scores: baseline.summary.clone(),
            differences: differences(model, &baseline.resampled),
        }
    }
}

/// How a model does beside another, which another evaluate stage scores on the same stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparisonReport {
    /// What the recipe calls the other.
    pub with: String,
    /// What was measured of the other.
    pub scores: ScoreSummary,
    /// The model's value minus the other's, on the same resamples, by metric.
    pub differences: BTreeMap<String, PairedDifference>,
}

impl ComparisonReport {
    /// Measures `other`, which is called `with`, and how the scores of `model` differ.
    pub fn measure(
        with: &str,
        other: &BinaryScores,
        model: &Resampled,
        bootstrap: &Bootstrap,
    ) -> Self {
        let (scores, resampled) = ScoreSummary::measured(other, None, bootstrap);
        Self {
            with: with.into(),
            scores,
            differences: differences(model, &resampled),
        }
    }
}

fn differences(model: &Resampled, other: &Resampled) -> BTreeMap<String, PairedDifference> {
    let named = BinaryMetrics::NAMES.iter().zip(model.minus(other));
    named
        .filter_map(|(name, difference)| Some((name.to_string(), difference?)))
        .collect()
}
