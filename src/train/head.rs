//! Training the classification head, on stored features or on those of a backbone that is trained along.

use candle_core::{Device, Tensor, Var};

use super::adamw::AdamWState;
use super::config::{HeadSettings, SelectionMetric};
use super::early_stopping::Patience;
use super::gradients::{Gradients, Variables, variables_to_host};
use super::head_input::HeadInput;
use super::history::History;
use super::loss::{classification_loss, log_softmax};
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
    /// [stays, feature_dim]. A variable, if they depend on parameters in training.
    pub features: Tensor,
    /// Class of every stay.
    pub labels: Vec<u32>,
    /// The graphs that such features come from: the same rows again, shard after shard.
    pub shards: Vec<Tensor>,
}

/// The outcome of training a head.
pub struct TrainedHead {
    /// The trainable parameters after the best epoch.
    pub parameters: HostParameters,
    /// One row an epoch.
    pub history: History,
    /// The best epoch, counted from 1.
    pub best_epoch: usize,
    /// Validation after the best epoch.
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
    optimizer: AdamWState,
    dropout: Stream,
    step: u64,
}

impl<'a> HeadTrainer<'a> {
    /// `parameters` holds the whole head, and what is trained below it; only those that `trainable`
    /// names become variables.
    pub fn new(
        model: &ModelConfig,
        parameters: &HostParameters,
        trainable: &[String],
        settings: &'a HeadSettings,
        seed: u64,
    ) -> Result<Self, Error> {
        Self::on_device(&Device::Cpu, model, parameters, trainable, settings, seed)
    }

    /// As [`HeadTrainer::new`], where its input is on `device`.
    pub fn on_device(
        device: &Device,
        model: &ModelConfig,
        parameters: &HostParameters,
        trainable: &[String],
        settings: &'a HeadSettings,
        seed: u64,
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
            optimizer: AdamWState::new(&settings.optimizer, &variables),
            variables,
            dropout: Stream::new(seed, "head dropout"),
            step: 0,
        })
    }

    /// One optimizer step on `batch`; returns the loss before it.
    pub fn step(&mut self, batch: &LabelledFeatures) -> Result<f64, Error> {
        let gradients = self.gradients(batch)?;
        self.apply(gradients)
    }

    fn gradients(&self, batch: &LabelledFeatures) -> Result<(f64, Gradients), Error> {
        let noise = Noise::training(&self.dropout, &self.dropout, self.step, 0);
        let logits = self
            .head
            .forward(&batch.features, self.settings.dropout, &noise)?;
        let loss = classification_loss(&logits, &batch.labels, &self.settings.loss)?;
        let value = f64::from(loss.to_scalar::<f32>()?);
        if !value.is_finite() {
            return Err(
                Error::stage(format!("the loss is {value} in step {}", self.step)).with_hint(
                    "lower the learning rate, or look at the features for extreme values",
                ),
            );
        }
        let mut gradients = Gradients::sum(&self.variables, &batch.backward(&loss)?)?;
        gradients.audit(&self.variables, &[])?;
        Ok((value, gradients))
    }

    fn apply(&mut self, (loss, mut gradients): (f64, Gradients)) -> Result<f64, Error> {
        let norm = gradients.clip(self.settings.clip_norm);
        if !norm.is_finite() {
            return Err(Error::stage(format!(
                "the gradient of {} is not finite in step {}",
                gradients.first_not_finite().unwrap_or("the head"),
                self.step
            )));
        }
        self.optimizer.step(&self.variables, &gradients)?;
        self.step += 1;
        Ok(loss)
    }

    /// Loss and scores without dropout.
    pub fn validate(&self, rows: &LabelledFeatures) -> Result<HeadValidation, Error> {
        let logits = self.head.forward(&rows.features, [0.0; 3], &Noise::Off)?;
        let loss = classification_loss(&logits, &rows.labels, &self.settings.loss)?;
        let loss = f64::from(loss.to_scalar::<f32>()?);
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

    /// What is trained.
    pub fn variables(&self) -> &Variables {
        &self.variables
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
    fn history_row(
        &self,
        epoch: usize,
        step: u64,
        train_loss: f64,
    ) -> Vec<(&'static str, Option<f64>)> {
        vec![
            ("epoch", Some(epoch as f64)),
            ("step", Some(step as f64)),
            ("train_loss", Some(train_loss)),
            ("validation_loss", Some(self.loss)),
            ("validation_auroc", self.auroc),
            ("validation_average_precision", self.average_precision),
        ]
    }

    /// The metric to select by, turned so that more is better.
    fn score(&self, select: SelectionMetric) -> Result<f64, Error> {
        let (name, score) = match select {
            SelectionMetric::Auroc => ("auroc", self.auroc),
            SelectionMetric::AveragePrecision => ("average_precision", self.average_precision),
            SelectionMetric::Loss => ("loss", Some(-self.loss)),
        };
        score.filter(|score| score.is_finite()).ok_or_else(|| {
            Error::stage(format!("{name} is undefined on the validation split, so no epoch can be chosen by it"))
                .with_hint("the validation split needs stays of both classes of a two-class label; or set `select = \"loss\"`")
        })
    }
}

/// Trains until the last epoch or until early stopping; returns the best epoch's parameters.
pub fn train_head(
    mut trainer: HeadTrainer,
    train: &dyn HeadInput,
    validation: &dyn HeadInput,
    seed: u64,
    watch: &dyn Watch,
) -> Result<TrainedHead, Error> {
    let settings = trainer.settings;
    let rows = train.labels().len();
    let order = Stream::new(seed, "order of stays");
    let mut patience = Patience::new(settings.early_stopping.as_ref());
    let mut history = History::default();
    let mut best: Option<(f64, TrainedHead)> = None;
    for epoch in 1..=settings.epochs {
        if watch.is_interrupted() {
            return Err(Error::Interrupted);
        }
        let mut stays: Vec<u32> = (0..rows as u32).collect();
        order.at(&[epoch as u64]).shuffle(&mut stays);
        let loss = train_epoch(&mut trainer, train, &stays)?;
        let now = trainer.validate(&validation.evaluated()?)?;
        history.push(now.history_row(epoch, trainer.step, loss));
        let message = format!("epoch {epoch}/{} · loss {loss:.4}{now}", settings.epochs);
        let total = settings.epochs * rows;
        watch.progress((epoch * rows) as u64, total as u64, message);
        let score = now.score(settings.select)?;
        if best.as_ref().is_none_or(|(before, _)| score > *before) {
            let head = TrainedHead {
                parameters: trainer.parameters()?,
                history: History::default(),
                best_epoch: epoch,
                best: now,
            };
            best = Some((score, head));
        }
        if patience.runs_out(score) {
            break;
        }
    }
    match best {
        Some((_, head)) => Ok(TrainedHead { history, ..head }),
        None => Err(Error::stage("finetuning needs at least one epoch")),
    }
}

/// One pass over the rows in the order of `stays`; returns the mean loss.
fn train_epoch(
    trainer: &mut HeadTrainer,
    train: &dyn HeadInput,
    stays: &[u32],
) -> Result<f64, Error> {
    let mut total = 0.0;
    for rows in stays.chunks(trainer.settings.batch_size) {
        let batch = train.batch(rows, trainer.step)?;
        total += trainer.step(&batch)? * rows.len() as f64;
    }
    Ok(total / stays.len() as f64)
}
