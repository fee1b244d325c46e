use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array, StringArray, UInt32Array};

use pipeline_data::parquet_file::{self, Compression};
use pipeline_error::Error;

/// What a model says of stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// The stays.
    pub ids: Vec<String>,
    /// Their classes.
    pub labels: Vec<u32>,
    /// Row-major [stays, classes].
    pub logits: Vec<f32>,
    /// The number of classes.
    pub classes: usize,
}

impl Predictions {
    /// The softmax of the logits, row-major [stays, classes], in double precision: a probability
    /// near 1 keeps its distance from it.
    pub fn probabilities(&self) -> Vec<f64> {
        let rows = self.logits.chunks(self.classes.max(1));
        rows.flat_map(|row| {
            let logits: Vec<f64> = row.iter().map(|logit| f64::from(*logit)).collect();
            let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let powers: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
            let sum: f64 = powers.iter().sum();
            powers.into_iter().map(move |power| power / sum)
        })
        .collect()
    }

    /// The probability of every class but the first: with two classes, of class 1.
    pub fn positive_probabilities(&self) -> Vec<f64> {
        positive_of(&self.probabilities(), self.classes)
    }

    /// Whether each stay has a label other than 0.
    pub fn is_positive(&self) -> Vec<bool> {
        self.labels.iter().map(|label| *label > 0).collect()
    }

    /// Writes the artifact, with what else is known of the stays, a column each.
    pub fn write(&self, path: &Path, others: Vec<(&str, Vec<f64>)>) -> Result<(), Error> {
        let logits = |class: usize| -> ArrayRef {
            let column = self
                .logits
                .iter()
                .skip(class)
                .step_by(self.classes)
                .copied();
            Arc::new(Float32Array::from_iter_values(column))
        };
        let numbers = |column: Vec<f64>| -> ArrayRef { Arc::new(Float64Array::from(column)) };
        let names = |what: &str| -> Vec<String> {
            (0..self.classes)
                .map(|class| format!("{what}_{class}"))
                .collect()
        };
        let (probability_names, logit_names) = (names("probability"), names("logit"));
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("stay_id", Arc::new(StringArray::from(self.ids.clone()))),
            ("label", Arc::new(UInt32Array::from(self.labels.clone()))),
        ];
        if self.classes == 2 {
            columns.push(("probability", numbers(self.positive_probabilities())));
        } else {
            let all = self.probabilities();
            for (class, name) in probability_names.iter().enumerate() {
                let column = all.iter().skip(class).step_by(self.classes).copied();
                columns.push((name, numbers(column.collect())));
            }
        }
        for (class, name) in logit_names.iter().enumerate() {
            columns.push((name, logits(class)));
        }
        columns.extend(
            others
                .into_iter()
                .map(|(name, column)| (name, numbers(column))),
        );
        parquet_file::write(path, columns, Compression::UNCOMPRESSED)
    }
}

/// The probability of every class but the first, of probabilities that are row-major [stays, classes].
pub fn positive_of(probabilities: &[f64], classes: usize) -> Vec<f64> {
    let rows = probabilities.chunks(classes.max(1));
    rows.map(|row| row[1..].iter().sum::<f64>().min(1.0))
        .collect()
}

/// The mean of what several models say, each row-major [stays, classes].
pub fn mean_of(probabilities: &[Vec<f64>]) -> Vec<f64> {
    let length = probabilities.first().map_or(0, Vec::len);
    let sum = |at: usize| probabilities.iter().map(|model| model[at]).sum::<f64>();
    let models = probabilities.len() as f64;
    (0..length).map(|at| sum(at) / models).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_near_one_keep_their_distance() {
        let predictions = Predictions {
            ids: vec!["1".into(), "2".into()],
            labels: vec![1, 2],
            logits: vec![-20.0, 20.0, 0.0, 1.0, 1.0, 1.0],
            classes: 3,
        };
        let rows = predictions.probabilities();
        assert!(rows[1] < 1.0 && rows[0] > 0.0);
        assert!((rows[3] - 1.0 / 3.0).abs() < 1e-15);
        let positive = predictions.positive_probabilities();
        assert!((positive[1] - 2.0 / 3.0).abs() < 1e-15);
        assert_eq!(predictions.is_positive(), [true, true]);
    }
}
