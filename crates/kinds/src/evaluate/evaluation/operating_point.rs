use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::score_summary::annotate;
use pipeline_data::dataset::Split;
use pipeline_metrics::{BinaryScores, Bootstrap, Confusion, Interval, ThresholdRule, Undefined};

const NAMES: [&str; 6] = ["accuracy", "sensitivity", "specificity", "ppv", "npv", "f1"];

/// What a threshold makes of the stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperatingPoint {
    /// How the threshold was found.
    pub rule: ThresholdRule,
    /// The split it was chosen on; null for a fixed one.
    pub chosen_on: Option<Split>,
    /// Probability from which a stay is predicted positive; null where no threshold keeps the rule.
    pub threshold: Option<f64>,
    /// Fraction of stays predicted right.
    pub accuracy: Option<f64>,
    /// Share of the positives that are predicted positive.
    pub sensitivity: Option<f64>,
    /// Share of the negatives that are predicted negative.
    pub specificity: Option<f64>,
    /// Share of those predicted positive that are.
    pub ppv: Option<f64>,
    /// Share of those predicted negative that are.
    pub npv: Option<f64>,
    /// 2 TP / (2 TP + FP + FN).
    pub f1: Option<f64>,
    /// Stays by class and prediction.
    pub confusion: Option<Confusion>,
    /// Why a number is null, by its name.
    pub undefined: BTreeMap<String, String>,
    /// Where a number lies in resamples, by its name. The threshold is the same in all of them.
    pub intervals: BTreeMap<String, Interval>,
}

fn results(table: &Confusion) -> [Result<f64, Undefined>; 6] {
    [
        table.accuracy(),
        table.sensitivity(),
        table.specificity(),
        table.ppv(),
        table.npv(),
        table.f1(),
    ]
}

impl OperatingPoint {
    /// Chooses the threshold on `validation`, which a rule that chooses needs, and measures `scores` there.
    pub fn measure(
        rule: ThresholdRule,
        validation: Option<&BinaryScores>,
        scores: &BinaryScores,
        bootstrap: &Bootstrap,
    ) -> Self {
        let chosen_on = rule.is_chosen().then_some(Split::Validation);
        let threshold = rule.choose(validation.unwrap_or(scores).ranking());
        let threshold = match threshold {
            Ok(threshold) => threshold,
            Err(reason) => return Self::without_threshold(rule, reason),
        };
        let table = scores.confusion(threshold, &bootstrap.unit_weights());
        let measured = results(&table);
        let resampled = scores.resample_confusion(threshold, bootstrap, |table| {
            results(table).map(Result::ok).to_vec()
        });
        let (undefined, intervals) = annotate(&NAMES, &measured, resampled.intervals());
        let [accuracy, sensitivity, specificity, ppv, npv, f1] = measured.map(Result::ok);
        Self {
            rule,
            chosen_on,
            threshold: Some(threshold),
            accuracy,
            sensitivity,
            specificity,
            ppv,
            npv,
            f1,
            confusion: Some(table),
            undefined,
            intervals,
        }
    }

    fn without_threshold(rule: ThresholdRule, reason: Undefined) -> Self {
        let reason = reason.reason().to_string();
        Self {
            rule,
            chosen_on: Some(Split::Validation),
            threshold: None,
            accuracy: None,
            sensitivity: None,
            specificity: None,
            ppv: None,
            npv: None,
            f1: None,
            confusion: None,
            undefined: BTreeMap::from([("threshold".to_string(), reason)]),
            intervals: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pipeline_metrics::BootstrapSettings;

    fn scores(labels: [bool; 4], probabilities: [f64; 4]) -> BinaryScores {
        BinaryScores::new(labels.to_vec(), probabilities.to_vec()).unwrap()
    }

    /// A threshold is chosen on validation alone: what is measured has no say in it.
    #[test]
    fn the_threshold_is_that_of_the_validation_split() {
        let validation = scores([false, true, false, true], [0.1, 0.2, 0.15, 0.3]);
        let test = scores([false, false, true, true], [0.3, 0.6, 0.7, 0.8]);
        let bootstrap = Bootstrap::new(BootstrapSettings::default(), 1, &["a", "b", "c", "d"]);
        let youden = ThresholdRule::Youden {};
        let point = OperatingPoint::measure(youden, Some(&validation), &test, &bootstrap);
        assert_eq!(point.threshold, Some(0.2));
        assert_eq!(point.chosen_on, Some(Split::Validation));
        assert_eq!(
            (point.sensitivity, point.specificity),
            (Some(1.0), Some(0.0))
        );
        assert_eq!(point.npv, None);
        assert_eq!(point.undefined["npv"], "no stay is predicted negative");
        assert!(point.intervals.contains_key("ppv") && !point.intervals.contains_key("npv"));
    }

    #[test]
    fn a_rule_that_cannot_be_kept_has_no_numbers() {
        let constant = scores([false, true, false, true], [0.5; 4]);
        let bootstrap = Bootstrap::new(BootstrapSettings::default(), 1, &["a"; 4]);
        let rule = ThresholdRule::Specificity { target: 0.9 };
        let point = OperatingPoint::measure(rule, Some(&constant), &constant, &bootstrap);
        assert_eq!((point.threshold, point.f1), (None, None));
        assert_eq!(
            point.undefined["threshold"],
            "no threshold reaches the target"
        );
    }
}
