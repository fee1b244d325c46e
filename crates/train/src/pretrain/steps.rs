//! Optimizer steps: shards of a batch, their gradients, one update.

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use rayon::prelude::*;

use super::Pretraining;
use super::going_on::State;
use crate::gradients::{Gradients, find_not_finite, variables_to_host};
use crate::monitor::{PosteriorMoments, Step};
use crate::options::LoopOptions;
use crate::replay::BrokenStep;
use crate::snapshot::{Position, Totals};
use crate::task_sums::TaskSums;
use crate::validation::task_losses;
use pipeline_error::Error;
use pipeline_model::batch::Batch;
use pipeline_model::noise::Noise;
use pipeline_model::seqsetvae::{PretrainModel, gradient_free_parameters};
use pipeline_random::Stream;

/// Stays whose graph is built at once on one thread of a CPU. It fixes the order of all sums, so it must
/// not depend on the number of threads; small enough that a shard's activations stay near the core.
const SHARD_STAYS: usize = 4;

struct ShardResult {
    loss: f32,
    gradients: GradStore,
    reconstruction: f64,
    kl: f64,
    tasks: TaskSums,
    posterior: PosteriorMoments,
}

/// Where a batch is.
struct BatchPlace {
    /// Optimizer steps taken before.
    step: u64,
    /// The number of its first shard among those of its step.
    first_shard: usize,
    /// Stays whose mean loss the step goes by.
    stays_of_step: usize,
}

impl Pretraining<'_> {
    /// Stays of one shard: a GPU has the whole batch at once.
    fn shard_stays(&self) -> usize {
        match self.device.is_cpu() {
            true => SHARD_STAYS,
            false => self.settings.batch_size,
        }
    }

    /// The steps of the epoch that are left.
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
        let LoopOptions { accumulate, .. } = self.settings.options;
        let steps = stays.chunks(self.settings.batch_size.saturating_mul(accumulate));
        for group in steps.skip(state.position.batches) {
            if state.course.has_no_step_left(state.position.step) {
                break;
            }
            let mut totals = state.position.totals;
            let (gradients, seen) =
                self.gradients(state, &model, group, embeddings, &mut totals)?;
            totals.gradient_norm += self.update(state, gradients)?;
            totals.stays += group.len();
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

    /// The gradients of the mean loss of `group`, the stays of one optimizer step, batch after batch:
    /// a stay counts the same in an incomplete last batch as in a whole one. And what the posterior's
    /// monitor sees of it.
    fn gradients(
        &self,
        state: &State,
        model: &PretrainModel,
        group: &[usize],
        embeddings: &Tensor,
        totals: &mut Totals,
    ) -> Result<(Gradients, Step), Error> {
        let batch_size = self.settings.batch_size;
        let mut gradients = Gradients::default();
        let (mut reconstruction, mut posterior) = (0.0, PosteriorMoments::default());
        for (index, batch) in group.chunks(batch_size).enumerate() {
            if self.watch.is_interrupted() {
                return Err(Error::Interrupted);
            }
            let place = BatchPlace {
                step: state.position.step,
                first_shard: index * batch_size.div_ceil(self.shard_stays()),
                stays_of_step: group.len(),
            };
            let shards = self.shard_results(model, place, batch, embeddings)?;
            self.check_losses(state, group, batch, &shards)?;
            for shard in &shards {
                totals.reconstruction += shard.reconstruction;
                totals.kl += shard.kl;
                totals.tasks.add(&shard.tasks);
                reconstruction += shard.reconstruction;
                posterior.add(&shard.posterior);
            }
            let shards: Vec<GradStore> = shards.into_iter().map(|shard| shard.gradients).collect();
            gradients.add(&state.variables, &shards)?;
            if let Some(parameter) = gradients.first_not_finite() {
                return Err(self.broken_gradient(state, group, batch, &shards, parameter));
            }
        }
        let stays = group.len();
        let seen = Step {
            stays,
            reconstruction: reconstruction / stays as f64,
            posterior,
        };
        Ok((gradients, seen))
    }

    fn watch_step(&self, state: &mut State, seen: &Step) {
        let monitor = self.monitor();
        let warnings = monitor.after_step(&mut state.watched, state.position.step, seen);
        warnings.iter().for_each(|line| self.watch.note(line));
    }

    fn report(&self, position: &Position, stays: usize) {
        let Position { epoch, totals, .. } = position;
        let stays_so_far = totals.stays as f64;
        let tasks = totals
            .tasks
            .means(stays_so_far, self.settings.tasks.as_ref());
        let tasks = tasks.by_name().into_iter();
        let tasks = tasks.filter_map(|(name, loss)| Some(format!(" · {name} {:.4}", loss?)));
        self.watch.progress(
            ((epoch - 1) * stays + totals.stays) as u64,
            (self.settings.epochs * stays) as u64,
            format!(
                "epoch {epoch}/{} · reconstruction {:.4} · KL {:.3}{}",
                self.settings.epochs,
                totals.reconstruction / stays_so_far,
                totals.kl / stays_so_far,
                tasks.collect::<String>()
            ),
        );
    }

    fn shard_results(
        &self,
        model: &PretrainModel,
        place: BatchPlace,
        batch: &[usize],
        embeddings: &Tensor,
    ) -> Result<Vec<ShardResult>, Error> {
        let seeds = Stream::new(self.seed, "decoder seeds");
        let dropout = Stream::new(self.seed, "dropout");
        let BatchPlace {
            step,
            first_shard,
            stays_of_step,
        } = place;
        let shards: Vec<&[usize]> = batch.chunks(self.shard_stays()).collect();
        shards
            .par_iter()
            .enumerate()
            .map(|(shard, stays)| {
                let shard = (first_shard + shard) as u64;
                let noise = Noise::training(&seeds, &dropout, step, shard);
                let packed = Batch::new(self.dataset, stays, self.device)?;
                let objective = self.settings.objective;
                let output = model.forward(&packed, embeddings, objective, &noise)?;
                let weigh = |losses: Tensor, weights: Tensor| (losses * weights)?.sum_all();
                let decoded = output.decoded.weights(stays_of_step)?;
                let reconstruction = weigh(output.reconstruction_loss()?, decoded)?;
                let kl = output.kl_loss(self.settings.free_bits)?;
                let kl = weigh(kl, packed.set_weights(stays_of_step)?)?;
                let mut loss = (&reconstruction + (&kl * self.settings.beta(step))?)?;
                let tasks = task_losses(
                    model,
                    &output,
                    &packed,
                    self.settings,
                    stays_of_step,
                    &noise,
                )?;
                if let Some(weights) = &self.settings.tasks {
                    for (weight, task) in weights.weights().into_iter().zip(tasks.by_name()) {
                        if let (weight, (_, Some(task))) = (weight, task) {
                            loss = (loss + (task * weight)?)?;
                        }
                    }
                }
                let sum = |mean: &Tensor| -> Result<f64, Error> {
                    Ok(f64::from(mean.to_scalar::<f32>()?) * stays_of_step as f64)
                };
                Ok(ShardResult {
                    loss: loss.to_scalar::<f32>()?,
                    reconstruction: sum(&reconstruction)?,
                    kl: sum(&kl)?,
                    tasks: TaskSums::of(&tasks.map(sum)?),
                    posterior: PosteriorMoments::of(&output.posterior, self.settings.free_bits)?,
                    gradients: loss.backward()?,
                })
            })
            .collect()
    }

    fn check_losses(
        &self,
        state: &State,
        group: &[usize],
        batch: &[usize],
        shards: &[ShardResult],
    ) -> Result<(), Error> {
        let mut pairs = batch.chunks(self.shard_stays()).zip(shards);
        let Some((suspects, shard)) = pairs.find(|(_, shard)| !shard.loss.is_finite()) else {
            return Ok(());
        };
        let problem = format!("the loss is {}", shard.loss);
        Err(self.broken(
            state,
            group,
            (problem, None),
            suspects,
            "look for extreme values in these stays (`clip` in the data stage bounds z-scores), or lower the learning rate",
        ))
    }

    fn broken_gradient(
        &self,
        state: &State,
        group: &[usize],
        batch: &[usize],
        shards: &[GradStore],
        parameter: &str,
    ) -> Error {
        let (suspects, parameter) = match find_not_finite(&state.variables, shards) {
            Some((shard, name)) => (
                batch.chunks(self.shard_stays()).nth(shard).unwrap_or(batch),
                name,
            ),
            // Each shard's is finite, their sum is not.
            None => (group, parameter),
        };
        let problem = format!("the gradient of {parameter} is not finite");
        self.broken(
            state,
            group,
            (problem, Some(parameter.to_string())),
            suspects,
            "a z-score of exactly 0 makes a zero vector (`value_encoding = \"affine\"` avoids it); extreme values can be clipped in the data stage",
        )
    }

    /// Saves the step that broke; returns the failure that says so.
    fn broken(
        &self,
        state: &State,
        group: &[usize],
        (problem, parameter): (String, Option<String>),
        suspects: &[usize],
        hint: &str,
    ) -> Error {
        let batches = group.chunks(self.settings.batch_size);
        let step = BrokenStep {
            format: BrokenStep::FORMAT,
            stage: "pretrain",
            problem,
            parameter,
            seed: self.seed,
            epoch: state.position.epoch,
            step: state.position.step,
            step_of_epoch: state.position.batches as u64,
            suspects: self.names(suspects),
            batches: batches.map(|batch| self.names(batch)).collect(),
        };
        match variables_to_host(&state.variables) {
            Ok(parameters) => self.replay.fail(&step, &parameters, hint),
            Err(error) => error,
        }
    }

    /// One optimizer step; returns the gradients' norm before clipping.
    fn update(&self, state: &mut State, mut gradients: Gradients) -> Result<f64, Error> {
        gradients.audit(&state.variables, &gradient_free_parameters(self.model))?;
        let norm = gradients.clip(self.settings.clip_norm);
        let scale = state.course.scale(state.position.step);
        state.optimizer.step(&state.variables, &gradients, scale)?;
        state.position.step += 1;
        Ok(norm)
    }
}
