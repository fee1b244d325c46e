//! Pretraining by reconstruction: the loop over epochs and steps.

use std::sync::atomic::{AtomicU64, Ordering};

use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;

use super::adamw::AdamWState;
use super::config::PretrainSettings;
use super::gradients::{Gradients, Variables, find_not_finite, variables_to_host};
use super::history::History;
use super::validation::{Validation, validate};
use super::watch::Watch;
use super::{HostParameters, to_device};
use crate::data::dataset::{Dataset, Split};
use crate::error::Error;
use crate::model::batch::Batch;
use crate::model::config::ModelConfig;
use crate::model::noise::Noise;
use crate::model::parameter::{ParameterSource, Parameters};
use crate::model::seqsetvae::{PretrainModel, gradient_free_parameters};
use crate::random::Stream;

/// Stays whose graph is built at once on one thread. It fixes the order of all sums, so it must
/// not depend on the number of threads; small enough that a shard's activations stay near the core.
const SHARD_STAYS: usize = 4;

/// Across-set variance of logvar below which the posterior's variance says nothing about a set.
const CONSTANT_LOGVAR: f64 = 1e-6;

/// The outcome of pretraining.
pub struct Pretrained {
    /// Parameters after the best epoch.
    pub parameters: HostParameters,
    /// One row an epoch.
    pub history: History,
    /// The best epoch, counted from 1.
    pub best_epoch: usize,
    /// Validation after the best epoch.
    pub best: Validation,
}

/// One pretraining run, on the threads of the rayon pool it is started in.
pub struct Pretraining<'a> {
    /// The data; trains on `train`, chooses the best epoch on `validation`.
    pub dataset: &'a Dataset,
    /// The architecture.
    pub model: &'a ModelConfig,
    /// All other settings.
    pub settings: &'a PretrainSettings,
    /// Seed of order, dropout and decoder seeds.
    pub seed: u64,
    /// Where tensors live.
    pub device: &'a Device,
    /// Progress and interruption.
    pub watch: &'a dyn Watch,
}

/// What changes from step to step.
struct State {
    variables: Variables,
    optimizer: AdamWState,
    step: u64,
}

/// Sums over the stays of one epoch.
#[derive(Default)]
struct EpochTotals {
    reconstruction: f64,
    kl: f64,
    gradient_norm: f64,
    steps: f64,
}

struct ShardResult {
    gradients: GradStore,
    reconstruction: f64,
    kl: f64,
}

impl Pretraining<'_> {
    /// Trains from `initial` and returns the best epoch's parameters.
    ///
    /// Fails on an empty split, on parameters without a gradient after the first step, and on a
    /// loss or gradient that is not finite (naming step, stays and parameter).
    pub fn run(&self, initial: HostParameters) -> Result<Pretrained, Error> {
        let train = self.stays_of(Split::Train)?;
        let validation_stays = self.stays_of(Split::Validation)?;
        let embeddings = self.embeddings()?;
        let mut state = self.start(initial)?;
        let mut history = History::default();
        let mut best: Option<(usize, Validation, HostParameters)> = None;
        let order = Stream::new(self.seed, "order of stays");
        for epoch in 1..=self.settings.epochs {
            let mut stays = train.clone();
            order.at(&[epoch as u64]).shuffle(&mut stays);
            let totals = self.train_epoch(&mut state, epoch, &stays, &embeddings)?;
            let validation = self.validate(&state, &validation_stays, &embeddings)?;
            history.push(self.history_row(epoch, &state, &totals, train.len(), &validation));
            let loss = validation.monitored(self.settings.max_beta);
            let improved = best
                .as_ref()
                .is_none_or(|(_, before, _)| loss < before.monitored(self.settings.max_beta));
            if improved {
                best = Some((epoch, validation, variables_to_host(&state.variables)?));
            }
        }
        let Some((best_epoch, best, parameters)) = best else {
            return Err(Error::stage("pretraining needs at least one epoch"));
        };
        if best.logvar_variance < CONSTANT_LOGVAR {
            self.watch.note(&format!(
                "warning: logvar hardly differs between sets (variance {:.1e}): the posterior's variance carries no information about a set",
                best.logvar_variance
            ));
        }
        Ok(Pretrained {
            parameters,
            history,
            best_epoch,
            best,
        })
    }

    fn stays_of(&self, split: Split) -> Result<Vec<usize>, Error> {
        let stays = self.dataset.stays_of(split);
        if stays.is_empty() {
            return Err(Error::stage(format!(
                "the split {} has no stays",
                split.name()
            )));
        }
        Ok(stays)
    }

    fn embeddings(&self) -> Result<Tensor, Error> {
        let dim = self.dataset.embedding_dim;
        if dim != self.model.input_dim {
            return Err(Error::stage(format!(
                "the data's embeddings have {dim} numbers, the model's input_dim is {}",
                self.model.input_dim
            )));
        }
        let shape = (self.dataset.variables.len(), dim);
        Ok(Tensor::from_slice(
            &self.dataset.embeddings,
            shape,
            self.device,
        )?)
    }

    fn start(&self, initial: HostParameters) -> Result<State, Error> {
        let variables = to_device(&initial, self.device)?
            .into_iter()
            .map(|(name, tensor)| Ok((name, Var::from_tensor(&tensor)?)))
            .collect::<Result<Variables, Error>>()?;
        let optimizer = AdamWState::new(&self.settings.optimizer, &variables);
        Ok(State {
            variables,
            optimizer,
            step: 0,
        })
    }

    fn model(&self, parameters: &Parameters) -> Result<PretrainModel, Error> {
        let source = ParameterSource::given(parameters);
        Ok(PretrainModel::new(
            &source,
            self.model,
            self.settings.dropout,
        )?)
    }

    fn train_epoch(
        &self,
        state: &mut State,
        epoch: usize,
        stays: &[usize],
        embeddings: &Tensor,
    ) -> Result<EpochTotals, Error> {
        let parameters = state
            .variables
            .iter()
            .map(|(name, variable)| (name.clone(), variable.as_tensor().clone()))
            .collect();
        let model = self.model(&parameters)?;
        let mut totals = EpochTotals::default();
        let all = (self.settings.epochs * stays.len()) as u64;
        let done = AtomicU64::new(((epoch - 1) * stays.len()) as u64);
        for batch in stays.chunks(self.settings.batch_size) {
            if self.watch.is_interrupted() {
                return Err(Error::Interrupted);
            }
            let shards = self.shard_results(&model, state.step, batch, embeddings)?;
            for shard in &shards {
                totals.reconstruction += shard.reconstruction;
                totals.kl += shard.kl;
            }
            let gradients: Vec<GradStore> =
                shards.into_iter().map(|shard| shard.gradients).collect();
            totals.gradient_norm += self.update(state, batch, &gradients)?;
            totals.steps += 1.0;
            let seen = done.fetch_add(batch.len() as u64, Ordering::Relaxed) + batch.len() as u64;
            let in_epoch = seen as f64 - ((epoch - 1) * stays.len()) as f64;
            self.watch.progress(
                seen,
                all,
                format!(
                    "epoch {epoch}/{} · reconstruction {:.4} · KL {:.3}",
                    self.settings.epochs,
                    totals.reconstruction / in_epoch,
                    totals.kl / in_epoch
                ),
            );
        }
        Ok(totals)
    }

    fn shard_results(
        &self,
        model: &PretrainModel,
        step: u64,
        batch: &[usize],
        embeddings: &Tensor,
    ) -> Result<Vec<ShardResult>, Error> {
        let seeds = Stream::new(self.seed, "decoder seeds");
        let dropout = Stream::new(self.seed, "dropout");
        let shards: Vec<&[usize]> = batch.chunks(SHARD_STAYS).collect();
        shards
            .par_iter()
            .enumerate()
            .map(|(shard, stays)| {
                let noise = Noise::training(&seeds, &dropout, step, shard as u64);
                let packed = Batch::new(self.dataset, stays, self.device)?;
                let output = model.forward(&packed, embeddings, &noise)?;
                let weights = packed.set_weights(batch.len())?;
                let weigh = |losses: Tensor| (losses * &weights)?.sum_all();
                let reconstruction = weigh(output.reconstruction_loss(&packed)?)?;
                let kl = weigh(output.kl_loss(self.settings.free_bits)?)?;
                let loss = (&reconstruction + (&kl * self.settings.beta(step))?)?;
                self.check_loss(&loss, step, stays)?;
                let sum = |mean: &Tensor| -> Result<f64, Error> {
                    Ok(f64::from(mean.to_scalar::<f32>()?) * batch.len() as f64)
                };
                Ok(ShardResult {
                    reconstruction: sum(&reconstruction)?,
                    kl: sum(&kl)?,
                    gradients: loss.backward()?,
                })
            })
            .collect()
    }

    fn check_loss(&self, loss: &Tensor, step: u64, stays: &[usize]) -> Result<(), Error> {
        let value = loss.to_scalar::<f32>()?;
        if value.is_finite() {
            return Ok(());
        }
        Err(Error::stage(format!(
            "the loss is {value} in step {step}, in one of the stays {}",
            self.names(stays)
        ))
        .with_hint("look for extreme values in these stays (`clip` in the data stage bounds z-scores), or lower the learning rate"))
    }

    /// One optimizer step; returns the gradients' norm before clipping.
    fn update(
        &self,
        state: &mut State,
        batch: &[usize],
        shards: &[GradStore],
    ) -> Result<f64, Error> {
        let mut gradients = Gradients::sum(&state.variables, shards)?;
        gradients.audit(&state.variables, &gradient_free_parameters(self.model))?;
        let norm = gradients.clip(self.settings.clip_norm);
        if !norm.is_finite() {
            let step = state.step;
            let (place, parameter) = match find_not_finite(&state.variables, shards) {
                Some((shard, name)) => {
                    let stays: Vec<usize> = batch
                        .chunks(SHARD_STAYS)
                        .nth(shard)
                        .unwrap_or(batch)
                        .to_vec();
                    (self.names(&stays), name.to_string())
                }
                None => (
                    self.names(batch),
                    gradients.first_not_finite().unwrap_or("their sum").into(),
                ),
            };
            return Err(Error::stage(format!(
                "the gradient of {parameter} is not finite in step {step}, in one of the stays {place}"
            ))
            .with_hint("a z-score of exactly 0 makes a zero vector (`value_encoding = \"affine\"` avoids it); extreme values can be clipped in the data stage"));
        }
        state.optimizer.step(&state.variables, &gradients)?;
        state.step += 1;
        Ok(norm)
    }

    fn names(&self, stays: &[usize]) -> String {
        let names: Vec<&str> = stays
            .iter()
            .map(|&stay| self.dataset.stays[stay].id.as_str())
            .collect();
        names.join(", ")
    }

    fn validate(
        &self,
        state: &State,
        stays: &[usize],
        embeddings: &Tensor,
    ) -> Result<Validation, Error> {
        let parameters = state
            .variables
            .iter()
            .map(|(name, variable)| (name.clone(), variable.as_detached_tensor()))
            .collect();
        let model = self.model(&parameters)?;
        let seeds = Stream::new(self.seed, "decoder seeds");
        validate(
            &model,
            self.dataset,
            stays,
            embeddings,
            self.settings.free_bits,
            &seeds,
            self.watch,
        )
    }

    fn history_row(
        &self,
        epoch: usize,
        state: &State,
        totals: &EpochTotals,
        stays: usize,
        validation: &Validation,
    ) -> Vec<(&'static str, Option<f64>)> {
        [
            ("epoch", epoch as f64),
            ("step", state.step as f64),
            ("beta", self.settings.beta(state.step)),
            ("train_reconstruction", totals.reconstruction / stays as f64),
            ("train_kl", totals.kl / stays as f64),
            ("gradient_norm", totals.gradient_norm / totals.steps),
            ("validation_reconstruction", validation.reconstruction),
            ("validation_kl", validation.kl),
            (
                "validation_loss",
                validation.monitored(self.settings.max_beta),
            ),
            ("posterior_mu_variance", validation.mu_variance),
            ("posterior_logvar_variance", validation.logvar_variance),
        ]
        .map(|(name, value)| (name, Some(value)))
        .to_vec()
    }
}
