use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::baseline::BaselineScores;
use super::comparison::{BaselineReport, ComparisonReport, RecalibrationReport};
use super::curves::EvaluationCurves;
use super::operating_point::OperatingPoint;
use super::predictions::Predictions;
use super::scored_baseline::ScoredBaseline;
use super::settings::EvaluationSettings;
use super::subgroup::{groups, subgroups};
use super::target_evaluation::Scored;
use super::{
    Evaluation, ManyClasses, ScoreSummary, TargetBaseline, TargetComparison, TargetEvaluation,
    TargetSubgroup,
};
use crate::json::write_json;
use crate::says::Says;
use pipeline_data::stay_columns::StayColumns;
use pipeline_data::target::{Target, Truth};
use pipeline_error::Error;
use pipeline_metrics::{
    BINS, BinaryScores, Bootstrap, ClassScores, CurveSet, MultiLabelScores, Recalibration,
    RegressionScores,
};

/// What is measured: predictions, and all that is known of their stays.
pub struct Measurement<'a> {
    /// What is measured, and how.
    pub settings: &'a EvaluationSettings,
    /// Of the split that is scored.
    pub predictions: &'a Predictions,
    /// Of the validation split, where something is chosen on it.
    pub validation: Option<&'a Predictions>,
    /// The simple model, where one is asked for.
    pub baseline: Option<BaselineScores>,
    /// What the models of other stages say, each under its name: of two classes the probability of class 1, else row-major
    /// [stays, outputs].
    pub others: Vec<(String, Vec<f64>)>,
    /// The target that is scored; none: the label.
    pub target: Option<&'a Target>,
    /// Stays of the split that have no value of it.
    pub without_value: usize,
    /// Models that were asked.
    pub models: usize,
    /// What a reader of the numbers has to know.
    pub caveats: Vec<String>,
    /// The table of stays.
    pub stays: &'a StayColumns,
    /// The rows of the scored stays.
    pub rows: &'a [usize],
    /// Resamples of the scored stays.
    pub bootstrap: Bootstrap,
}

/// What was measured.
pub struct Measured {
    /// The artifact `metrics`.
    pub report: Report,
    /// The artifact `curves`.
    pub curves: EvaluationCurves,
    /// More columns of the artifact `predictions`.
    pub columns: Vec<(String, Vec<f64>)>,
}

/// The artifact `metrics`, by what is asked.
pub enum Report {
    /// A class.
    Classes(Box<Evaluation>),
    /// A number, or several labels.
    Target(Box<TargetEvaluation>),
}

impl Report {
    /// The warning about a model that surely ranks stays the wrong way round.
    pub fn inversion(&self) -> Option<String> {
        let Self::Classes(evaluation) = self else {
            return None;
        };
        let interval = evaluation.intervals.get("auroc")?;
        let is_below = interval.upper < 0.5 && interval.is_telling(evaluation.bootstrap.resamples);
        let auroc = evaluation.auroc.filter(|_| is_below)?;
        Some(format!(
            "warning: AUROC {auroc:.4}, and its whole interval is below 0.5: stays of class 1 have the smaller \
             probabilities. Are the classes the other way round?"
        ))
    }
}

impl Report {
    /// Numbers worth showing, by name.
    pub fn metrics(&self) -> BTreeMap<String, Value> {
        match self {
            Self::Classes(evaluation) => evaluation.metrics(),
            Self::Target(evaluation) => evaluation.metrics(),
        }
    }

    /// What has to be kept in mind about the numbers.
    pub fn caveats(&self) -> &[String] {
        match self {
            Self::Classes(evaluation) => &evaluation.caveats,
            Self::Target(evaluation) => &evaluation.caveats,
        }
    }

    /// Writes the artifact.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        match self {
            Self::Classes(evaluation) => write_json(path, evaluation),
            Self::Target(evaluation) => write_json(path, evaluation),
        }
    }
}

impl Measurement<'_> {
    /// Measures.
    pub fn run(self) -> Result<Measured, Error> {
        match (self.target, &self.predictions.says) {
            (_, Says::Classes(2)) => self.two_classes(),
            (_, Says::Classes(_)) | (None, _) => self.many_classes(),
            (Some(target), _) => self.of_target(target),
        }
    }

    fn of_target(self, target: &Target) -> Result<Measured, Error> {
        let bootstrap = &self.bootstrap;
        let scored = |said: &[f64]| scored_of(self.predictions, said);
        let scores = scored(&self.predictions.values())?;
        let (summary, resampled) = scores.measured(None, bootstrap);
        let mut columns = Vec::new();
        let mut baseline = None;
        if let Some(simple) = self.baseline {
            let beside = scored(&simple.said)?.beside(&resampled, bootstrap);
            let said = self.predictions.says.by_column(&simple.said);
            let names = self.predictions.says.columns().into_iter();
            columns.extend(names.map(|name| format!("baseline_{name}")).zip(said));
            baseline = Some(TargetBaseline::of(simple.fit, beside));
        }
        let others = self.others.iter().map(|(with, said)| {
            Ok(TargetComparison {
                with: with.clone(),
                beside: scored(said)?.beside(&resampled, bootstrap),
            })
        });
        let groups = groups(&self.settings.subgroups, self.stays, self.rows)?.into_iter();
        let subgroups = groups.map(|(column, members)| TargetSubgroup {
            column,
            n: members.is_member.iter().filter(|is| **is).count(),
            scores: scores.measure(Some(&members.is_member), bootstrap),
            group: members.group,
        });
        let evaluation = TargetEvaluation {
            target: target.name.clone(),
            task: target.task,
            split: self.settings.split,
            n: self.predictions.ids.len(),
            without_value: self.without_value,
            subjects: bootstrap.subjects(),
            scores: summary,
            bootstrap: self.settings.bootstrap,
            calibration: match &scores {
                Scored::Numbers(scores) => scores.calibration_bins(),
                Scored::Labels(_) => Vec::new(),
            },
            labels: scores.labels(&target.outputs, bootstrap),
            subgroups: subgroups.collect(),
            baseline,
            comparisons: others.collect::<Result<_, Error>>()?,
            given: self.predictions.given.is_some(),
            models: self.models,
            caveats: self.caveats,
        };
        Ok(Measured {
            report: Report::Target(Box::new(evaluation)),
            curves: EvaluationCurves {
                level: self.settings.bootstrap.level,
                ..EvaluationCurves::default()
            },
            columns,
        })
    }

    fn two_classes(self) -> Result<Measured, Error> {
        let bootstrap = &self.bootstrap;
        let scores = scores_of(self.predictions)?;
        let validation = self.validation.map(scores_of).transpose()?;
        let rules = self.settings.rules();
        let (summary, resampled) = ScoreSummary::measured(&scores, None, bootstrap);
        let mut evaluation = self.frame(summary);
        evaluation.operating_points = (rules.iter())
            .map(|rule| OperatingPoint::measure(*rule, validation.as_ref(), &scores, bootstrap))
            .collect();
        evaluation.take_first_operating_point();
        evaluation.subgroups = subgroups(
            &self.settings.subgroups,
            self.stays,
            self.rows,
            &scores,
            bootstrap,
        )?;
        let mut curves = EvaluationCurves {
            level: self.settings.bootstrap.level,
            model: Some(CurveSet::draw(&scores, bootstrap)),
            ..EvaluationCurves::default()
        };
        let mut columns = Vec::new();
        if let (Some(method), Some(validation)) = (self.settings.recalibrate, &validation) {
            let fit = Recalibration::of_validation(method, validation)?;
            evaluation.caveats.extend(fit.warning());
            let validation = corrected(&fit, validation)?;
            let corrected = corrected(&fit, &scores)?;
            let report = RecalibrationReport::measure(
                method,
                &fit,
                &rules,
                &validation,
                &corrected,
                bootstrap,
            );
            evaluation.recalibrated = Some(report);
            curves.recalibrated = Some(CurveSet::draw(&corrected, bootstrap));
            columns.push((
                "recalibrated_probability".to_string(),
                corrected.probabilities().to_vec(),
            ));
        }
        if let Some(baseline) = self.baseline {
            let BaselineScores { fit, said, .. } = baseline;
            let simple = BinaryScores::new(scores.labels().to_vec(), said.clone())?;
            let simple = ScoredBaseline::of(simple, bootstrap);
            evaluation.baseline = Some(BaselineReport::of(fit, &simple, &resampled));
            curves.baseline = Some(simple.curves.clone());
            columns.push(("baseline_probability".to_string(), said));
        }
        for (with, probabilities) in self.others {
            let other = BinaryScores::new(scores.labels().to_vec(), probabilities)?;
            let report = ComparisonReport::measure(&with, &other, &resampled, bootstrap);
            evaluation.comparisons.push(report);
        }
        Ok(Measured {
            report: Report::Classes(Box::new(evaluation)),
            curves,
            columns,
        })
    }

    fn many_classes(self) -> Result<Measured, Error> {
        let predictions = self.predictions;
        let labels = predictions.classes().to_vec();
        let classes = predictions.says.outputs();
        let scores = ClassScores::new(labels, predictions.values(), classes)?;
        let measured = ManyClasses::measure(&scores, &self.bootstrap);
        let metrics = &measured.metrics;
        let summary = ScoreSummary {
            n: predictions.ids.len(),
            positives: predictions.is_positive().iter().filter(|is| **is).count(),
            auroc: metrics.macro_auroc().ok(),
            average_precision: metrics.macro_average_precision().ok(),
            brier: metrics.brier.ok(),
            log_loss: metrics.log_loss.ok(),
            calibration_slope: None,
            calibration_intercept: None,
            ece: None,
            ece_equal_mass: None,
            undefined: measured.undefined,
            intervals: measured.intervals,
        };
        let mut evaluation = self.frame(summary);
        evaluation.accuracy = metrics.accuracy.ok();
        for name in [
            "calibration_slope",
            "calibration_intercept",
            "ece",
            "ece_equal_mass",
            "sensitivity",
            "specificity",
            "ppv",
            "npv",
            "f1",
        ] {
            let reason = "more than two classes".to_string();
            evaluation.undefined.insert(name.into(), reason);
        }
        evaluation.classes = measured.classes;
        evaluation.class_confusion = measured.confusion;
        Ok(Measured {
            report: Report::Classes(Box::new(evaluation)),
            curves: EvaluationCurves {
                level: self.settings.bootstrap.level,
                ..EvaluationCurves::default()
            },
            columns: Vec::new(),
        })
    }

    /// An evaluation with what is measured without a threshold.
    fn frame(&self, summary: ScoreSummary) -> Evaluation {
        Evaluation {
            accuracy: None,
            auroc: summary.auroc,
            average_precision: summary.average_precision,
            brier: summary.brier,
            log_loss: summary.log_loss,
            n: summary.n,
            positives: summary.positives,
            prevalence: summary.positives as f64 / summary.n as f64,
            split: self.settings.split,
            threshold: self.settings.threshold,
            calibration_slope: summary.calibration_slope,
            calibration_intercept: summary.calibration_intercept,
            ece: summary.ece,
            ece_equal_mass: summary.ece_equal_mass,
            ece_bins: BINS,
            sensitivity: None,
            specificity: None,
            ppv: None,
            npv: None,
            f1: None,
            subjects: self.bootstrap.subjects(),
            undefined: summary.undefined,
            bootstrap: self.settings.bootstrap,
            intervals: summary.intervals,
            operating_points: Vec::new(),
            subgroups: Vec::new(),
            recalibrated: None,
            baseline: None,
            comparisons: Vec::new(),
            given: self.predictions.given.is_some(),
            classes: Vec::new(),
            class_confusion: Vec::new(),
            models: self.models,
            caveats: self.caveats.clone(),
        }
    }
}

impl Evaluation {
    /// Gives what is measured at the threshold a place beside what needs none.
    fn take_first_operating_point(&mut self) {
        let Some(point) = self.operating_points.first() else {
            return;
        };
        self.accuracy = point.accuracy;
        self.sensitivity = point.sensitivity;
        self.specificity = point.specificity;
        self.ppv = point.ppv;
        self.npv = point.npv;
        self.f1 = point.f1;
        self.undefined.extend(point.undefined.clone());
        self.intervals.extend(point.intervals.clone());
    }
}

fn scores_of(predictions: &Predictions) -> Result<BinaryScores, Error> {
    BinaryScores::new(
        predictions.is_positive(),
        predictions.positive_probabilities(),
    )
}

fn corrected(fit: &Recalibration, scores: &BinaryScores) -> Result<BinaryScores, Error> {
    let probabilities = scores.probabilities().iter().map(|p| fit.apply(*p));
    BinaryScores::new(scores.labels().to_vec(), probabilities.collect())
}

/// What is said of the stays, where what is true of them is no class.
fn scored_of(predictions: &Predictions, said: &[f64]) -> Result<Scored, Error> {
    match &predictions.truth {
        Some(Truth::Numbers(numbers)) => {
            RegressionScores::new(numbers.clone(), said.to_vec()).map(Scored::Numbers)
        }
        Some(Truth::Labels { has, labels }) => {
            MultiLabelScores::new(has, said, *labels).map(Scored::Labels)
        }
        Some(Truth::Classes(_)) | None => Err(Error::stage(
            "what is said is a number or labels, and what is true is a class",
        )),
    }
}
