//! The probabilities that the head gives.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Verdict};
use super::range::Range;

/// Probabilities closer together are constant.
const CONSTANT: f64 = 1e-6;
/// Below and above these a probability is extreme.
const EXTREMES: [f64; 2] = [0.01, 0.99];
/// A larger share of extremes is a warning.
const MAX_EXTREME: f64 = 0.9;
/// A mean further from the prevalence is a warning.
const MAX_DISTANCE: f64 = 0.1;

/// Probabilities of any class but 0, on the split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProbabilityReport {
    /// Where they lie.
    pub range: Range,
    /// Share of the stays with such a class.
    pub prevalence: f64,
    /// Share of the probabilities below 0.01.
    pub below_fraction: f64,
    /// Share of the probabilities above 0.99.
    pub above_fraction: f64,
    /// Different probabilities.
    pub distinct: usize,
}

/// Looks at the probabilities of `margins`, the logits of any class but 0.
pub fn look(margins: &[f64], positives: &[bool]) -> (ProbabilityReport, Vec<Finding>) {
    let sigmoid = |margin: &f64| 1.0 / (1.0 + (-margin).exp());
    let mut sorted: Vec<f64> = margins.iter().map(sigmoid).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let share =
        |holds: &dyn Fn(f64) -> bool| sorted.iter().filter(|p| holds(**p)).count() as f64 / count;
    let report = ProbabilityReport {
        range: Range::of(sorted.iter().copied()),
        prevalence: positives.iter().filter(|is| **is).count() as f64 / count,
        below_fraction: share(&|p| p < EXTREMES[0]),
        above_fraction: share(&|p| p > EXTREMES[1]),
        distinct: sorted.chunk_by(|a, b| a == b).count(),
    };
    (
        report,
        vec![spread(&report), extremes(&report), mean(&report)],
    )
}

fn spread(report: &ProbabilityReport) -> Finding {
    let Range { min, max, .. } = report.range;
    let constant = max - min < CONSTANT;
    let what = match constant {
        true => format!("every stay has the probability {min:.6}"),
        false => format!(
            "{} different probabilities from {min:.4} to {max:.4}",
            report.distinct
        ),
    };
    Finding::new(
        "probabilities",
        Verdict::of(constant, false),
        what,
        "fault: all probabilities lie within 1e-6",
        "look at `dead_units`, `constant_features` and `gradient_flow`",
    )
    .value("min", min)
    .value("max", max)
    .value("distinct", report.distinct as f64)
}

fn extremes(report: &ProbabilityReport) -> Finding {
    let (below, above) = (report.below_fraction, report.above_fraction);
    Finding::new(
        "extreme_probabilities",
        Verdict::of(false, below + above > MAX_EXTREME),
        format!("{:.1} % below 0.01, {:.1} % above 0.99", below * 100.0, above * 100.0),
        "warning: more than nine in ten probabilities are below 0.01 or above 0.99",
        "train fewer epochs or with more dropout; `recalibrate` in the evaluate stage makes them honest",
    )
    .value("below_fraction", below)
    .value("above_fraction", above)
}

fn mean(report: &ProbabilityReport) -> Finding {
    let (mean, prevalence) = (report.range.mean, report.prevalence);
    Finding::new(
        "mean_probability",
        Verdict::of(false, (mean - prevalence).abs() > MAX_DISTANCE),
        format!("{mean:.3} where the prevalence is {prevalence:.3}"),
        "warning: the mean probability is more than 0.1 from the prevalence",
        "a focal loss and class weights do this; `recalibrate` in the evaluate stage corrects it",
    )
    .value("mean", mean)
    .value("prevalence", prevalence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_probability_for_all_is_a_fault_and_extremes_are_counted() {
        let labels = [true, false, false, false];
        let (report, findings) = look(&[-2.0; 4], &labels);
        assert_eq!((report.distinct, report.prevalence), (1, 0.25));
        assert_eq!(findings[0].verdict, Verdict::Fault);
        let (report, findings) = look(&[-9.0, 9.0, 8.0, -7.0], &labels);
        assert_eq!((report.below_fraction, report.above_fraction), (0.5, 0.5));
        let verdicts: Vec<Verdict> = findings.iter().map(|one| one.verdict).collect();
        assert_eq!(verdicts, [Verdict::Ok, Verdict::Warning, Verdict::Warning]);
    }
}
