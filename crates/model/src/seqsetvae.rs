//! The two models of the family: for pretraining and for classification.

use candle_core::{Result, Tensor};

use super::backbone::Backbone;
use super::batch::{Batch, DecodedSets};
use super::classifier::Head;
use super::config::{ModelConfig, ModelMode};
use super::decoder::Decoder;
use super::noise::Noise;
use super::objective::Objective;
use super::ops;
use super::parameter::{ParameterSource, ParameterSpec};
use super::pretrain_tasks::PretrainTasks;
use super::readout::{Readout, of_posterior};
use super::sequence::{SequenceOutput, SequencePart};
use super::set_encoder::{Encoding, Posterior, SetEncoder};
use super::tasks::{TaskLosses, Tasks};

/// Every parameter of a model, sorted by name.
pub fn parameter_specs(config: &ModelConfig, mode: ModelMode) -> Result<Vec<ParameterSpec>> {
    ParameterSource::record(|source| match mode {
        ModelMode::Pretrain => PretrainModel::new(source, config, 0.0).map(|_| ()),
        ModelMode::Classifier => ClassifierModel::new(source, config).map(|_| ()),
    })
}

/// Parameters whose gradient is zero by construction: inducing points that see a single key.
pub fn gradient_free_parameters(config: &ModelConfig) -> Vec<String> {
    vec![format!(
        "decoder.decoder_layers.{}.isab.inducing",
        config.levels - 1
    )]
}

/// Encoder, sequence part and decoder, and where tasks are set the readout with their decoders.
#[derive(Clone, Debug)]
pub struct PretrainModel {
    encoder: SetEncoder,
    sequence: SequencePart,
    decoder: Decoder,
    tasks: Option<PretrainTasks>,
}

/// What one pass of the pretraining model gives.
pub struct PretrainOutput {
    /// The encoder's aggregates and the target.
    pub encoding: Encoding,
    /// The last level's posterior.
    pub posterior: Posterior,
    /// Input and output of the transformer.
    pub sequence: SequenceOutput,
    /// Reconstructed events, [decoded events, reduced_dim].
    pub reconstruction: Tensor,
    /// What they should be, [decoded events, reduced_dim].
    pub target: Tensor,
    /// The sets that were decoded.
    pub decoded: DecodedSets,
    /// What the sequence part read before positions, [sets, latent_dim]: μ, or what was drawn.
    latents: Tensor,
    /// The posteriors whose KL counts.
    divergent: Vec<Posterior>,
    rewards_variance: bool,
}

impl PretrainModel {
    /// The model from its parameters; `dropout` is the transformer's.
    pub fn new(source: &ParameterSource, config: &ModelConfig, dropout: f64) -> Result<Self> {
        Ok(Self {
            encoder: SetEncoder::new(&source.part("set_encoder"), config)?,
            sequence: SequencePart::new(source, config, dropout)?,
            decoder: Decoder::new(&source.part("decoder"), config)?,
            tasks: match &config.readout_layout {
                Some(layout) => Some(PretrainTasks::new(source, config, layout)?),
                None => None,
            },
        })
    }

    /// One pass with decoder seeds and latents drawn from `noise`; `embeddings` [variables, input_dim].
    pub fn forward(
        &self,
        batch: &Batch,
        embeddings: &Tensor,
        objective: Objective,
        noise: &Noise,
    ) -> Result<PretrainOutput> {
        self.pass(batch, embeddings, objective, None, noise)
    }

    /// One pass under the reference's objective with the given decoder seeds, by level.
    pub fn forward_with_seeds(
        &self,
        batch: &Batch,
        embeddings: &Tensor,
        seeds: &[Tensor],
        noise: &Noise,
    ) -> Result<PretrainOutput> {
        self.pass(batch, embeddings, Objective::Reference, Some(seeds), noise)
    }

    fn pass(
        &self,
        batch: &Batch,
        embeddings: &Tensor,
        objective: Objective,
        seeds: Option<&[Tensor]>,
        noise: &Noise,
    ) -> Result<PretrainOutput> {
        let encoding = self.encoder.forward(batch, embeddings, noise)?;
        let posterior = self.encoder.last_posterior(&encoding, noise)?;
        let latents = match objective.draws_latents() {
            true => posterior.draw(batch, noise)?,
            false => posterior.mu.clone(),
        };
        let sequence = self.sequence.forward(&latents, batch, noise)?;
        let decoded = match objective {
            Objective::Reference | Objective::Elbo => batch.all_sets()?,
            Objective::Forecast => batch.following_sets()?,
        };
        let (states, units, target) = match &decoded.chosen {
            None => (
                sequence.hidden.clone(),
                encoding.units.clone(),
                encoding.target.clone(),
            ),
            Some(chosen) => (
                chosen.before.of(&sequence.hidden)?,
                chosen.events.of(&encoding.units)?,
                chosen.events.of(&encoding.target)?,
            ),
        };
        let target = match objective.target_learns() {
            true => target,
            false => target.detach(),
        };
        let drawn;
        let seeds = match seeds {
            Some(seeds) => seeds,
            None => {
                drawn = self.decoder.seeds(&decoded, &units, noise)?;
                &drawn
            }
        };
        let reconstruction = self.decoder.forward(&states, seeds, &decoded, noise)?;
        let mut divergent = vec![posterior.clone()];
        if objective == Objective::Elbo {
            let lower = &encoding.aggregates[..encoding.aggregates.len() - 1];
            for aggregate in lower {
                divergent.push(self.encoder.posterior(aggregate, noise)?);
            }
        }
        Ok(PretrainOutput {
            encoding,
            posterior,
            sequence,
            reconstruction,
            target,
            decoded,
            latents,
            divergent,
            rewards_variance: objective == Objective::Reference,
        })
    }

    /// The loss of every task of `tasks`, a scalar each, from a pass over `batch`: the sum over its stays, divided by
    /// `stays_in_all`.
    ///
    /// Fails for a model without a readout.
    pub fn task_losses(
        &self,
        tasks: &Tasks,
        output: &PretrainOutput,
        batch: &Batch,
        stays_in_all: usize,
        noise: &Noise,
    ) -> Result<TaskLosses<Tensor>> {
        let Some(asked) = &self.tasks else {
            candle_core::bail!("a model without a readout has nothing to answer tasks with")
        };
        let posterior = of_posterior(&output.latents, &output.posterior)?;
        let inputs = Readout::inputs(&output.sequence.hidden, &posterior)?;
        asked.losses(tasks, &inputs, batch, stays_in_all, noise)
    }

    /// The set encoder.
    pub fn encoder(&self) -> &SetEncoder {
        &self.encoder
    }
}

impl PretrainOutput {
    /// Reconstruction loss of every decoded set, [decoded sets].
    pub fn reconstruction_loss(&self) -> Result<Tensor> {
        ops::set_reconstruction_loss(&self.reconstruction, &self.target, &self.decoded.set_starts)
    }

    /// KL loss of every set, [sets]: the sum over posteriors of max(KL, free_bits·latent_dim); under the
    /// reference's objective less 0.1·mean logvar.
    pub fn kl_loss(&self, free_bits: f64) -> Result<Tensor> {
        let mut posteriors = self.divergent.iter();
        let Some(last) = posteriors.next() else {
            candle_core::bail!("a model has at least one posterior")
        };
        let mut sum = last.floored_divergence(free_bits)?;
        for posterior in posteriors {
            sum = (sum + posterior.floored_divergence(free_bits)?)?;
        }
        match self.rewards_variance {
            true => sum - (last.logvar.mean(1)? * 0.1)?,
            false => Ok(sum),
        }
    }
}

impl Posterior {
    /// A latent a set, [sets, latent_dim]: mu + σ·ε, ε ~ N(0, 1) (Kingma and Welling 2014).
    fn draw(&self, batch: &Batch, noise: &Noise) -> Result<Tensor> {
        let sets = batch.stay_starts.windows(2).map(|pair| pair[1] - pair[0]);
        let stays = batch.stays.iter().copied().zip(sets);
        let draws = noise.latents(stays, self.mu.dim(1)?, self.mu.device())?;
        &self.mu + ((&self.logvar * 0.5)?.exp()? * draws)?
    }

    /// KL to N(0, 1) of every set, or the floor of `free_bits` nats a dimension where that is more: [sets].
    fn floored_divergence(&self, free_bits: f64) -> Result<Tensor> {
        let Posterior { mu, logvar } = self;
        let width = mu.dim(1)?;
        let terms = (((logvar.exp()? + mu.sqr()?)? - 1.0)? - logvar)?;
        let kl = (terms.sum(1)? * 0.5)?;
        let floor = free_bits * width as f64;
        // A mask passes the whole gradient at the floor itself, as torch's clamp does.
        let above = kl.ge(floor)?.to_dtype(kl.dtype())?;
        (&kl * &above)? + ((1.0 - above)? * floor)?
    }
}

/// Backbone and head.
#[derive(Clone, Debug)]
pub struct ClassifierModel {
    /// Everything below the head.
    pub backbone: Backbone,
    /// Features to logits.
    pub head: Head,
}

impl ClassifierModel {
    /// The model from its parameters.
    pub fn new(source: &ParameterSource, config: &ModelConfig) -> Result<Self> {
        Ok(Self {
            backbone: Backbone::new(source, config)?,
            head: Head::new(source, config)?,
        })
    }
}
