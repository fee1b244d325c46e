//! Optimizer steps: shards of a batch, their gradients, one update.

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use rayon::prelude::*;

use super::Pretraining;
use super::going_on::State;
use crate::error::Error;
use crate::model::batch::Batch;
use crate::model::noise::Noise;
use crate::model::seqsetvae::{PretrainModel, gradient_free_parameters};
use crate::random::Stream;
use crate::train::gradients::{Gradients, find_not_finite};
use crate::train::monitor::{PosteriorMoments, Step};
use crate::train::resume::Position;

/// Stays whose graph is built at once on one thread. It fixes the order of all sums, so it must
/// not depend on the number of threads; small enough that a shard's activations stay near the core.
const SHARD_STAYS: usize = 4;

struct ShardResult {
    gradients: GradStore,
    reconstruction: f64,
    kl: f64,
    posterior: PosteriorMoments,
}

/// A step's shards for the posterior's monitor, in their order.
fn seen_by(shards: &[ShardResult], stays: usize) -> Step {
    let mut posterior = PosteriorMoments::default();
    for shard in shards {
        posterior.add(&shard.posterior);
    }
    let reconstruction: f64 = shards.iter().map(|shard| shard.reconstruction).sum();
    Step {
        stays,
        reconstruction: reconstruction / stays as f64,
        posterior,
    }
}

impl Pretraining<'_> {
    /// The batches of the epoch that are left.
    pub(super) fn train_epoch(
        &self,
        state: &mut State,
        stays: &[usize],
        embeddings: &Tensor,
    ) -> Result<(), Error> {
        let parameters = state
            .variables
            .iter()
            .map(|(name, variable)| (name.clone(), variable.as_tensor().clone()))
            .collect();
        let model = self.model(&parameters)?;
        let batches = stays.chunks(self.settings.batch_size);
        for batch in batches.skip(state.position.batches) {
            if self.watch.is_interrupted() {
                return Err(Error::Interrupted);
            }
            let shards = self.shard_results(&model, state.position.step, batch, embeddings)?;
            let mut totals = state.position.totals;
            for shard in &shards {
                totals.reconstruction += shard.reconstruction;
                totals.kl += shard.kl;
            }
            let seen = seen_by(&shards, batch.len());
            let gradients: Vec<GradStore> =
                shards.into_iter().map(|shard| shard.gradients).collect();
            totals.gradient_norm += self.update(state, batch, &gradients)?;
            totals.stays += batch.len();
            state.position.totals = totals;
            state.position.batches += 1;
            self.watch_step(state, &seen);
            self.report(&state.position, stays.len());
            if self.resume.is_due() {
                self.save(state);
            }
        }
        Ok(())
    }

    fn watch_step(&self, state: &mut State, seen: &Step) {
        let monitor = self.monitor();
        let warnings = monitor.after_step(&mut state.watched, state.position.step, seen);
        warnings.iter().for_each(|line| self.watch.note(line));
    }

    fn report(&self, position: &Position, stays: usize) {
        let Position { epoch, totals, .. } = position;
        self.watch.progress(
            ((epoch - 1) * stays + totals.stays) as u64,
            (self.settings.epochs * stays) as u64,
            format!(
                "epoch {epoch}/{} · reconstruction {:.4} · KL {:.3}",
                self.settings.epochs,
                totals.reconstruction / totals.stays as f64,
                totals.kl / totals.stays as f64
            ),
        );
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
                let objective = self.settings.objective;
                let output = model.forward(&packed, embeddings, objective, &noise)?;
                let weigh = |losses: Tensor, weights: Tensor| (losses * weights)?.sum_all();
                let decoded = output.decoded.weights(batch.len())?;
                let reconstruction = weigh(output.reconstruction_loss()?, decoded)?;
                let kl = output.kl_loss(self.settings.free_bits)?;
                let kl = weigh(kl, packed.set_weights(batch.len())?)?;
                let loss = (&reconstruction + (&kl * self.settings.beta(step))?)?;
                self.check_loss(&loss, step, stays)?;
                let sum = |mean: &Tensor| -> Result<f64, Error> {
                    Ok(f64::from(mean.to_scalar::<f32>()?) * batch.len() as f64)
                };
                Ok(ShardResult {
                    reconstruction: sum(&reconstruction)?,
                    kl: sum(&kl)?,
                    posterior: PosteriorMoments::of(&output.posterior, self.settings.free_bits)?,
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
            let step = state.position.step;
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
        state.position.step += 1;
        Ok(norm)
    }
}
