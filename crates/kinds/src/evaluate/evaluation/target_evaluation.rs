use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::baseline::BaselineFit;
use super::score_summary::annotate;
use crate::json::as_json;
use pipeline_data::config::Task;
use pipeline_data::dataset::Split;
use pipeline_metrics::{
    Bootstrap, BootstrapSettings, Interval, MeanBin, MultiLabelMetrics, MultiLabelScores,
    PairedDifference, RegressionMetrics, RegressionScores, Resampled, Undefined,
};

/// What an evaluate stage measured of a target that is a number, or several labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "target-metrics")]
pub struct TargetEvaluation {
    /// The target's name.
    pub target: String,
    /// What is asked.
    #[schemars(with = "String")]
    pub task: Task,
    /// The split scored on.
    pub split: Split,
    /// Stays that have a value.
    pub n: usize,
    /// Stays of the split that have none, and are left out.
    pub without_value: usize,
    /// Different subjects.
    pub subjects: usize,
    /// What was measured. Of a regression: `mae`, `rmse`, `r2`, `bias`, `calibration_slope`, `calibration_intercept`. Of a
    /// multi-label task: `auroc` and `average_precision` (means over the labels), `micro_auroc` and
    /// `micro_average_precision` (of all labels of all stays together), `brier`, `log_loss`.
    #[serde(flatten)]
    pub scores: TargetScores,
    /// How intervals were made: percentiles over resamples of the subjects.
    pub bootstrap: BootstrapSettings,
    /// Of a regression: predicted and observed means of tenths of the stays, by what is predicted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<MeanBin>,
    /// Of a multi-label task: each label by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelReport>,
    /// By columns of `stays`.
    pub subgroups: Vec<TargetSubgroup>,
    /// A simple model on the same splits.
    pub baseline: Option<TargetBaseline>,
    /// Models that other evaluate stages score on the same stays.
    pub comparisons: Vec<TargetComparison>,
    /// Whether a table gave the predictions, and no model of the recipe.
    pub given: bool,
    /// Models whose predictions were averaged.
    pub models: usize,
    /// What a reader of the numbers has to know.
    pub caveats: Vec<String>,
}

/// Metrics by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetScores {
    /// Their values; null where one is undefined.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Why a metric is null, by its name.
    pub undefined: BTreeMap<String, String>,
    /// Where a metric lies in resamples, by its name.
    pub intervals: BTreeMap<String, Interval>,
}

/// One label of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LabelReport {
    /// Its name.
    pub label: String,
    /// Stays that have it.
    pub positives: usize,
    /// `auroc` and `average_precision` of it.
    #[serde(flatten)]
    pub scores: TargetScores,
}

/// Stays that have something in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetSubgroup {
    /// The column of `stays`.
    pub column: String,
    /// The value that they share, or the range; `missing` where there is none, and the text `missing` is in quotes.
    pub group: String,
    /// Stays.
    pub n: usize,
    /// What was measured of them.
    #[serde(flatten)]
    pub scores: TargetScores,
}

/// What a simple model reaches on the same splits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetBaseline {
    /// Numbers it sees of a stay.
    pub features: usize,
    /// Its L2 penalty, chosen on the validation split.
    pub penalty: f64,
    /// Training stays that it was fitted to, where these are not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_stays: Option<usize>,
    /// What was measured of it.
    #[serde(flatten)]
    pub beside: Beside,
}

/// How a model does beside another, which another evaluate stage scores on the same stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TargetComparison {
    /// What the recipe calls the other.
    pub with: String,
    /// What was measured of it.
    #[serde(flatten)]
    pub beside: Beside,
}

/// What another model reaches, and how the model differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Beside {
    /// What was measured of the other.
    pub scores: TargetScores,
    /// The model's value minus the other's, on the same resamples, by metric.
    pub differences: BTreeMap<String, PairedDifference>,
}

impl TargetEvaluation {
    /// Numbers worth showing, by name.
    pub fn metrics(&self) -> BTreeMap<String, Value> {
        let own = self.scores.metrics.iter();
        let mut metrics: BTreeMap<String, Value> = own
            .map(|(name, value)| (name.clone(), as_json(value)))
            .collect();
        metrics.insert("n".into(), self.n.into());
        let baseline = self.baseline.iter();
        let baseline = baseline.flat_map(|baseline| &baseline.beside.scores.metrics);
        metrics.extend(baseline.map(|(name, value)| (format!("baseline.{name}"), as_json(value))));
        metrics
    }

    /// The names of those numbers.
    pub fn names(task: Task, with_baseline: bool) -> Vec<String> {
        let names = names_of(task).iter().map(ToString::to_string);
        let baseline = names_of(task).iter().map(|name| format!("baseline.{name}"));
        let baseline = baseline.filter(|_| with_baseline);
        names.chain(["n".into()]).chain(baseline).collect()
    }
}

fn names_of(task: Task) -> &'static [&'static str] {
    match task {
        Task::MultiLabel => &MultiLabelMetrics::NAMES,
        Task::Regression | Task::Classification => &RegressionMetrics::NAMES,
    }
}

/// What is said where something is true, ready to be measured.
pub enum Scored {
    /// Numbers.
    Numbers(RegressionScores),
    /// Labels.
    Labels(MultiLabelScores),
}

impl Scored {
    /// What is asked.
    pub fn task(&self) -> Task {
        match self {
            Self::Numbers(_) => Task::Regression,
            Self::Labels(_) => Task::MultiLabel,
        }
    }

    fn results(&self, weights: &[f64]) -> Vec<Result<f64, Undefined>> {
        match self {
            Self::Numbers(scores) => scores.measure(weights).results().to_vec(),
            Self::Labels(scores) => scores.measure(weights).results().to_vec(),
        }
    }

    fn values(&self, weights: &[f64]) -> Vec<Option<f64>> {
        self.results(weights).into_iter().map(Result::ok).collect()
    }

    /// Measures the stays that are `members`, or all.
    pub fn measure(&self, members: Option<&[bool]>, bootstrap: &Bootstrap) -> TargetScores {
        self.measured(members, bootstrap).0
    }

    /// As [`Self::measure`], with what the metrics are in every resample.
    pub fn measured(
        &self,
        members: Option<&[bool]>,
        bootstrap: &Bootstrap,
    ) -> (TargetScores, Resampled) {
        let masked = |weights: &[f64]| -> Vec<f64> {
            match members {
                None => weights.to_vec(),
                Some(members) => {
                    let pairs = weights.iter().zip(members);
                    pairs.map(|(w, is)| if *is { *w } else { 0.0 }).collect()
                }
            }
        };
        let results = self.results(&masked(&bootstrap.unit_weights()));
        let resampled = bootstrap.resample(|weights| self.values(&masked(weights)));
        let names = names_of(self.task());
        let intervals = bootstrap.intervals_of(&resampled, members);
        let scores = TargetScores::of(names, &results, intervals);
        (scores, resampled)
    }

    /// Measures this, and how `model`, of the same resamples, differs from it.
    pub fn beside(&self, model: &Resampled, bootstrap: &Bootstrap) -> Beside {
        let (scores, resampled) = self.measured(None, bootstrap);
        let named = names_of(self.task()).iter().zip(model.minus(&resampled));
        Beside {
            scores,
            differences: named
                .filter_map(|(name, difference)| Some((name.to_string(), difference?)))
                .collect(),
        }
    }

    /// Every label by itself.
    pub fn labels(&self, names: &[String], bootstrap: &Bootstrap) -> Vec<LabelReport> {
        let Self::Labels(scores) = self else {
            return Vec::new();
        };
        let of_labels = |weights: &[f64]| -> Vec<Result<f64, Undefined>> {
            let metrics = scores.measure(weights);
            let pairs = metrics.aurocs.into_iter().zip(metrics.average_precisions);
            pairs
                .flat_map(|(auroc, precision)| [auroc, precision])
                .collect()
        };
        let results = of_labels(&bootstrap.unit_weights());
        let intervals =
            bootstrap.intervals(|weights| of_labels(weights).into_iter().map(Result::ok).collect());
        let labels = names.iter().zip(scores.positives());
        let pairs = results.chunks(2).zip(intervals.chunks(2));
        let reports = labels
            .zip(pairs)
            .map(|((label, positives), (results, intervals))| {
                let names = ["auroc", "average_precision"];
                LabelReport {
                    label: label.clone(),
                    positives,
                    scores: TargetScores::of(&names, results, intervals.to_vec()),
                }
            });
        reports.collect()
    }
}

impl TargetScores {
    fn of(
        names: &[&str],
        results: &[Result<f64, Undefined>],
        intervals: Vec<Option<Interval>>,
    ) -> Self {
        let (undefined, intervals) = annotate(names, results, intervals);
        let metrics = names.iter().zip(results);
        Self {
            metrics: metrics
                .map(|(name, result)| (name.to_string(), result.ok()))
                .collect(),
            undefined,
            intervals,
        }
    }
}

impl TargetBaseline {
    /// That of a fit, and of what it reaches.
    pub fn of(fit: BaselineFit, beside: Beside) -> Self {
        Self {
            features: fit.features,
            penalty: fit.penalty,
            training_stays: fit.training_stays,
            beside,
        }
    }
}
