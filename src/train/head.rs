//! Training the classification head on the stored features of a frozen backbone.

use candle_core::{Device, Tensor, Var};

use super::config::{HeadSettings, SelectionMetric};
use super::course::Course;
use super::gradients::{Gradients, Variables, variables_to_host};
use super::history::History;
use super::loss::{log_softmax, weighted_classification_loss};
use super::monitor::{Metric, Monitored};
use super::optimizer::OptimizerState;
use super::options::Keep;
use super::replay::{BrokenStep, ReplayFolder};
use super::schedule::RateScale;
use super::watch::Watch;
use super::{HostParameters, to_device};
use crate::error::Error;
use crate::metrics;
use crate::model::classifier::Head;
use crate::model::config::ModelConfig;
use crate::model::noise::Noise;
use crate::model::parameter::ParameterSource;
use crate::random::Stream;

/// Features and labels of some stays, in one order.
#[derive(Clone, Debug)]
pub struct LabelledFeatures {
    /// The stays' ids.
    pub ids: Vec<String>,
    /// [stays, latent_dim].
    pub features: Tensor,
    /// Class of every stay.
    pub labels: Vec<u32>,
}

impl LabelledFeatures {
    /// Some of the stays.
    fn rows(&self, rows: &[u32]) -> Result<Self, Error> {
        let index = Tensor::new(rows, self.features.device())?;
        let chosen = || rows.iter().map(|&row| row as usize);
        Ok(Self {
            ids: chosen().map(|row| self.ids[row].clone()).collect(),
            features: self.features.index_select(&index, 0)?,
            labels: chosen().map(|row| self.labels[row]).collect(),
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

/// What is not finite, in which of a step's rows and of which parameter, and what to do.
struct NotFinite {
    problem: String,
    rows: Vec<usize>,
    parameter: Option<String>,
    hint: &'static str,
}

impl<'a> HeadTrainer<'a> {
    /// `parameters` holds the whole head; only those that `trainable` names become variables. A
    /// step with a loss or gradient that is not finite is left in `replay`.
    pub fn new(
        model: &ModelConfig,
        parameters: &HostParameters,
        trainable: &[String],
        settings: &'a HeadSettings,
        seed: u64,
        replay: &'a ReplayFolder,
    ) -> Result<Self, Error> {
        let mut tensors = to_device(parameters, &Device::Cpu)?;
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
            let parameter = gradients
                .first_not_finite()
                .unwrap_or("the head")
                .to_string();
            let stays: usize = batches.iter().map(|batch| batch.labels.len()).sum();
            let broken = NotFinite {
                problem: format!("the gradient of {parameter} is not finite"),
                rows: (0..stays).collect(),
                parameter: Some(parameter),
                hint: "lower the learning rate, or look at the features for extreme values",
            };
            return Err(self.broken(batches, broken));
        }
        self.optimizer.step(&self.variables, &gradients, scale)?;
        self.step += 1;
        self.step_of_epoch += 1;
        Ok(loss)
    }

    fn gradients(&self, batches: &[LabelledFeatures]) -> Result<(f64, Gradients), Error> {
        let in_all: f64 = batches.iter().map(|batch| self.weight(batch)).sum();
        let (mut total, mut gradients) = (0.0, Gradients::default());
        let mut rows_before = 0;
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
                let rows = self.rows_not_finite(&logits, &batch.labels)?;
                let broken = NotFinite {
                    problem: format!("the loss is {value}"),
                    rows: rows.into_iter().map(|row| rows_before + row).collect(),
                    parameter: None,
                    hint: "lower the learning rate, or look at the features for extreme values",
                };
                return Err(self.broken(batches, broken));
            }
            total += value;
            gradients.add(&self.variables, &[loss.backward()?])?;
            rows_before += batch.labels.len();
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

    /// The rows whose own loss is not finite; all, if it is only their sum.
    fn rows_not_finite(&self, logits: &Tensor, labels: &[u32]) -> Result<Vec<usize>, Error> {
        let mut rows = Vec::new();
        for (row, label) in labels.iter().enumerate() {
            let loss = self.loss(&logits.narrow(0, row, 1)?, &[*label])?;
            if !loss.to_scalar::<f32>()?.is_finite() {
                rows.push(row);
            }
        }
        match rows.is_empty() {
            true => Ok((0..labels.len()).collect()),
            false => Ok(rows),
        }
    }

    /// Saves the step that broke; returns the failure that says so.
    fn broken(&self, batches: &[LabelledFeatures], broken: NotFinite) -> Error {
        let ids: Vec<&String> = batches.iter().flat_map(|batch| &batch.ids).collect();
        let suspects = broken.rows.iter().filter_map(|&row| ids.get(row));
        let step = BrokenStep {
            format: BrokenStep::FORMAT,
            stage: "finetune",
            problem: broken.problem,
            parameter: broken.parameter,
            seed: self.seed,
            epoch: self.epoch,
            step: self.step,
            step_of_epoch: self.step_of_epoch,
            suspects: suspects.map(|id| id.to_string()).collect(),
            batches: batches.iter().map(|batch| batch.ids.clone()).collect(),
        };
        match self.parameters() {
            Ok(parameters) => self.replay.fail(&step, &parameters, broken.hint),
            Err(error) => error,
        }
    }

    /// Loss and scores without dropout. Fails on a loss that is not finite, naming stays.
    pub fn validate(&self, rows: &LabelledFeatures) -> Result<HeadValidation, Error> {
        let logits = self.head.forward(&rows.features, [0.0; 3], &Noise::Off)?;
        let loss = self.loss(&logits, &rows.labels)?;
        let loss = f64::from(loss.to_scalar::<f32>()?);
        if !loss.is_finite() {
            let broken = NotFinite {
                problem: format!("the validation loss is {loss}"),
                rows: self.rows_not_finite(&logits, &rows.labels)?,
                parameter: None,
                hint: "lower the learning rate, or look at the features for extreme values",
            };
            return Err(self.broken(std::slice::from_ref(rows), broken));
        }
        let (auroc, average_precision) = if logits.dim(1)? == 2 {
            let scores = positive_scores(&logits)?;
            let labels: Vec<bool> = rows.labels.iter().map(|label| *label == 1).collect();
            (
                metrics::auroc(&labels, &scores)?,
                metrics::average_precision(&labels, &scores)?,
            )
        } else {
            (None, None)
        };
        Ok(HeadValidation {
            loss,
            auroc,
            average_precision,
        })
    }

    /// The trainable parameters as they are now.
    pub fn parameters(&self) -> Result<HostParameters, Error> {
        variables_to_host(&self.variables)
    }
}

/// Probability of class 1 of every row of `logits` [stays, 2].
pub fn positive_scores(logits: &Tensor) -> Result<Vec<f64>, Error> {
    let probabilities = log_softmax(logits)?.exp()?.narrow(1, 1, 1)?;
    let probabilities = probabilities.flatten_all()?.to_vec1::<f32>()?;
    Ok(probabilities.into_iter().map(f64::from).collect())
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
            Error::stage(format!("{name} is undefined on the validation split, so no epoch can be chosen by it"))
                .with_hint("the validation split needs stays of both classes of a two-class label; or set `select = \"loss\"`")
        })?;
        let mode = metric.mode();
        Ok(Monitored { value, mode })
    }
}

fn history_row(
    epoch: usize,
    step: u64,
    train_loss: f64,
    validation: Option<&HeadValidation>,
    rate: Option<f64>,
) -> Vec<(&'static str, Option<f64>)> {
    let of = |metric| validation.and_then(|validation| validation.value(metric));
    let mut row = vec![
        ("epoch", Some(epoch as f64)),
        ("step", Some(step as f64)),
        ("train_loss", Some(train_loss)),
        ("validation_loss", of(SelectionMetric::Loss)),
        ("validation_auroc", of(SelectionMetric::Auroc)),
        (
            "validation_average_precision",
            of(SelectionMetric::AveragePrecision),
        ),
    ];
    row.extend(rate.map(|rate| ("learning_rate", Some(rate))));
    row
}

/// Trains until the last epoch or step, or until early stopping; returns the parameters that are
/// to be kept.
pub fn train_head(
    mut trainer: HeadTrainer,
    train: &LabelledFeatures,
    validation: &LabelledFeatures,
    seed: u64,
    watch: &dyn Watch,
) -> Result<TrainedHead, Error> {
    let settings = trainer.settings;
    let rows = train.labels.len();
    let rule = settings.early_stopping.as_ref();
    let (epochs, batch_size) = (settings.epochs, settings.batch_size);
    let mut course = Course::new(&settings.options, rule, epochs, rows, batch_size)?;
    trainer.class_weights = settings.class_weights.of(&train.labels, trainer.classes);
    let mut history = History::default();
    let mut kept: Option<(f64, TrainedHead)> = None;
    let mut epoch = 1;
    while course.goes_on(epoch, trainer.step) {
        if watch.is_interrupted() {
            return Err(Error::Interrupted);
        }
        let stays = settings.sampling.rows(&train.labels, epoch as u64, seed);
        (trainer.epoch, trainer.step_of_epoch) = (epoch, 0);
        let loss = train_epoch(&mut trainer, train, &stays, &course)?;
        let now = match course.is_validated(epoch, trainer.step) {
            true => Some(trainer.validate(validation)?),
            false => None,
        };
        let rate = || (course.scale(trainer.step - 1)).of(settings.optimizer.base().lr);
        let rate = course.is_scheduled().then(rate);
        let row = history_row(epoch, trainer.step, loss, now.as_ref(), rate);
        history.push(row);
        let shown = now.map(|now| now.to_string()).unwrap_or_default();
        let message = format!("epoch {epoch}/{epochs} · loss {loss:.4}{shown}");
        watch.progress((epoch * rows) as u64, (epochs * rows) as u64, message);
        if let Some(now) = now {
            let score = steer(&mut course, settings, &now)?;
            let last = settings.options.keep == Keep::Last;
            if last || kept.as_ref().is_none_or(|(before, _)| score > *before) {
                let head = TrainedHead {
                    parameters: trainer.parameters()?,
                    history: History::default(),
                    best_epoch: epoch,
                    best: now,
                };
                kept = Some((score, head));
            }
        }
        epoch += 1;
    }
    match kept {
        Some((_, head)) => Ok(TrainedHead { history, ..head }),
        None => Err(Error::stage("finetuning needs at least one epoch")),
    }
}

/// Shows the course a validation; returns the score that epochs are chosen by.
fn steer(course: &mut Course, settings: &HeadSettings, now: &HeadValidation) -> Result<f64, Error> {
    let chosen_by = now.monitored(settings.select)?;
    let mut stopped_by = None;
    if let Some(rule) = &settings.early_stopping {
        now.monitored(rule.metric.unwrap_or(settings.select))?;
        stopped_by = rule.watched(settings.select, |metric| now.value(metric));
    }
    course.take(Some(chosen_by), stopped_by);
    Ok(chosen_by.score())
}

/// One pass over the rows in the order of `stays`; returns the mean loss.
fn train_epoch(
    trainer: &mut HeadTrainer,
    train: &LabelledFeatures,
    stays: &[u32],
    course: &Course,
) -> Result<f64, Error> {
    let (mut total, mut seen) = (0.0, 0);
    let batch_size = trainer.settings.batch_size;
    let accumulate = trainer.settings.options.accumulate;
    for group in stays.chunks(batch_size.saturating_mul(accumulate)) {
        if course.has_no_step_left(trainer.step) {
            break;
        }
        let batches = group.chunks(batch_size).map(|rows| train.rows(rows));
        let batches: Vec<LabelledFeatures> = batches.collect::<Result<_, Error>>()?;
        let scale = course.scale(trainer.step);
        total += trainer.step(&batches, scale)? * group.len() as f64;
        seen += group.len();
    }
    Ok(total / seen as f64)
}
