use serde::{Deserialize, Serialize};

use super::binary_scores::BinaryScores;
use super::isotonic::Isotonic;
use super::logit_line::{Free, Items, LogitLine, logit};
use super::ranking::Ranking;
use super::undefined::Undefined;
use pipeline_error::Error;

/// How probabilities are corrected by what was observed on another split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecalibrationMethod {
    /// σ(a + b · logit(p)) (Platt 1999).
    Platt,
    /// The non-decreasing function nearest to the labels (Zadrozny and Elkan 2002).
    Isotonic,
    /// σ(logit(p) / T) (Guo et al. 2017).
    Temperature,
}

/// A fitted correction.
#[derive(Clone, Debug, PartialEq)]
pub enum Recalibration {
    /// A line on the logit.
    Platt {
        /// Its intercept.
        intercept: f64,
        /// Its slope.
        slope: f64,
    },
    /// A non-decreasing function of the probability.
    Isotonic(Isotonic),
    /// The logit over a temperature.
    Temperature(f64),
}

impl Recalibration {
    /// [Fits](Self::fit) what was observed on a validation split; that there is no fit is an error.
    pub fn of_validation(
        method: RecalibrationMethod,
        validation: &BinaryScores,
    ) -> Result<Self, Error> {
        let (labels, probabilities) = (validation.labels(), validation.probabilities());
        Self::fit(method, labels, probabilities)?.map_err(|reason| {
            Error::stage(format!(
                "the probabilities of the validation split cannot be recalibrated: {reason}"
            ))
            .with_hint("try another method, or leave `recalibrate` out")
        })
    }

    /// Fits labels to probabilities. The first error is of wrong input, the second says why there is no fit.
    pub fn fit(
        method: RecalibrationMethod,
        labels: &[bool],
        probabilities: &[f64],
    ) -> Result<Result<Self, Undefined>, Error> {
        super::input::probabilities("recalibration", labels, probabilities)?;
        let positives = labels.iter().filter(|label| **label).count();
        if labels.is_empty() {
            return Ok(Err(Undefined::NoStays));
        }
        if positives == 0 || positives == labels.len() {
            return Ok(Err(Undefined::OneClass));
        }
        let logits: Vec<f64> = probabilities.iter().map(|p| logit(*p)).collect();
        if logits.iter().all(|other| *other == logits[0]) {
            return Ok(Err(Undefined::ConstantScores));
        }
        Ok(match method {
            RecalibrationMethod::Platt => platt(labels, &logits, positives),
            RecalibrationMethod::Isotonic => {
                let ranking = Ranking::new(labels, probabilities)?;
                let fit = Isotonic::fit(&ranking).map(Recalibration::Isotonic);
                fit.ok_or(Undefined::NoStays)
            }
            RecalibrationMethod::Temperature => temperature(labels, &logits),
        })
    }

    /// The name of its method.
    pub fn name(&self) -> &'static str {
        match self {
            Recalibration::Platt { .. } => "platt",
            Recalibration::Isotonic(_) => "isotonic",
            Recalibration::Temperature(_) => "temperature",
        }
    }

    /// The warning about a correction that does not keep the ranking, as of scores that rank the stays of validation the
    /// wrong way round, or no better than chance.
    pub fn warning(&self) -> Option<String> {
        let does = match self {
            Recalibration::Platt { slope, .. } if *slope <= 0.0 => {
                format!("has the slope {slope:.3}, which reverses the ranking of stays")
            }
            Recalibration::Isotonic(fit) if fit.is_constant() => {
                "gives every stay the same probability".to_string()
            }
            _ => return None,
        };
        Some(format!(
            "warning: the correction `{}` {does}: in the validation split, higher probabilities do not go with class 1. Check \
             the labels of that split, and how it was drawn",
            self.name()
        ))
    }

    /// The corrected probability.
    pub fn apply(&self, probability: f64) -> f64 {
        match self {
            Recalibration::Platt { intercept, slope } => {
                let (intercept, slope) = (*intercept, *slope);
                LogitLine { intercept, slope }.probability(logit(probability))
            }
            Recalibration::Isotonic(fit) => fit.at(probability),
            Recalibration::Temperature(temperature) => {
                let slope = 1.0 / temperature;
                let intercept = 0.0;
                LogitLine { intercept, slope }.probability(logit(probability))
            }
        }
    }
}

/// Platt's targets, (N₊ + 1) / (N₊ + 2) and 1 / (N₋ + 2), keep the line finite where a score separates the classes.
fn platt(labels: &[bool], logits: &[f64], positives: usize) -> Result<Recalibration, Undefined> {
    let negatives = (labels.len() - positives) as f64;
    let positives = positives as f64;
    let high = (positives + 1.0) / (positives + 2.0);
    let low = 1.0 / (negatives + 2.0);
    let targets = labels.iter().map(|label| if *label { high } else { low });
    let targets: Vec<f64> = targets.collect();
    let start = LogitLine {
        intercept: 0.0,
        slope: 0.0,
    };
    let weights = vec![1.0; labels.len()];
    let line = LogitLine::fit(start, Free::Both, &Items::of(logits, &targets, &weights))?;
    let LogitLine { intercept, slope } = line;
    Ok(Recalibration::Platt { intercept, slope })
}

fn temperature(labels: &[bool], logits: &[f64]) -> Result<Recalibration, Undefined> {
    let right = |(label, logit): (&bool, &f64)| if *label { *logit >= 0.0 } else { *logit <= 0.0 };
    if labels.iter().zip(logits).all(right) {
        // The colder, the better: no temperature is best.
        return Err(Undefined::Separated);
    }
    let targets: Vec<f64> = labels
        .iter()
        .map(|label| f64::from(u8::from(*label)))
        .collect();
    // The likelihood is concave: where it falls at slope 0, its best slope is negative.
    let pairs = targets.iter().zip(logits);
    let rise: f64 = pairs.map(|(target, logit)| (target - 0.5) * logit).sum();
    if rise <= 0.0 {
        return Err(Undefined::Reversed);
    }
    let start = LogitLine {
        intercept: 0.0,
        slope: 1.0,
    };
    let weights = vec![1.0; labels.len()];
    let line = LogitLine::fit(start, Free::Slope, &Items::of(logits, &targets, &weights))?;
    Ok(Recalibration::Temperature(1.0 / line.slope))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [bool; 8] = [false, false, true, false, true, true, false, true];
    const PROBABILITIES: [f64; 8] = [0.02, 0.05, 0.1, 0.3, 0.6, 0.9, 0.95, 0.99];

    fn fit(method: RecalibrationMethod) -> Recalibration {
        Recalibration::fit(method, &LABELS, &PROBABILITIES)
            .unwrap()
            .unwrap()
    }

    fn loss(probabilities: &[f64]) -> f64 {
        crate::log_loss(&LABELS, probabilities).unwrap().unwrap()
    }

    #[test]
    fn overconfident_probabilities_become_milder_and_fit_better() {
        for method in [
            RecalibrationMethod::Platt,
            RecalibrationMethod::Isotonic,
            RecalibrationMethod::Temperature,
        ] {
            let fit = fit(method);
            let corrected: Vec<f64> = PROBABILITIES.iter().map(|p| fit.apply(*p)).collect();
            assert!(loss(&corrected) < loss(&PROBABILITIES), "{method:?}");
            assert!(corrected.windows(2).all(|pair| pair[0] <= pair[1]));
            assert!(corrected.iter().all(|p| (0.0..=1.0).contains(p)));
        }
        let Recalibration::Temperature(temperature) = fit(RecalibrationMethod::Temperature) else {
            panic!("a temperature was asked for");
        };
        assert!(temperature > 1.0);
        for other in [0.99 * temperature, 1.01 * temperature] {
            let near = |t: f64| -> f64 {
                let corrected = PROBABILITIES.map(|p| Recalibration::Temperature(t).apply(p));
                loss(&corrected)
            };
            assert!(near(temperature) < near(other));
        }
    }

    #[test]
    fn what_cannot_be_fitted_has_a_reason() {
        let fit = |labels: &[bool], probabilities: &[f64]| {
            Recalibration::fit(RecalibrationMethod::Platt, labels, probabilities).unwrap()
        };
        assert_eq!(fit(&[], &[]), Err(Undefined::NoStays));
        assert_eq!(fit(&[true], &[0.5]), Err(Undefined::OneClass));
        assert_eq!(
            fit(&[true, false], &[0.5; 2]),
            Err(Undefined::ConstantScores)
        );
        assert!(fit(&[false, true], &[0.1, 0.9]).is_ok());
        let cold = RecalibrationMethod::Temperature;
        let separated = Recalibration::fit(cold, &[false, true], &[0.1, 0.9]).unwrap();
        assert_eq!(separated, Err(Undefined::Separated));
    }

    #[test]
    fn a_correction_that_does_not_keep_the_ranking_is_warned_of() {
        let reversed = PROBABILITIES.map(|probability| 1.0 - probability);
        let warning = |method, labels: &[bool], probabilities: &[f64]| {
            let fit = Recalibration::fit(method, labels, probabilities).unwrap();
            fit.unwrap().warning()
        };
        let (platt, isotonic) = (RecalibrationMethod::Platt, RecalibrationMethod::Isotonic);
        let line = warning(platt, &LABELS, &reversed).unwrap();
        assert!(line.contains("`platt` has the slope -"), "{line}");
        let line = warning(isotonic, &[false, true], &[0.9, 0.1]).unwrap();
        assert!(
            line.contains("gives every stay the same probability"),
            "{line}"
        );
        for method in [platt, isotonic] {
            assert_eq!(warning(method, &LABELS, &PROBABILITIES), None);
        }
        let cold = RecalibrationMethod::Temperature;
        let wrong = Recalibration::fit(cold, &[false, true], &[0.9, 0.1]).unwrap();
        assert_eq!(wrong, Err(Undefined::Reversed));
    }
}
