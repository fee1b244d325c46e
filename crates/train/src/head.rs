//! Training the classification head, on stored features or on those of a backbone that is trained along.

mod epochs;
mod going_on;
mod steer;
#[cfg(test)]
mod tests;

use candle_core::{Device, Tensor, Var};

pub use epochs::train_head;

use super::config::{HeadSettings, SelectionMetric};
use super::gradients::{Gradients, Variables, variables_to_host};
use super::history::History;
use super::loss::{log_softmax, weighted_classification_loss};
use super::monitored::{Metric, Monitored};
use super::optimizer::OptimizerState;
use super::replay::{BrokenStep, ReplayFolder};
use super::schedule::RateScale;
use super::snapshot::Snapshot;
use pipeline_error::Error;
use pipeline_metrics::{self as metrics, ClassScores};
use pipeline_model::classifier::Head;
use pipeline_model::config::ModelConfig;
use pipeline_model::host::{HostParameters, to_device};
use pipeline_model::noise::Noise;
use pipeline_model::parameter::ParameterSource;
use pipeline_random::Stream;

/// Features and labels of some stays, in one order.
#[derive(Clone, Debug)]
pub struct LabelledFeatures {
    /// The stays' ids.
    pub ids: Vec<String>,
    /// [stays, feature_dim]. A variable, if they depend on parameters in training.
    pub features: Tensor,
    /// Class of every stay.
    pub labels: Vec<u32>,
    /// The graphs that such features come from: the same rows again, shard after shard.
    pub shards: Vec<Tensor>,
}

impl LabelledFeatures {
    /// Some of the stays.
    pub fn rows(&self, rows: &[u32]) -> Result<Self, Error> {
        let index = Tensor::new(rows, self.features.device())?;
        let chosen = || rows.iter().map(|&row| row as usize);
        Ok(Self {
            ids: chosen().map(|row| self.ids[row].clone()).collect(),
            features: self.features.index_select(&index, 0)?,
            labels: chosen().map(|row| self.labels[row]).collect(),
            shards: Vec::new(),
        })
    }
}

/// The outcome of training a head.
pub struct TrainedHead {
    /// The trainable parameters after the epoch that is kept.
    pub parameters: HostParameters,
    /// One row an epoch.
    pub history: History,
    /// The epoch that is kept (the best, or the last), counted from 1.
    pub best_epoch: usize,
    /// Validation after that epoch.
    pub best: HeadValidation,
}

/// The head's scores on validation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeadValidation {
    /// The training loss, without dropout.
    pub loss: f64,
    /// Undefined where a class is missing, or there are more than two.
    pub auroc: Option<f64>,
    /// Undefined without positives, or with more than two classes.
    pub average_precision: Option<f64>,
}

/// A head in training.
pub struct HeadTrainer<'a> {
    settings: &'a HeadSettings,
    head: Head,
    variables: Variables,
    optimizer: OptimizerState,
    classes: usize,
    class_weights: Option<Vec<f32>>,
    seed: u64,
    dropout: Stream,
    replay: &'a ReplayFolder,
    epoch: usize,
    step: u64,
    step_of_epoch: u64,
}

/// What to do about numbers that are not finite.
const HINT: &str = "lower the learning rate, or look at the features for extreme values";

impl<'a> HeadTrainer<'a> {
    /// For input on `device`. `parameters` holds the whole head, and what is trained below it; only
    /// those that `trainable` names become variables. A step with a loss or gradient that is not finite is left in `replay`.
    pub fn new(
        device: &Device,
        model: &ModelConfig,
        parameters: &HostParameters,
        trainable: &[String],
        settings: &'a HeadSettings,
        seed: u64,
        replay: &'a ReplayFolder,
    ) -> Result<Self, Error> {
        let mut tensors = to_device(parameters, device)?;
        let mut variables = Variables::new();
        for name in trainable {
            let Some(tensor) = tensors.get_mut(name) else {
                return Err(Error::stage(format!(
                    "the head has no parameter {name} to train"
                )));
            };
            let variable = Var::from_tensor(tensor)?;
            *tensor = variable.as_tensor().clone();
            variables.insert(name.clone(), variable);
        }
        Ok(Self {
            settings,
            head: Head::new(&ParameterSource::given(&tensors), model)?,
            optimizer: OptimizerState::new(&settings.optimizer, &variables)?,
            variables,
            classes: model.classifier.num_classes,
            class_weights: None,
            seed,
            dropout: Stream::new(seed, "head dropout"),
            replay,
            epoch: 1,
            step: 0,
            step_of_epoch: 0,
        })
    }

    /// One optimizer step on `batches`, at learning rates scaled by `scale`; returns the loss
    /// before it: the mean over the stays of all batches, weighted by their classes.
    pub fn step(&mut self, batches: &[LabelledFeatures], scale: RateScale) -> Result<f64, Error> {
        let (loss, mut gradients) = self.gradients(batches)?;
        gradients.audit(&self.variables, &[])?;
        let norm = gradients.clip(self.settings.clip_norm);
        if !norm.is_finite() {
            let parameter = gradients.first_not_finite().unwrap_or("the head");
            let problem = format!("the gradient of {parameter} is not finite");
            return Err(self.broken(batches, problem, Some(parameter)));
        }
        self.optimizer.step(&self.variables, &gradients, scale)?;
        self.step += 1;
        self.step_of_epoch += 1;
        Ok(loss)
    }

    fn gradients(&self, batches: &[LabelledFeatures]) -> Result<(f64, Gradients), Error> {
        let in_all: f64 = batches.iter().map(|batch| self.weight(batch)).sum();
        let (mut total, mut gradients) = (0.0, Gradients::default());
        for (index, batch) in batches.iter().enumerate() {
            let noise = Noise::training(&self.dropout, &self.dropout, self.step, index as u64);
            let dropout = self.settings.dropout;
            let logits = self.head.forward(&batch.features, dropout, &noise)?;
            let mut loss = self.loss(&logits, &batch.labels)?;
            // A stay counts the same in an incomplete last batch as in a whole one.
            let share = self.weight(batch) / in_all;
            if share != 1.0 {
                loss = (loss * share)?;
            }
            let value = f64::from(loss.to_scalar::<f32>()?);
            if !value.is_finite() {
                return Err(self.broken(batches, format!("the loss is {value}"), None));
            }
            total += value;
            gradients.add(&self.variables, &batch.backward(&loss)?)?;
        }
        Ok((total, gradients))
    }

    fn loss(&self, logits: &Tensor, labels: &[u32]) -> Result<Tensor, Error> {
        let weights = self.class_weights.as_deref();
        let loss = &self.settings.loss;
        Ok(weighted_classification_loss(logits, labels, loss, weights)?)
    }

    /// What a batch counts beside others of its step.
    fn weight(&self, batch: &LabelledFeatures) -> f64 {
        match &self.class_weights {
            None => batch.labels.len() as f64,
            Some(weights) => {
                let weight = |label: &u32| weights.get(*label as usize).copied().map(f64::from);
                batch.labels.iter().filter_map(weight).sum()
            }
        }
    }

    /// Whether a stay by itself gives a loss and gradients that are finite, without dropout. A ReLU
    /// makes 0 of NaN, so that the loss alone does not tell.
    fn is_finite(&self, row: &LabelledFeatures) -> Result<bool, Error> {
        let logits = self.head.forward(&row.features, [0.0; 3], &Noise::Off)?;
        let loss = self.loss(&logits, &row.labels)?;
        if !loss.to_scalar::<f32>()?.is_finite() {
            return Ok(false);
        }
        let gradients = Gradients::sum(&self.variables, &[loss.backward()?])?;
        Ok(gradients.first_not_finite().is_none())
    }

    /// The stays that are not finite by themselves; all, if it is only their sum.
    fn suspects(&self, batches: &[LabelledFeatures]) -> Result<Vec<String>, Error> {
        let mut suspects = Vec::new();
        for batch in batches {
            for row in 0..batch.labels.len() as u32 {
                let row = batch.rows(&[row])?;
                if !self.is_finite(&row)? {
                    suspects.extend(row.ids);
                }
            }
        }
        if suspects.is_empty() {
            suspects.extend(batches.iter().flat_map(|batch| batch.ids.clone()));
        }
        Ok(suspects)
    }

    /// Saves the step that broke; returns the failure that says so.
    fn broken(
        &self,
        batches: &[LabelledFeatures],
        problem: String,
        parameter: Option<&str>,
    ) -> Error {
        let found = self.suspects(batches);
        let found = found.and_then(|suspects| Ok((suspects, self.parameters()?)));
        let (suspects, parameters) = match found {
            Ok(found) => found,
            Err(error) => return error,
        };
        let step = BrokenStep {
            format: BrokenStep::FORMAT,
            stage: "finetune",
            problem,
            parameter: parameter.map(str::to_string),
            seed: self.seed,
            epoch: self.epoch,
            step: self.step,
            step_of_epoch: self.step_of_epoch,
            suspects,
            batches: batches.iter().map(|batch| batch.ids.clone()).collect(),
        };
        self.replay.fail(&step, &parameters, HINT)
    }

    /// Loss and scores without dropout. Fails on a loss that is not finite, naming stays.
    pub fn validate(&self, rows: &LabelledFeatures) -> Result<HeadValidation, Error> {
        let logits = self.head.forward(&rows.features, [0.0; 3], &Noise::Off)?;
        let loss = self.loss(&logits, &rows.labels)?;
        let loss = f64::from(loss.to_scalar::<f32>()?);
        if !loss.is_finite() {
            let problem = format!("the validation loss is {loss}");
            return Err(self.broken(std::slice::from_ref(rows), problem, None));
        }
        let (auroc, average_precision) = ranking_metrics(&logits, &rows.labels)?;
        Ok(HeadValidation {
            loss,
            auroc,
            average_precision,
        })
    }

    /// What is trained.
    pub fn variables(&self) -> &Variables {
        &self.variables
    }

    /// Back to where a snapshot was taken.
    fn restore(&mut self, snapshot: &Snapshot<()>) -> Result<(), Error> {
        for (name, variable) in &self.variables {
            if let Some(tensor) = snapshot.parameters.get(name) {
                let shape = tensor.shape.as_slice();
                variable.set(&Tensor::from_slice(
                    &tensor.values,
                    shape,
                    variable.device(),
                )?)?;
            }
        }
        let moments = [&snapshot.first_moments, &snapshot.second_moments].map(Clone::clone);
        self.step = snapshot.position.step;
        let config = &self.settings.optimizer;
        self.optimizer = OptimizerState::restored(config, &self.variables, self.step, moments)?;
        Ok(())
    }

    /// The trainable parameters as they are now.
    pub fn parameters(&self) -> Result<HostParameters, Error> {
        variables_to_host(&self.variables)
    }
}

/// AUROC and average precision of `logits` [stays, classes]; of more than two classes, their means over
/// the classes, each against all others. Undefined where a class has no stay.
pub(super) fn ranking_metrics(
    logits: &Tensor,
    labels: &[u32],
) -> Result<(Option<f64>, Option<f64>), Error> {
    let classes = logits.dim(1)?;
    let probabilities = log_softmax(logits)?
        .exp()?
        .flatten_all()?
        .to_vec1::<f32>()?;
    let probabilities: Vec<f64> = probabilities.into_iter().map(f64::from).collect();
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
        match self.auroc {
            Some(auroc) => write!(formatter, " · AUROC {auroc:.4}"),
            None => write!(formatter, " · validation loss {:.4}", self.loss),
        }
    }
}

impl HeadValidation {
    /// What a row of the history tells of a validation, if there was one.
    fn told_by(row: &[(String, Option<f64>)]) -> Option<Self> {
        let value = |name: &str| row.iter().find(|(column, _)| column == name)?.1;
        Some(Self {
            loss: value("validation_loss")?,
            auroc: value("validation_auroc"),
            average_precision: value("validation_average_precision"),
        })
    }

    fn value(&self, metric: SelectionMetric) -> Option<f64> {
        match metric {
            SelectionMetric::Auroc => self.auroc,
            SelectionMetric::AveragePrecision => self.average_precision,
            SelectionMetric::Loss => Some(self.loss),
        }
    }

    /// The metric, which must be defined.
    fn monitored(&self, metric: SelectionMetric) -> Result<Monitored, Error> {
        let name = match metric {
            SelectionMetric::Auroc => "auroc",
            SelectionMetric::AveragePrecision => "average_precision",
            SelectionMetric::Loss => "loss",
        };
        let value = self.value(metric).filter(|value| value.is_finite());
        let value = value.ok_or_else(|| {
            Error::stage(format!(
                "{name} is undefined on the validation split, so no epoch can be chosen by it"
            ))
            .with_hint(
                "the validation split needs stays of every class; or set `select = \"loss\"`",
            )
        })?;
        let mode = metric.mode();
        Ok(Monitored { value, mode })
    }
}
