use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::score_summary::annotate;
use pipeline_metrics::{Bootstrap, ClassMetrics, ClassScores, Interval, Undefined};

const NAMES: [&str; 5] = [
    "accuracy",
    "auroc",
    "average_precision",
    "brier",
    "log_loss",
];

/// One class against all others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassReport {
    /// The class.
    pub class: usize,
    /// Stays of it.
    pub n: usize,
    /// Area under the receiver operating characteristic.
    pub auroc: Option<f64>,
    /// Average precision.
    pub average_precision: Option<f64>,
    /// Why a metric is null, by its name.
    pub undefined: BTreeMap<String, String>,
    /// Where a metric lies in resamples, by its name.
    pub intervals: BTreeMap<String, Interval>,
}

/// What is measured of more than two classes.
pub struct ManyClasses {
    /// Over all stays and classes.
    pub metrics: ClassMetrics,
    /// Why a metric is null, by its name.
    pub undefined: BTreeMap<String, String>,
    /// Where a metric lies in resamples, by its name.
    pub intervals: BTreeMap<String, Interval>,
    /// Class by class.
    pub classes: Vec<ClassReport>,
    /// Stays by class and most probable class.
    pub confusion: Vec<Vec<f64>>,
}

/// The metrics over all classes, then AUROC and average precision class by class.
fn results(metrics: &ClassMetrics) -> Vec<Result<f64, Undefined>> {
    let mut results = vec![
        metrics.accuracy,
        metrics.macro_auroc(),
        metrics.macro_average_precision(),
        metrics.brier,
        metrics.log_loss,
    ];
    for (auroc, precision) in metrics.aurocs.iter().zip(&metrics.average_precisions) {
        results.extend([*auroc, *precision]);
    }
    results
}

impl ManyClasses {
    /// Measures, with intervals.
    pub fn measure(scores: &ClassScores, bootstrap: &Bootstrap) -> Self {
        let once = bootstrap.unit_weights();
        let metrics = scores.measure(&once);
        let measured = results(&metrics);
        let mut intervals = bootstrap.intervals(|weights| {
            let found = results(&scores.measure(weights));
            found.into_iter().map(Result::ok).collect()
        });
        let of_classes = intervals.split_off(NAMES.len());
        let (undefined, intervals) = annotate(&NAMES, &measured[..NAMES.len()], intervals);
        let pairs = measured[NAMES.len()..].chunks(2).zip(of_classes.chunks(2));
        let classes = pairs.enumerate().map(|(class, (values, intervals))| {
            let names = ["auroc", "average_precision"];
            let (undefined, intervals) = annotate(&names, values, intervals.to_vec());
            let of_class = scores.labels().iter();
            ClassReport {
                class,
                n: of_class.filter(|label| **label as usize == class).count(),
                auroc: values[0].ok(),
                average_precision: values[1].ok(),
                undefined,
                intervals,
            }
        });
        Self {
            classes: classes.collect(),
            confusion: scores.confusion(&once),
            metrics,
            undefined,
            intervals,
        }
    }
}
