use candle_core::Tensor;

use crate::config::SelectionMetric;
use crate::monitored::{Metric, Monitored};
use pipeline_data::target::Truth;
use pipeline_error::Error;
use pipeline_metrics::{self as metrics, ClassScores, MultiLabelScores, RegressionScores};

/// The head's scores on validation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadValidation {
    /// The training loss, without dropout.
    pub loss: f64,
    /// Of several classes or labels their mean. Undefined where a class is missing, and of numbers.
    pub auroc: Option<f64>,
    /// The same of the average precision.
    pub average_precision: Option<f64>,
    /// Of numbers: how far they are off.
    pub errors: Option<NumberErrors>,
}

/// How far numbers are off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberErrors {
    /// Mean absolute error, in units.
    pub mae: f64,
    /// Share of the variance that is explained; undefined where there is none.
    pub r2: Option<f64>,
}

/// The scores of what a head says, [stays, outputs], where `truth` is true: logits of classes or labels, or numbers in units.
pub fn scores(said: &Tensor, truth: &Truth, loss: f64) -> Result<HeadValidation, Error> {
    let mut scores = HeadValidation {
        loss,
        auroc: None,
        average_precision: None,
        errors: None,
    };
    match truth {
        Truth::Classes(labels) => {
            (scores.auroc, scores.average_precision) = of_classes(said, labels)?;
        }
        Truth::Labels { has, labels } => {
            let odds = said.flatten_all()?.to_vec1::<f32>()?;
            let sigmoid = |odds: f32| 1.0 / (1.0 + (-f64::from(odds)).exp());
            let probabilities: Vec<f64> = odds.into_iter().map(sigmoid).collect();
            let measured = MultiLabelScores::new(has, &probabilities, *labels)?;
            let [auroc, average_precision, ..] = measured
                .measure(&vec![1.0; truth.len()])
                .results()
                .map(Result::ok);
            (scores.auroc, scores.average_precision) = (auroc, average_precision);
        }
        Truth::Numbers(numbers) => {
            let said = said.flatten_all()?.to_vec1::<f32>()?;
            let said = said.into_iter().map(f64::from).collect();
            let measured = RegressionScores::new(numbers.clone(), said)?;
            let measured = measured.measure(&vec![1.0; numbers.len()]);
            scores.errors = measured.mae.ok().map(|mae| NumberErrors {
                mae,
                r2: measured.r2.ok(),
            });
        }
    }
    Ok(scores)
}

/// AUROC and average precision of `logits` [stays, classes]; of more than two classes, their means over
/// the classes, each against all others. Undefined where a class has no stay.
fn of_classes(logits: &Tensor, labels: &[u32]) -> Result<(Option<f64>, Option<f64>), Error> {
    let classes = logits.dim(1)?;
    let logits = logits.flatten_all()?.to_vec1::<f32>()?;
    let logits: Vec<f64> = logits.into_iter().map(f64::from).collect();
    // As in an evaluation: single precision would make ties of probabilities near 1.
    let probabilities = metrics::softmax(&logits, classes);
    if classes == 2 {
        let scores: Vec<f64> = probabilities.chunks(2).map(|row| row[1]).collect();
        let labels: Vec<bool> = labels.iter().map(|label| *label == 1).collect();
        return Ok((
            metrics::auroc(&labels, &scores)?,
            metrics::average_precision(&labels, &scores)?,
        ));
    }
    let scores = ClassScores::new(labels.to_vec(), probabilities, classes)?;
    let measured = scores.measure(&vec![1.0; labels.len()]);
    Ok((
        measured.macro_auroc().ok(),
        measured.macro_average_precision().ok(),
    ))
}

impl std::fmt::Display for HeadValidation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        match (self.auroc, self.errors) {
            (Some(auroc), _) => write!(formatter, " · AUROC {auroc:.4}"),
            (None, Some(errors)) => write!(formatter, " · MAE {:.4}", errors.mae),
            (None, None) => write!(formatter, " · validation loss {:.4}", self.loss),
        }
    }
}

impl HeadValidation {
    /// The columns of a history that tell of a validation, if there was one, of what is asked as in `truth`.
    pub fn columns(truth: &Truth, validation: Option<&Self>) -> [(&'static str, Option<f64>); 3] {
        let of = |value: fn(&Self) -> Option<f64>| validation.and_then(value);
        let loss = ("validation_loss", of(|now| Some(now.loss)));
        match truth {
            Truth::Classes(_) | Truth::Labels { .. } => [
                loss,
                ("validation_auroc", of(|now| now.auroc)),
                (
                    "validation_average_precision",
                    of(|now| now.average_precision),
                ),
            ],
            Truth::Numbers(_) => [
                loss,
                (
                    "validation_mae",
                    of(|now| now.errors.map(|errors| errors.mae)),
                ),
                ("validation_r2", of(|now| now.errors?.r2)),
            ],
        }
    }

    /// What a row of the history tells of a validation, if there was one.
    pub(super) fn told_by(row: &[(String, Option<f64>)]) -> Option<Self> {
        let value = |name: &str| row.iter().find(|(column, _)| column == name)?.1;
        Some(Self {
            loss: value("validation_loss")?,
            auroc: value("validation_auroc"),
            average_precision: value("validation_average_precision"),
            errors: value("validation_mae").map(|mae| NumberErrors {
                mae,
                r2: value("validation_r2"),
            }),
        })
    }

    pub(super) fn value(&self, metric: SelectionMetric) -> Option<f64> {
        match metric {
            SelectionMetric::Auroc => self.auroc,
            SelectionMetric::AveragePrecision => self.average_precision,
            SelectionMetric::Loss => Some(self.loss),
        }
    }

    /// The metric, which must be defined; `setting` asks for it.
    pub(super) fn monitored(
        &self,
        metric: SelectionMetric,
        setting: &str,
    ) -> Result<Monitored, Error> {
        let name = match metric {
            SelectionMetric::Auroc => "auroc",
            SelectionMetric::AveragePrecision => "average_precision",
            SelectionMetric::Loss => "loss",
        };
        let value = self.value(metric).filter(|value| value.is_finite());
        let value = value.ok_or_else(|| {
            Error::stage(format!(
                "{name}, which `{setting}` asks for, is undefined on the validation split"
            ))
            .with_hint(format!(
                "the validation split needs stays of every class; or set `{setting} = \"loss\"`"
            ))
        })?;
        let mode = metric.mode();
        Ok(Monitored { value, mode })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn probabilities_that_single_precision_rounds_to_1_are_no_ties() -> Result<(), Error> {
        let logits = [0f32, 18.0, 0.0, 17.0, 0.0, 20.0, 0.0, 19.0];
        let said = Tensor::from_slice(&logits, (4, 2), &Device::Cpu)?;
        let truth = Truth::Classes(vec![1, 0, 1, 0]);
        let scores = scores(&said, &truth, 0.0)?;
        assert_eq!(scores.auroc, Some(0.75));
        Ok(())
    }
}
