//! What most people ask of an evaluation first.

use std::path::Path;

use serde_json::Value;

use super::evaluation::{Evaluation, TargetEvaluation};
use crate::json::read_json;
use pipeline_data::config::Task;
use pipeline_data::dataset::Split;
use pipeline_error::Error;
use pipeline_metrics::{BootstrapSettings, Interval, PairedDifference};
use pipeline_page::number;

/// Slopes of a calibration that need no word: probabilities are off by less than a fifth, on the logit.
const SLOPES_TO_PASS_OVER: std::ops::RangeInclusive<f64> = 0.8..=1.25;

/// The main metric of an evaluation, where it lies, and how it stands beside the simple model: the AUROC of classes and of
/// labels, the mean absolute error of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Headline {
    /// The metric's name in records: `auroc`, `mae`.
    pub metric: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Its value; none where it is undefined.
    pub value: Option<f64>,
    /// Why it is undefined.
    pub undefined: Option<String>,
    /// Where it lies in resamples; none without these.
    pub interval: Option<Interval>,
    /// How intervals were made.
    pub bootstrap: BootstrapSettings,
    /// The simple model; none where none was asked for.
    pub baseline: Option<BesideBaseline>,
    /// A word about a calibration slope that is far from 1.
    pub calibration: Option<String>,
    /// Stays.
    pub n: usize,
    /// Stays of them that are positive, where that means something.
    pub positives: Option<usize>,
    /// The split scored on.
    pub split: Split,
}

/// The same metric of the simple model, and how the model's differs.
#[derive(Clone, Debug, PartialEq)]
pub struct BesideBaseline {
    /// What the simple model is.
    pub model: &'static str,
    /// Its value; none where it is undefined.
    pub value: Option<f64>,
    /// The model's value minus that; none where one is undefined.
    pub difference: Option<f64>,
    /// Where the difference lies in resamples.
    pub interval: Option<Interval>,
    /// What that means.
    pub standing: Standing,
}

/// Of fewer subjects there are too few different resamples to conclude anything.
pub const FEW_SUBJECTS: usize = 8;

/// What intervals come of.
#[derive(Clone, Copy)]
struct Drawn {
    resamples: usize,
    subjects: usize,
}

/// How a model stands beside another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Better, and the interval of the difference holds no 0.
    Better,
    /// Worse, and the interval holds no 0.
    Worse,
    /// The interval holds 0, leaves too many resamples out to conclude anything, or is of [`FEW_SUBJECTS`].
    Alike,
    /// There is no interval.
    Untold,
}

impl Standing {
    fn of(interval: Option<&Interval>, drawn: Drawn, larger_is_better: bool) -> Self {
        match interval {
            None => Self::Untold,
            Some(_) if drawn.subjects < FEW_SUBJECTS => Self::Alike,
            Some(interval) if !interval.is_telling(drawn.resamples) => Self::Alike,
            Some(interval) if !interval.excludes_zero() => Self::Alike,
            Some(interval) if (interval.lower > 0.0) == larger_is_better => Self::Better,
            Some(_) => Self::Worse,
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Better => "better than the baseline",
            Self::Worse => "worse than the baseline",
            Self::Alike => "no clear difference from the baseline",
            Self::Untold => "no interval says whether the difference from the baseline is chance",
        }
    }
}

impl Headline {
    /// That of the artifact `metrics` in this file.
    pub fn read(metrics: &Path) -> Result<Self, Error> {
        let document: Value = read_json(metrics)?;
        match document.get("task") {
            Some(_) => Ok(Self::of_target(&read_json(metrics)?)),
            None => Ok(Self::of(&read_json(metrics)?)),
        }
    }

    /// That of an evaluation of classes.
    pub fn of(evaluation: &Evaluation) -> Self {
        let interval = |name: &str| evaluation.intervals.get(name);
        let baseline = evaluation.baseline.as_ref().map(|report| {
            let difference = report.differences.get("auroc");
            let drawn = Drawn {
                resamples: evaluation.bootstrap.resamples,
                subjects: evaluation.subjects,
            };
            BesideBaseline::new(LOGISTIC, report.scores.auroc, difference, drawn, true)
        });
        let slope = evaluation.calibration_slope;
        let remedy = match &evaluation.recalibrated {
            None => "`recalibrate = \"platt\"` in the evaluate stage corrects them",
            Some(_) => "the recalibrated probabilities are reported, too",
        };
        Self {
            metric: "auroc",
            title: "AUROC",
            value: evaluation.auroc,
            undefined: evaluation.undefined.get("auroc").cloned(),
            interval: interval("auroc").copied(),
            bootstrap: evaluation.bootstrap,
            baseline,
            calibration: slope.and_then(|slope| {
                calibration_word(
                    slope,
                    interval("calibration_slope"),
                    "probabilities",
                    remedy,
                )
            }),
            n: evaluation.n,
            positives: Some(evaluation.positives),
            split: evaluation.split,
        }
    }

    /// That of an evaluation of a target.
    pub fn of_target(evaluation: &TargetEvaluation) -> Self {
        let is_number = evaluation.task == Task::Regression;
        let (metric, title) = match is_number {
            true => ("mae", "MAE"),
            false => ("auroc", "AUROC"),
        };
        let scores = &evaluation.scores;
        let baseline = evaluation.baseline.as_ref().map(|report| {
            let model = if is_number {
                "ridge regression"
            } else {
                LOGISTIC
            };
            let value = report.beside.scores.metrics.get(metric).copied().flatten();
            let difference = report.beside.differences.get(metric);
            let drawn = Drawn {
                resamples: evaluation.bootstrap.resamples,
                subjects: evaluation.subjects,
            };
            BesideBaseline::new(model, value, difference, drawn, !is_number)
        });
        let slope = scores.metrics.get("calibration_slope").copied().flatten();
        Self {
            metric,
            title,
            value: scores.metrics.get(metric).copied().flatten(),
            undefined: scores.undefined.get(metric).cloned(),
            interval: scores.intervals.get(metric).copied(),
            bootstrap: evaluation.bootstrap,
            baseline,
            calibration: slope.and_then(|slope| {
                let interval = scores.intervals.get("calibration_slope");
                calibration_word(slope, interval, "predictions", "see their tenths")
            }),
            n: evaluation.n,
            positives: None,
            split: evaluation.split,
        }
    }

    /// In how many resamples the metric, or its difference from the baseline, is undefined, in words; none where in none.
    pub fn left_out(&self) -> Option<String> {
        let undefined = self.intervals().map(|interval| interval.undefined).max();
        let undefined = undefined.filter(|undefined| *undefined > 0)?;
        let (title, resamples) = (self.title, self.bootstrap.resamples);
        Some(format!(
            "{title} is undefined in {undefined} of {resamples} resamples, which its interval leaves out"
        ))
    }

    /// Whether so few resamples are left out that something may be concluded.
    pub fn is_telling(&self) -> bool {
        let resamples = self.bootstrap.resamples;
        self.intervals()
            .all(|interval| interval.is_telling(resamples))
    }

    fn intervals(&self) -> impl Iterator<Item = Interval> + '_ {
        let baseline = self.baseline.iter().filter_map(|beside| beside.interval);
        self.interval.into_iter().chain(baseline)
    }

    /// The value, or why there is none.
    pub fn shown(&self) -> String {
        match (self.value, &self.undefined) {
            (Some(value), _) => number::float(value),
            (None, Some(reason)) => format!("undefined: {reason}"),
            (None, None) => "undefined".into(),
        }
    }
}

const LOGISTIC: &str = "logistic regression";

impl BesideBaseline {
    fn new(
        model: &'static str,
        value: Option<f64>,
        difference: Option<&PairedDifference>,
        drawn: Drawn,
        larger_is_better: bool,
    ) -> Self {
        let interval = difference.and_then(|difference| difference.interval);
        Self {
            model,
            value,
            difference: difference.map(|difference| difference.difference),
            standing: Standing::of(interval.as_ref(), drawn, larger_is_better),
            interval,
        }
    }
}

/// A word about a slope that is far from 1, unless its interval holds 1. `said` is what is calibrated.
pub fn calibration_word(
    slope: f64,
    interval: Option<&Interval>,
    said: &str,
    remedy: &str,
) -> Option<String> {
    let may_be_perfect =
        interval.is_some_and(|interval| (interval.lower..=interval.upper).contains(&1.0));
    if SLOPES_TO_PASS_OVER.contains(&slope) || may_be_perfect {
        return None;
    }
    let what = match slope {
        slope if slope <= 0.0 => format!("the {said} run against what was observed"),
        slope if slope < 1.0 => format!("the {said} are too extreme"),
        _ => format!("the {said} lie too close together"),
    };
    Some(format!(
        "calibration slope {}, 1 is perfect: {what}; {remedy}",
        number::float(slope)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(lower: f64, upper: f64) -> Interval {
        Interval {
            lower,
            upper,
            undefined: 0,
        }
    }

    const MANY: Drawn = Drawn {
        resamples: 1000,
        subjects: 100,
    };

    #[test]
    fn a_difference_is_told_from_chance_by_its_interval_and_the_metric_s_direction() {
        let above = interval(0.01, 0.03);
        let of = |interval: &Interval, larger| Standing::of(Some(interval), MANY, larger);
        assert_eq!(of(&above, true), Standing::Better);
        assert_eq!(of(&above, false), Standing::Worse);
        assert_eq!(of(&interval(-0.01, 0.03), true), Standing::Alike);
        assert_eq!(Standing::of(None, MANY, true), Standing::Untold);
    }

    #[test]
    fn a_difference_that_half_of_the_resamples_do_not_have_is_not_told_from_chance() {
        let of = |undefined| {
            let interval = Interval {
                undefined,
                ..interval(0.01, 0.03)
            };
            Standing::of(Some(&interval), MANY, true)
        };
        assert_eq!((of(50), of(507)), (Standing::Better, Standing::Alike));
        let of_few = Drawn {
            subjects: 7,
            ..MANY
        };
        let above = interval(0.01, 0.03);
        assert_eq!(Standing::of(Some(&above), of_few, true), Standing::Alike);
    }

    #[test]
    fn a_slope_far_from_1_has_a_word_unless_1_is_in_its_interval() {
        let word = |slope, interval: Option<Interval>| {
            calibration_word(slope, interval.as_ref(), "probabilities", "mend it")
        };
        assert_eq!(word(1.1, None), None);
        assert_eq!(word(2.0, Some(interval(0.9, 3.0))), None);
        assert_eq!(
            word(48.516, Some(interval(40.0, 60.0))).as_deref(),
            Some(
                "calibration slope 48.5160, 1 is perfect: the probabilities lie too close together; mend it"
            )
        );
        assert!(word(0.5, None).is_some_and(|word| word.contains("too extreme")));
        assert!(word(-0.5, None).is_some_and(|word| word.contains("run against")));
    }
}
