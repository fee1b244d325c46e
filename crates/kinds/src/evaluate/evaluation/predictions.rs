use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float32Array, Float64Array, StringArray, UInt32Array};

use crate::asked::named;
use crate::says::{Says, positive_of};
use pipeline_data::parquet_file::{self, Compression};
use pipeline_data::target::{Target, Truth};
use pipeline_error::Error;

/// What a model says of stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Predictions {
    /// The stays.
    pub ids: Vec<String>,
    /// What is true of them; none where that is not asked.
    pub truth: Option<Truth>,
    /// Outputs of every model that was asked, row-major [stays, outputs].
    pub outputs: Vec<Vec<f32>>,
    /// In place of outputs, the values that a table gives, row-major [stays, outputs].
    pub given: Option<Vec<f64>>,
    /// What outputs say.
    pub says: Says,
    /// The target that they say; none: the label.
    pub target: Option<Target>,
}

impl Predictions {
    /// What several models say of the same stays. Fails where the stays, their labels, or what is said of them differ.
    pub fn together(models: Vec<Self>) -> Result<Option<Self>, Error> {
        let mut models = models.into_iter();
        let Some(mut all) = models.next() else {
            return Ok(None);
        };
        for model in models {
            if (&model.target, &model.says) != (&all.target, &all.says) {
                let said = |one: &Self| {
                    let target = named(one.target.as_ref());
                    format!("{target} ({})", one.says.describe())
                };
                return Err(Error::stage(format!(
                    "the models of the ensemble say different things: {} and {}",
                    said(&all),
                    said(&model)
                ))
                .with_hint("ask each of them in a stage of its own"));
            }
            if (&model.ids, &model.truth) != (&all.ids, &all.truth) {
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
            all.outputs.extend(model.outputs);
        }
        Ok(Some(all))
    }

    /// The mean over the models of what their outputs say, row-major [stays, outputs], in double precision: a
    /// probability near 1 keeps its distance from it.
    pub fn values(&self) -> Vec<f64> {
        if let Some(given) = &self.given {
            return given.clone();
        }
        let wide = |outputs: &Vec<f32>| outputs.iter().map(|output| f64::from(*output)).collect();
        let models = self.outputs.iter().map(wide);
        let each: Vec<Vec<f64>> = models
            .map(|outputs: Vec<f64>| self.says.values(&outputs))
            .collect();
        mean_of(&each)
    }

    /// The probability of every class but the first: with two classes, of class 1.
    pub fn positive_probabilities(&self) -> Vec<f64> {
        positive_of(&self.values(), self.says.outputs())
    }

    /// The class of every stay; of another task none.
    pub fn classes(&self) -> &[u32] {
        let classes = self.truth.as_ref().and_then(Truth::classes);
        classes.unwrap_or_default()
    }

    /// Whether each stay has a label other than 0.
    pub fn is_positive(&self) -> Vec<bool> {
        self.classes().iter().map(|label| *label > 0).collect()
    }

    /// The columns of the artifact that hold what is true of the stays.
    pub fn truth_columns(&self) -> Vec<(String, ArrayRef)> {
        match (&self.truth, &self.says) {
            (Some(Truth::Classes(classes)), _) => {
                vec![("label".into(), Arc::new(UInt32Array::from(classes.clone())))]
            }
            (Some(Truth::Numbers(observed)), _) => vec![(
                "observed".into(),
                Arc::new(Float64Array::from(observed.clone())),
            )],
            (Some(Truth::Labels { has, labels }), Says::Labels(names)) => {
                let column = |(label, name): (usize, &String)| -> (String, ArrayRef) {
                    let has = has.iter().skip(label).step_by(*labels);
                    let has: BooleanArray = has.map(|has| Some(*has)).collect();
                    (format!("label_{name}"), Arc::new(has))
                };
                names.iter().enumerate().map(column).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Writes the artifact, with what else is known of the stays, a column each.
    pub fn write(&self, path: &Path, others: Vec<(String, Vec<f64>)>) -> Result<(), Error> {
        let numbers = |column: Vec<f64>| -> ArrayRef { Arc::new(Float64Array::from(column)) };
        let outputs = self.says.outputs();
        let mut columns: Vec<(String, ArrayRef)> = vec![(
            "stay_id".into(),
            Arc::new(StringArray::from(self.ids.clone())),
        )];
        columns.extend(self.truth_columns());
        let said = self.says.by_column(&self.values());
        let said = self.says.columns().into_iter().zip(said);
        columns.extend(said.map(|(name, column)| (name, numbers(column))));
        // The mean of several models' probabilities has no logits of its own.
        if let ([one], Says::Classes(_) | Says::Labels(_)) = (self.outputs.as_slice(), &self.says) {
            let name = |output: usize| match &self.says {
                Says::Labels(names) => format!("logit_{}", names[output]),
                _ => format!("logit_{output}"),
            };
            for output in 0..outputs {
                let column = one.iter().skip(output).step_by(outputs).copied();
                let column: ArrayRef = Arc::new(Float32Array::from_iter_values(column));
                columns.push((name(output), column));
            }
        }
        let others = others.into_iter();
        columns.extend(others.map(|(name, column)| (name, numbers(column))));
        let columns = columns.iter();
        let columns = columns.map(|(name, column)| (name.as_str(), column.clone()));
        parquet_file::write(path, columns.collect(), Compression::UNCOMPRESSED)
    }
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
    use pipeline_data::config::Task;

    #[test]
    fn probabilities_near_one_keep_their_distance() {
        let predictions = Predictions {
            ids: vec!["1".into(), "2".into()],
            truth: Some(Truth::Classes(vec![1, 2])),
            outputs: vec![vec![-20.0, 20.0, 0.0, 1.0, 1.0, 1.0]],
            given: None,
            says: Says::Classes(3),
            target: None,
        };
        let rows = predictions.values();
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
            truth: Some(Truth::Classes(vec![0, 1])),
            outputs: vec![logits.to_vec()],
            given: None,
            says: Says::Classes(2),
            target: None,
        };
        let (a, b) = ([0.0, 1.0, 2.0, -1.0], [0.5, 0.0, 0.0, 3.0]);
        let (first, second) = (of(["1", "2"], a), of(["1", "2"], b));
        let mean: Vec<f64> = (first.values().iter().zip(second.values()))
            .map(|(a, b)| (a + b) / 2.0)
            .collect();
        let both = Predictions::together(vec![first.clone(), second]).unwrap();
        assert_eq!(both.unwrap().values(), mean);
        let one = Predictions::together(vec![first.clone()]).unwrap().unwrap();
        assert_eq!(one.values(), Says::Classes(2).values(&a.map(f64::from)));
        let others = of(["1", "3"], b);
        let error = Predictions::together(vec![first.clone(), others]).unwrap_err();
        assert!(error.to_string().contains("stay 2 and stay 3"), "{error}");
        let other_target = Predictions {
            target: Some(Target {
                name: "sepsis".into(),
                task: Task::Classification,
                outputs: vec!["0".into(), "1".into()],
            }),
            ..first.clone()
        };
        let error = Predictions::together(vec![first, other_target]).unwrap_err();
        let differ = "different things: the label (one of 2 classes) and the target `sepsis` (one of 2 classes)";
        assert!(error.to_string().contains(differ), "{error}");
    }
}
