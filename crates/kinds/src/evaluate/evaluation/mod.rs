//! What an evaluation measured: the artifacts `metrics`, `curves`, `predictions` and `meds_predictions`.

mod baseline;
mod class_report;
mod comparison;
mod curves;
mod measurement;
mod meds_predictions;
mod operating_point;
mod predictions;
mod score_summary;
mod scored_baseline;
mod settings;
mod subgroup;
mod target_evaluation;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::as_json;
use pipeline_data::dataset::Split;
use pipeline_metrics::{BootstrapSettings, Interval};

pub use baseline::{BaselineScores, said_in};
pub use class_report::{ClassReport, ManyClasses};
pub use comparison::{BaselineReport, ComparisonReport, RecalibrationReport};
pub use curves::EvaluationCurves;
pub use measurement::{Measured, Measurement, Report};
pub use meds_predictions::MedsPredictions;
pub use operating_point::OperatingPoint;
pub use predictions::Predictions;
pub use score_summary::ScoreSummary;
pub use settings::{EvaluationSettings, needs_validation, rules};
pub use subgroup::Subgroup;
pub use target_evaluation::{
    Beside, LabelReport, TargetBaseline, TargetComparison, TargetEvaluation, TargetScores,
    TargetSubgroup,
};

/// What an evaluate stage measured. Metrics that are undefined for the labels at hand (the
/// AUROC of one class) are null, and `undefined` says why. With more than two classes AUROC and
/// average precision are means over the classes, each against all others, and what needs a
/// positive class is null. The fields are written in this order: it is part of the artifact's bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "metrics")]
pub struct Evaluation {
    /// Fraction of stays predicted right at the threshold.
    pub accuracy: Option<f64>,
    /// Area under the receiver operating characteristic.
    pub auroc: Option<f64>,
    /// Average precision, the area under the precision-recall steps. Random scores have the prevalence.
    pub average_precision: Option<f64>,
    /// Mean squared error of the probabilities; of more than two classes, summed over them.
    pub brier: Option<f64>,
    /// Mean negative log likelihood, in nats.
    pub log_loss: Option<f64>,
    /// Stays.
    pub n: usize,
    /// Stays with label 1; of more than two classes, with any label but 0.
    pub positives: usize,
    /// Their fraction.
    pub prevalence: f64,
    /// The split scored on.
    pub split: Split,
    /// Probability from which a stay is predicted positive.
    pub threshold: f64,
    /// Of logit(P(label = 1)) = a + slope · logit(probability); 1 is perfect, less: too extreme.
    pub calibration_slope: Option<f64>,
    /// Of logit(P(label = 1)) = intercept + logit(probability); 0 is perfect, less: too high.
    pub calibration_intercept: Option<f64>,
    /// Expected calibration error: mean distance of probability and outcome over bins of equal width, by their size.
    pub ece: Option<f64>,
    /// The same over bins of equal size.
    pub ece_equal_mass: Option<f64>,
    /// Bins of both.
    pub ece_bins: usize,
    /// Share of the positives that are predicted positive, at the threshold.
    pub sensitivity: Option<f64>,
    /// Share of the negatives that are predicted negative, at the threshold.
    pub specificity: Option<f64>,
    /// Share of those predicted positive that are, at the threshold.
    pub ppv: Option<f64>,
    /// Share of those predicted negative that are, at the threshold.
    pub npv: Option<f64>,
    /// 2 TP / (2 TP + FP + FN), at the threshold.
    pub f1: Option<f64>,
    /// Different subjects.
    pub subjects: usize,
    /// Why a metric is null, by its name.
    pub undefined: BTreeMap<String, String>,
    /// How intervals were made: percentiles over resamples of the subjects.
    pub bootstrap: BootstrapSettings,
    /// Where a metric lies in resamples, by its name.
    pub intervals: BTreeMap<String, Interval>,
    /// At the threshold, and at every other that the recipe names.
    pub operating_points: Vec<OperatingPoint>,
    /// By columns of `stays`.
    pub subgroups: Vec<Subgroup>,
    /// With corrected probabilities.
    pub recalibrated: Option<RecalibrationReport>,
    /// A simple model on the same splits.
    pub baseline: Option<BaselineReport>,
    /// Models that other evaluate stages score on the same stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comparisons: Vec<ComparisonReport>,
    /// Whether a table gave the predictions, and no model of the recipe.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub given: bool,
    /// Of more than two classes: each by itself, against all others.
    pub classes: Vec<ClassReport>,
    /// Of more than two classes: stays by class (rows) and most probable class (columns).
    pub class_confusion: Vec<Vec<f64>>,
    /// Models whose probabilities were averaged.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub models: usize,
    /// What a reader of the numbers has to know: inputs of unknown meaning, subjects that the model was fitted on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caveats: Vec<String>,
}

fn one() -> usize {
    1
}

fn is_one(number: &usize) -> bool {
    *number == 1
}

impl Evaluation {
    /// Numbers worth showing, by name, without what was set.
    pub fn metrics(&self) -> BTreeMap<String, Value> {
        let numbers = [
            ("accuracy", self.accuracy),
            ("auroc", self.auroc),
            ("average_precision", self.average_precision),
            ("brier", self.brier),
            ("log_loss", self.log_loss),
            ("calibration_slope", self.calibration_slope),
            ("calibration_intercept", self.calibration_intercept),
            ("ece", self.ece),
            ("sensitivity", self.sensitivity),
            ("specificity", self.specificity),
            ("ppv", self.ppv),
            ("npv", self.npv),
            ("f1", self.f1),
            ("prevalence", Some(self.prevalence)),
        ];
        let two_classes = self.classes.is_empty();
        let numbers = numbers.into_iter();
        let mut metrics: BTreeMap<String, Value> = numbers
            .filter(|(_, value)| value.is_some() || two_classes)
            .map(|(name, value)| (name.to_string(), as_json(&value)))
            .collect();
        metrics.insert("n".into(), self.n.into());
        metrics.insert("positives".into(), self.positives.into());
        let others = [
            (
                "baseline",
                self.baseline.as_ref().map(|report| &report.scores),
            ),
            (
                "recalibrated",
                self.recalibrated.as_ref().map(|report| &report.scores),
            ),
        ];
        for (name, scores) in others {
            let Some(scores) = scores else { continue };
            for (metric, value) in [
                ("auroc", scores.auroc),
                ("average_precision", scores.average_precision),
                ("brier", scores.brier),
            ] {
                metrics.insert(format!("{name}.{metric}"), as_json(&value));
            }
        }
        metrics
    }
}
