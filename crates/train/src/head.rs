//! Training the classification head, on stored features or on those of a backbone that is trained along.

mod epochs;
mod going_on;
mod steer;
#[cfg(test)]
mod tests;
mod validation;

use candle_core::{Device, Tensor, Var};

pub use epochs::train_head;
pub use validation::{HeadValidation, NumberErrors, scores};

use super::config::HeadSettings;
use super::gradients::{Gradients, Variables, variables_to_host};
use super::history::History;
use super::loss::{label_loss, number_loss, weighted_classification_loss};
use super::number_scale::NumberScale;
use super::optimizer::OptimizerState;
use super::replay::{BrokenStep, ReplayFolder};
use super::schedule::RateScale;
use super::snapshot::Snapshot;
use pipeline_data::target::Truth;
use pipeline_error::Error;
use pipeline_model::classifier::Head;
use pipeline_model::config::ModelConfig;
use pipeline_model::host::{HostParameters, to_device};
use pipeline_model::noise::Noise;
use pipeline_model::parameter::ParameterSource;
use pipeline_random::Stream;

/// Features of some stays and what is true of them, in one order.
#[derive(Clone, Debug)]
pub struct LabelledFeatures {
    /// The stays' ids.
    pub ids: Vec<String>,
    /// [stays, feature_dim]. A variable, if they depend on parameters in training.
    pub features: Tensor,
    /// What is true of every stay.
    pub truth: Truth,
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
            truth: self.truth.rows(chosen()),
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

/// A head in training.
pub struct HeadTrainer<'a> {
    settings: &'a HeadSettings,
    head: Head,
    last_width: Option<usize>,
    variables: Variables,
    optimizer: OptimizerState,
    outputs: usize,
    class_weights: Option<Vec<f32>>,
    /// Of a head that says numbers: it learns them in standard deviations.
    scale: Option<NumberScale>,
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
        let source = ParameterSource::given(&tensors).with_precision(settings.options.precision);
        Ok(Self {
            settings,
            head: Head::new(&source, model)?,
            last_width: Head::last_width(model),
            optimizer: OptimizerState::new(&settings.optimizer, &variables)?,
            variables,
            outputs: model.classifier.num_classes,
            class_weights: None,
            scale: None,
            seed,
            dropout: Stream::new(seed, "head dropout"),
            replay,
            epoch: 1,
            step: 0,
            step_of_epoch: 0,
        })
    }

    /// The same for a head that says numbers: its parameters give standard deviations of `scale`, and so do those that come out.
    pub fn scaled(self, scale: Option<NumberScale>) -> Self {
        Self { scale, ..self }
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
            let mut loss = self.loss(&logits, &batch.truth)?;
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

    fn loss(&self, said: &Tensor, truth: &Truth) -> Result<Tensor, Error> {
        let loss = &self.settings.loss;
        Ok(match truth {
            Truth::Classes(labels) => {
                let weights = self.class_weights.as_deref();
                weighted_classification_loss(said, labels, loss, weights)?
            }
            Truth::Labels { has, .. } => label_loss(said, has)?,
            Truth::Numbers(numbers) => {
                let standard: Vec<f64> = match &self.scale {
                    Some(scale) => numbers
                        .iter()
                        .map(|number| scale.standard(*number))
                        .collect(),
                    None => numbers.clone(),
                };
                number_loss(said, &standard, loss)?
            }
        })
    }

    /// What a batch counts beside others of its step.
    fn weight(&self, batch: &LabelledFeatures) -> f64 {
        match &self.class_weights {
            None => batch.truth.len() as f64,
            Some(weights) => {
                let weight = |label: &u32| weights.get(*label as usize).copied().map(f64::from);
                let labels = batch.truth.classes().unwrap_or_default();
                labels.iter().filter_map(weight).sum()
            }
        }
    }

    /// Whether a stay by itself gives a loss and gradients that are finite, without dropout. A ReLU
    /// makes 0 of NaN, so that the loss alone does not tell.
    fn is_finite(&self, row: &LabelledFeatures) -> Result<bool, Error> {
        let logits = self.head.forward(&row.features, [0.0; 3], &Noise::Off)?;
        let loss = self.loss(&logits, &row.truth)?;
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
            for row in 0..batch.truth.len() as u32 {
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
        let loss = self.loss(&logits, &rows.truth)?;
        let loss = f64::from(loss.to_scalar::<f32>()?);
        if !loss.is_finite() {
            let problem = format!("the validation loss is {loss}");
            return Err(self.broken(std::slice::from_ref(rows), problem, None));
        }
        let said = match &self.scale {
            Some(scale) => scale.tensor_in_units(&logits)?,
            None => logits,
        };
        scores(&said, &rows.truth, loss)
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
