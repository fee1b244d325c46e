//! The two models of the family: for pretraining and for classification.

use candle_core::{Result, Tensor};

use super::backbone::Backbone;
use super::batch::Batch;
use super::classifier::Head;
use super::config::{ModelConfig, ModelMode};
use super::decoder::Decoder;
use super::noise::Noise;
use super::ops;
use super::parameter::{ParameterSource, ParameterSpec};
use super::sequence::{SequenceOutput, SequencePart};
use super::set_encoder::{Encoding, Posterior, SetEncoder};

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

/// Encoder, sequence part and decoder.
#[derive(Clone, Debug)]
pub struct PretrainModel {
    encoder: SetEncoder,
    sequence: SequencePart,
    decoder: Decoder,
}

/// What one pass of the pretraining model gives.
pub struct PretrainOutput {
    /// The encoder's aggregates and the target.
    pub encoding: Encoding,
    /// The last level's posterior.
    pub posterior: Posterior,
    /// Input and output of the transformer.
    pub sequence: SequenceOutput,
    /// Reconstructed events, [events, reduced_dim].
    pub reconstruction: Tensor,
}

impl PretrainModel {
    /// The model from its parameters; `dropout` is the transformer's.
    pub fn new(source: &ParameterSource, config: &ModelConfig, dropout: f64) -> Result<Self> {
        Ok(Self {
            encoder: SetEncoder::new(&source.part("set_encoder"), config)?,
            sequence: SequencePart::new(source, config, dropout)?,
            decoder: Decoder::new(&source.part("decoder"), config)?,
        })
    }

    /// One pass with decoder seeds drawn from `noise`; `embeddings` [variables, input_dim].
    pub fn forward(
        &self,
        batch: &Batch,
        embeddings: &Tensor,
        noise: &Noise,
    ) -> Result<PretrainOutput> {
        let seeds = self.decoder.seeds(batch, noise)?;
        self.forward_with_seeds(batch, embeddings, &seeds, noise)
    }

    /// One pass with the given decoder seeds, by level.
    pub fn forward_with_seeds(
        &self,
        batch: &Batch,
        embeddings: &Tensor,
        seeds: &[Tensor],
        noise: &Noise,
    ) -> Result<PretrainOutput> {
        let encoding = self.encoder.forward(batch, embeddings, noise)?;
        let posterior = self.encoder.last_posterior(&encoding, noise)?;
        let sequence = self.sequence.forward(&posterior.mu, batch, noise)?;
        let reconstruction = self
            .decoder
            .forward(&sequence.hidden, seeds, batch, noise)?;
        Ok(PretrainOutput {
            encoding,
            posterior,
            sequence,
            reconstruction,
        })
    }

    /// The set encoder.
    pub fn encoder(&self) -> &SetEncoder {
        &self.encoder
    }
}

impl PretrainOutput {
    /// Reconstruction loss of every set, [sets].
    pub fn reconstruction_loss(&self, batch: &Batch) -> Result<Tensor> {
        ops::set_reconstruction_loss(
            &self.reconstruction,
            &self.encoding.target,
            &batch.set_starts,
        )
    }

    /// KL loss of every set, [sets]: max(KL, free_bits·latent_dim) − 0.1·mean logvar.
    pub fn kl_loss(&self, free_bits: f64) -> Result<Tensor> {
        let Posterior { mu, logvar } = &self.posterior;
        let width = mu.dim(1)?;
        let terms = (((logvar.exp()? + mu.sqr()?)? - 1.0)? - logvar)?;
        let kl = (terms.sum(1)? * 0.5)?;
        let floor = free_bits * width as f64;
        // A mask passes the whole gradient at the floor itself, as torch's clamp does.
        let above = kl.ge(floor)?.to_dtype(kl.dtype())?;
        let floored = ((&kl * &above)? + ((1.0 - above)? * floor)?)?;
        floored - (logvar.mean(1)? * 0.1)?
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
