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
    /// Of every model that was asked, row-major [stays, classes].
    pub logits: Vec<Vec<f32>>,
    /// In place of logits, the probabilities that a table gives, row-major [stays, classes].
    pub given: Option<Vec<f64>>,
    /// The number of classes.
    pub classes: usize,
}

impl Predictions {
    /// What several models say of the same stays. Fails where the stays or their labels differ.
    pub fn together(models: Vec<Self>) -> Result<Option<Self>, Error> {
        let mut models = models.into_iter();
        let Some(mut all) = models.next() else {
            return Ok(None);
        };
        for model in models {
            if (&model.ids, &model.labels, model.classes) != (&all.ids, &all.labels, all.classes) {
                let differing = model
                    .ids
                    .iter()
                    .zip(&all.ids)
                    .find(|(own, first)| own != first);
                let which = differing.map_or_else(
                    || format!("{} and {} stays", all.ids.len(), model.ids.len()),
                    |(own, first)| format!("stay {first} and stay {own}"),
                );
                return Err(Error::stage(format!(
                    "the models of the ensemble do not speak of the same stays, labels and classes: {which}"
                ))
                .with_hint(
                    "one validation split chooses thresholds and corrections: train all heads on one data stage; an evaluate \
                     stage may choose them on the scored data instead, with recalibrate_on = \"data\"",
                ));
            }
            all.logits.extend(model.logits);
        }
        Ok(Some(all))
    }

    /// The mean over the models of the softmax of their logits, row-major [stays, classes], in double precision: a
    /// probability near 1 keeps its distance from it.
    pub fn probabilities(&self) -> Vec<f64> {
        if let Some(given) = &self.given {
            return given.clone();
        }
        let wide = |logits: &Vec<f32>| logits.iter().map(|logit| f64::from(*logit)).collect();
        let models = self.logits.iter().map(wide);
        let each: Vec<Vec<f64>> = models
            .map(|logits: Vec<f64>| softmax(&logits, self.classes))
            .collect();
        mean_of(&each)
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
        let logits = |of_model: &[f32], class: usize| -> ArrayRef {
            let column = of_model.iter().skip(class).step_by(self.classes).copied();
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
        // The mean of several models' probabilities has no logits of its own.
        if let [one] = self.logits.as_slice() {
            for (class, name) in logit_names.iter().enumerate() {
                columns.push((name, logits(one, class)));
            }
        }
        columns.extend(
            others
                .into_iter()
                .map(|(name, column)| (name, numbers(column))),
        );
        parquet_file::write(path, columns, Compression::UNCOMPRESSED)
    }
}

/// The softmax of logits that are row-major [stays, classes].
pub fn softmax(logits: &[f64], classes: usize) -> Vec<f64> {
    let rows = logits.chunks(classes.max(1));
    rows.flat_map(|row| {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let powers: Vec<f64> = row.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        powers.into_iter().map(move |power| power / sum)
    })
    .collect()
}

/// The probability of every class but the first, of probabilities that are row-major [stays, classes].
pub fn positive_of(probabilities: &[f64], classes: usize) -> Vec<f64> {
    let rows = probabilities.chunks(classes.max(1));
    rows.map(|row| row[1..].iter().sum::<f64>().min(1.0))
        .collect()
}

/// The mean of what several models say, each row-major [stays, classes].
fn mean_of(probabilities: &[Vec<f64>]) -> Vec<f64> {
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
            logits: vec![vec![-20.0, 20.0, 0.0, 1.0, 1.0, 1.0]],
            given: None,
            classes: 3,
        };
        let rows = predictions.probabilities();
        assert!(rows[1] < 1.0 && rows[0] > 0.0);
        assert!((rows[3] - 1.0 / 3.0).abs() < 1e-15);
        let positive = predictions.positive_probabilities();
        assert!((positive[1] - 2.0 / 3.0).abs() < 1e-15);
        assert_eq!(predictions.is_positive(), [true, true]);
    }
    #[test]
    fn several_models_say_the_mean_of_their_probabilities_of_the_same_stays() {
        let of = |ids: [&str; 2], logits: [f32; 4]| Predictions {
            ids: ids.map(String::from).to_vec(),
            labels: vec![0, 1],
            logits: vec![logits.to_vec()],
            given: None,
            classes: 2,
        };
        let (a, b) = ([0.0, 1.0, 2.0, -1.0], [0.5, 0.0, 0.0, 3.0]);
        let (first, second) = (of(["1", "2"], a), of(["1", "2"], b));
        let mean: Vec<f64> = (first.probabilities().iter().zip(second.probabilities()))
            .map(|(a, b)| (a + b) / 2.0)
            .collect();
        let both = Predictions::together(vec![first.clone(), second]).unwrap();
        assert_eq!(both.unwrap().probabilities(), mean);
        let one = Predictions::together(vec![first.clone()]).unwrap().unwrap();
        assert_eq!(one.probabilities(), softmax(&a.map(f64::from), 2));
        let error = Predictions::together(vec![first, of(["1", "3"], b)]).unwrap_err();
        assert!(error.to_string().contains("stay 2 and stay 3"), "{error}");
    }
}
