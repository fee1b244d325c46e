//! What is made of a probability: a correction, and a class at every threshold.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::rows::Rows;
use crate::json::{as_json, write_json};
use pipeline_data::contract::exact::Exact;
use pipeline_error::Error;
use pipeline_error::listed::first_names;
use pipeline_metrics::{BinaryScores, Isotonic, Recalibration, RecalibrationMethod, ThresholdRule};

/// A correction, and thresholds: the artifact `calibration`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stated", into = "Stated")]
pub struct Calibration {
    /// How probabilities are corrected.
    pub recalibration: Option<Recalibration>,
    /// From which probability, before the correction, a stay is predicted positive: at the threshold, then at the
    /// other operating points. Empty beside more than two classes.
    pub thresholds: Vec<f64>,
}

impl Calibration {
    /// That of settings, chosen on what a model says of a validation split. Errors say what there is no choice for.
    pub fn choose(
        recalibrate: Option<RecalibrationMethod>,
        rules: &[ThresholdRule],
        validation: Option<&BinaryScores>,
    ) -> Result<Self, Error> {
        let chosen = |rule: &ThresholdRule| match (rule, validation) {
            (ThresholdRule::Fixed { threshold }, _) => Ok(*threshold),
            (rule, Some(validation)) => rule.choose(validation.ranking()).map_err(|reason| {
                Error::stage(format!("no threshold keeps {}: {reason}", as_json(rule)))
            }),
            (_, None) => Err(Error::stage(
                "there is no validation split to choose a threshold on",
            )),
        };
        let fit = recalibrate.map(|method| match validation {
            Some(validation) => Recalibration::of_validation(method, validation),
            None => Err(Error::stage(
                "there is no validation split to fit a correction to",
            )),
        });
        Ok(Self {
            recalibration: fit.transpose()?,
            thresholds: rules.iter().map(chosen).collect::<Result<_, _>>()?,
        })
    }

    /// Reads the file that [`Self::write`] wrote. Errors name it.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let unread = |error: &dyn std::fmt::Display| {
            Error::file(path, format!("is no calibration: {error}"))
        };
        let text = std::fs::read(path).map_err(|error| unread(&error))?;
        serde_json::from_slice(&text).map_err(|error| unread(&error))
    }

    /// Writes it.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        write_json(path, self)
    }

    /// Adds what it makes of the probabilities of the positive class.
    pub fn add_columns(&self, positive: &[f64], rows: &mut Rows) {
        if let Some(fit) = &self.recalibration {
            let corrected = positive.iter().map(|probability| fit.apply(*probability));
            rows.numbers("recalibrated_probability", corrected.collect());
        }
        for (name, threshold) in self.named_thresholds() {
            rows.flags(&name, positive.iter().map(|p| *p >= threshold).collect());
        }
    }

    /// What is worth reading where predictions are written in the schema of MEDS: the columns that it does not have.
    pub fn left_out_of_meds(&self) -> Option<String> {
        let corrected = self.recalibration.as_ref();
        let corrected = corrected.map(|_| "recalibrated_probability".to_string());
        let thresholds = self.named_thresholds().skip(1).map(|(name, _)| name);
        let columns: Vec<String> = corrected.into_iter().chain(thresholds).collect();
        (!columns.is_empty()).then(|| {
            let columns = first_names(&columns, columns.len());
            format!("left out, as the schema of MEDS has no such column: {columns}")
        })
    }

    /// The thresholds as metrics.
    pub fn metrics(&self) -> BTreeMap<String, Value> {
        let thresholds = self.named_thresholds();
        let metric = |(name, threshold)| (format!("{name}.threshold"), json!(threshold));
        thresholds.map(metric).collect()
    }

    /// The thresholds by the names of their columns.
    pub fn named_thresholds(&self) -> impl Iterator<Item = (String, f64)> {
        let numbered = self.thresholds.iter().enumerate();
        numbered.map(|(number, threshold)| {
            let name = match number {
                0 => "predicted".to_string(),
                number => format!("predicted_{number}"),
            };
            (name, *threshold)
        })
    }
}

/// As it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stated {
    recalibration: Option<StatedRecalibration>,
    thresholds: Vec<Exact>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
enum StatedRecalibration {
    Platt { intercept: Exact, slope: Exact },
    Isotonic { knots: Vec<[Exact; 2]> },
    Temperature { temperature: Exact },
}

impl From<Calibration> for Stated {
    fn from(calibration: Calibration) -> Self {
        let stated = |recalibration| match recalibration {
            Recalibration::Platt { intercept, slope } => StatedRecalibration::Platt {
                intercept: Exact(intercept),
                slope: Exact(slope),
            },
            Recalibration::Isotonic(fit) => StatedRecalibration::Isotonic {
                knots: fit
                    .knots()
                    .iter()
                    .map(|knot| [Exact(knot.0), Exact(knot.1)])
                    .collect(),
            },
            Recalibration::Temperature(temperature) => StatedRecalibration::Temperature {
                temperature: Exact(temperature),
            },
        };
        Self {
            recalibration: calibration.recalibration.map(stated),
            thresholds: calibration.thresholds.into_iter().map(Exact).collect(),
        }
    }
}

impl TryFrom<Stated> for Calibration {
    type Error = &'static str;

    fn try_from(stated: Stated) -> Result<Self, Self::Error> {
        let recalibration = match stated.recalibration {
            None => None,
            Some(StatedRecalibration::Platt { intercept, slope }) => Some(Recalibration::Platt {
                intercept: intercept.0,
                slope: slope.0,
            }),
            Some(StatedRecalibration::Temperature { temperature }) => {
                Some(Recalibration::Temperature(temperature.0))
            }
            Some(StatedRecalibration::Isotonic { knots }) => {
                let knots = knots.into_iter().map(|[score, share]| (score.0, share.0));
                let fit = Isotonic::of_knots(knots.collect());
                let fit = fit.ok_or("the knots are no non-decreasing function")?;
                Some(Recalibration::Isotonic(fit))
            }
        };
        Ok(Self {
            recalibration,
            thresholds: stated.thresholds.into_iter().map(|exact| exact.0).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_schema_of_meds_leaves_out_is_named() {
        let chosen = |recalibration, thresholds: &[f64]| {
            let thresholds = thresholds.to_vec();
            Calibration {
                recalibration,
                thresholds,
            }
        };
        assert_eq!(chosen(None, &[0.5]).left_out_of_meds(), None);
        let temperature = Some(Recalibration::Temperature(2.0));
        let told = chosen(temperature, &[0.5, 0.1]).left_out_of_meds();
        let told = told.expect("a note");
        assert!(
            told.ends_with(": `recalibrated_probability`, `predicted_1`"),
            "{told}"
        );
    }

    #[test]
    fn every_correction_is_read_back_to_the_last_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("calibration.json");
        let knots = vec![(0.1 + 0.2, 1.0 / 3.0), (0.7, 1.0 / 3.0), (0.9, 1.0)];
        let isotonic = Isotonic::of_knots(knots).unwrap();
        for recalibration in [
            None,
            Some(Recalibration::Platt {
                intercept: -1.0 / 7.0,
                slope: 0.1 + 0.2,
            }),
            Some(Recalibration::Temperature(1.0 / 3.0)),
            Some(Recalibration::Isotonic(isotonic)),
        ] {
            let calibration = Calibration {
                recalibration,
                thresholds: vec![0.5, 0.1 + 0.2, 5e-324],
            };
            calibration.write(&path).unwrap();
            assert_eq!(Calibration::read(&path).unwrap(), calibration);
        }
        let falling = r#"{"recalibration":{"isotonic":{"knots":[["0.5","1"],["0.6","0.5"]]}},"thresholds":[]}"#;
        std::fs::write(&path, falling).unwrap();
        let error = Calibration::read(&path).unwrap_err().to_string();
        assert!(
            error.contains("calibration.json: is no calibration: the knots are no"),
            "{error}"
        );
    }
}
