use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use pipeline_metrics::{BinaryMetrics, BinaryScores, Bootstrap, Interval, Resampled, Undefined};

/// Metrics of two-class probabilities that need no threshold, with their intervals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScoreSummary {
    /// Stays.
    pub n: usize,
    /// Stays with label 1.
    pub positives: usize,
    /// Area under the receiver operating characteristic.
    pub auroc: Option<f64>,
    /// Average precision.
    pub average_precision: Option<f64>,
    /// Mean squared error of the probabilities.
    pub brier: Option<f64>,
    /// Mean negative log likelihood, in nats.
    pub log_loss: Option<f64>,
    /// Slope of a logistic recalibration; 1 is perfect.
    pub calibration_slope: Option<f64>,
    /// Calibration in the large, on the logit; 0 is perfect.
    pub calibration_intercept: Option<f64>,
    /// Expected calibration error, bins of equal width.
    pub ece: Option<f64>,
    /// Expected calibration error, bins of equal size.
    pub ece_equal_mass: Option<f64>,
    /// Why a metric is null, by its name.
    pub undefined: BTreeMap<String, String>,
    /// Where a metric lies in resamples, by its name.
    pub intervals: BTreeMap<String, Interval>,
}

impl ScoreSummary {
    /// The metric of this name; none where it is undefined, and of an unknown name.
    pub fn value(&self, name: &str) -> Option<f64> {
        match name {
            "auroc" => self.auroc,
            "average_precision" => self.average_precision,
            "brier" => self.brier,
            "log_loss" => self.log_loss,
            "calibration_slope" => self.calibration_slope,
            "calibration_intercept" => self.calibration_intercept,
            "ece" => self.ece,
            "ece_equal_mass" => self.ece_equal_mass,
            _ => None,
        }
    }

    /// Measures the stays that are `members`, or all.
    pub fn measure(scores: &BinaryScores, members: Option<&[bool]>, bootstrap: &Bootstrap) -> Self {
        Self::measured(scores, members, bootstrap).0
    }

    /// As [`Self::measure`], with what the metrics are in every resample.
    pub fn measured(
        scores: &BinaryScores,
        members: Option<&[bool]>,
        bootstrap: &Bootstrap,
    ) -> (Self, Resampled) {
        let is_member = |stay: usize| members.is_none_or(|members| members[stay]);
        let stays: Vec<usize> = (0..scores.len()).filter(|stay| is_member(*stay)).collect();
        let positives = stays.iter().filter(|stay| scores.labels()[**stay]);
        let (metrics, resampled) = scores.resample(members, bootstrap);
        let (undefined, intervals) = annotate(
            &BinaryMetrics::NAMES,
            &metrics.results(),
            bootstrap.intervals_of(&resampled, members),
        );
        let summary = Self {
            n: stays.len(),
            positives: positives.count(),
            auroc: metrics.auroc.ok(),
            average_precision: metrics.average_precision.ok(),
            brier: metrics.brier.ok(),
            log_loss: metrics.log_loss.ok(),
            calibration_slope: metrics.calibration_slope.ok(),
            calibration_intercept: metrics.calibration_intercept.ok(),
            ece: metrics.ece.ok(),
            ece_equal_mass: metrics.ece_equal_mass.ok(),
            undefined,
            intervals,
        };
        (summary, resampled)
    }
}

/// Reasons of metrics without a value, and intervals of those with one, by name.
pub(super) fn annotate(
    names: &[&str],
    results: &[Result<f64, Undefined>],
    intervals: Vec<Option<Interval>>,
) -> (BTreeMap<String, String>, BTreeMap<String, Interval>) {
    let mut reasons = BTreeMap::new();
    let mut kept = BTreeMap::new();
    for ((name, result), interval) in names.iter().zip(results).zip(intervals) {
        match (result, interval) {
            (Err(undefined), _) => {
                reasons.insert(name.to_string(), undefined.reason().to_string());
            }
            (Ok(_), Some(interval)) => {
                kept.insert(name.to_string(), interval);
            }
            (Ok(_), None) => {}
        }
    }
    (reasons, kept)
}
