//! The set encoder: events of one time point → the posterior of a latent vector.

use candle_core::{Result, Tensor};

use super::batch::Batch;
use super::config::{ModelConfig, ValueEncoding};
use super::layers::{Isab, LayerNorm, Linear, LinearInit};
use super::noise::Noise;
use super::ops;
use super::parameter::ParameterSource;

/// Added to a norm before a division by it.
const NORM_EPS: f64 = 1e-8;
/// The reference's bounds of logvar.
const LOGVAR_BOUND: f32 = 10.0;
const INPUT_DROPOUT: f64 = 0.1;
const POSTERIOR_DROPOUT: f64 = 0.1;

/// Encodes every set of a batch.
#[derive(Clone, Debug)]
pub struct SetEncoder {
    dim_reducer: Linear,
    embed: Linear,
    embed_norm: LayerNorm,
    embed_presence: Option<Linear>,
    layers: Vec<Isab>,
    posterior_in: Linear,
    posterior_norm: LayerNorm,
    posterior_out: Linear,
    latent_dim: usize,
}

/// What the encoder makes of a batch.
pub struct Encoding {
    /// Mean over each set's events after every level, [sets, latent_dim] each.
    pub aggregates: Vec<Tensor>,
    /// Directions of the events' variables, of length 1: [events, reduced_dim].
    pub units: Tensor,
    /// What the decoder has to reconstruct: the unit vector times the value, [events, reduced_dim].
    pub target: Tensor,
}

/// A diagonal Gaussian per set.
#[derive(Clone, Debug)]
pub struct Posterior {
    /// Means, [sets, latent_dim].
    pub mu: Tensor,
    /// Logarithms of the variances, [sets, latent_dim], within ±10.
    pub logvar: Tensor,
}

impl Posterior {
    /// Standard deviations e^(logvar/2), [sets, latent_dim].
    pub fn std(&self) -> Result<Tensor> {
        (&self.logvar * 0.5)?.exp()
    }
}

impl SetEncoder {
    /// The encoder's layers from their parameters.
    pub fn new(source: &ParameterSource, config: &ModelConfig) -> Result<Self> {
        let init = LinearInit::Xavier;
        let (reduced, latent) = (config.reduced_dim, config.latent_dim);
        let linear =
            |name: &str, inputs, outputs| Linear::new(&source.part(name), inputs, outputs, init);
        let norm = |name: &str| LayerNorm::new(&source.part(name), latent, LayerNorm::EPS);
        let embed_presence = match config.value_encoding {
            ValueEncoding::Scale => None,
            ValueEncoding::Affine => Some(linear("embed_presence", reduced, latent)?),
        };
        let layers = (0..config.levels)
            .map(|level| {
                let part = source.part("encoder_layers").part(level);
                Isab::new(&part, latent, config.heads, config.inducing_points, init)
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            dim_reducer: linear("dim_reducer", config.input_dim, reduced)?,
            embed: linear("embed.0", reduced, latent)?,
            embed_norm: norm("embed.1")?,
            embed_presence,
            layers,
            posterior_in: linear("mu_logvar.0", latent, latent)?,
            posterior_norm: norm("mu_logvar.1")?,
            posterior_out: linear("mu_logvar.4", latent, 2 * latent)?,
            latent_dim: latent,
        })
    }

    /// `embeddings` [variables, input_dim].
    ///
    /// Only the variables' own rows go through the reduction and its norm: an event is its
    /// variable's row times its value, which is exact.
    pub fn forward(&self, batch: &Batch, embeddings: &Tensor, noise: &Noise) -> Result<Encoding> {
        let reduced = self.dim_reducer.forward(embeddings)?;
        let norm = (reduced.sqr()?.sum_keepdim(1)?.sqrt()? + NORM_EPS)?;
        let unit = batch.variables.of(&reduced.broadcast_div(&norm)?)?;
        let target = unit.broadcast_mul(&batch.values)?;
        let mut embedded = self
            .embed
            .forward(&noise.dropout(&target, INPUT_DROPOUT)?)?;
        if let Some(presence) = &self.embed_presence {
            embedded = (embedded + presence.forward(&unit)?)?;
        }
        let mut current = ops::gelu(&self.embed_norm.forward(&embedded)?)?;
        let mut aggregates = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            current = (layer.forward(&current, &batch.set_starts)? + &current)?;
            aggregates.push(ops::segment_mean(&current, &batch.set_starts)?);
        }
        Ok(Encoding {
            aggregates,
            units: unit,
            target,
        })
    }

    /// The posterior of one level's aggregate. Only the last level's is used for training.
    pub fn posterior(&self, aggregate: &Tensor, noise: &Noise) -> Result<Posterior> {
        let hidden = self
            .posterior_norm
            .forward(&self.posterior_in.forward(aggregate)?)?;
        let hidden = noise.dropout(&ops::gelu(&hidden)?, POSTERIOR_DROPOUT)?;
        let both = self.posterior_out.forward(&hidden)?;
        let part = |first| both.narrow(1, first, self.latent_dim)?.contiguous();
        Ok(Posterior {
            mu: part(0)?,
            logvar: part(self.latent_dim)?.clamp(-LOGVAR_BOUND, LOGVAR_BOUND)?,
        })
    }

    /// The posterior that the rest of the model uses: the last level's.
    pub fn last_posterior(&self, encoding: &Encoding, noise: &Noise) -> Result<Posterior> {
        match encoding.aggregates.last() {
            Some(aggregate) => self.posterior(aggregate, noise),
            None => candle_core::bail!("a set encoder has at least one level"),
        }
    }
}
