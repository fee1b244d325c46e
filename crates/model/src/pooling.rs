//! How the classifier makes one vector of a stay's sets.

use candle_core::{Result, Tensor, bail};

use super::batch::Batch;
use super::config::{ModelConfig, Pooling};
use super::layers::{LayerNorm, Linear, LinearInit, MultiheadAttention};
use super::noise::Noise;
use super::ops::{self, Attention};
use super::parameter::ParameterSource;
use super::readout::Readout;
use super::set_encoder::Posterior;

/// Dropout after the projection of multi-scale pooling.
const PROJECTION_DROPOUT: f64 = 0.1;

/// The pooling of a classifier, with its parameters if it has any.
#[derive(Clone, Debug)]
pub enum PoolingLayer {
    /// 0.7·h_last + 0.3·Σ aₜhₜ with a = softmaxₜ(hₜ · h_last).
    Recency,
    /// A learned projection of mean, maximum and attention.
    Multiscale(Box<MultiscalePooling>),
    /// Queries of every variable's own.
    Readout(Box<Readout>),
}

/// relu(LN(P([mean, max, attention]))), where the attention over a stay's outputs has their mean as its query.
#[derive(Clone, Debug)]
pub struct MultiscalePooling {
    attention: MultiheadAttention,
    projection: Linear,
    norm: LayerNorm,
}

impl PoolingLayer {
    /// What the model's pooling needs, from its parameters.
    pub fn new(source: &ParameterSource, config: &ModelConfig) -> Result<Self> {
        Ok(match config.classifier.pooling {
            Pooling::Recency => PoolingLayer::Recency,
            Pooling::Multiscale => {
                PoolingLayer::Multiscale(Box::new(MultiscalePooling::new(source, config)?))
            }
            Pooling::Readout => PoolingLayer::Readout(Box::new(Readout::new(source, config)?)),
        })
    }

    /// One vector a stay from the transformer's outputs `hidden` [sets, latent_dim] → [stays, latent_dim], or of a
    /// readout [stays, groups·output_dim]. That needs what [`of_posterior`](super::readout::of_posterior) gives.
    pub fn forward(
        &self,
        hidden: &Tensor,
        of_posterior: Option<&Tensor>,
        batch: &Batch,
        noise: &Noise,
    ) -> Result<Tensor> {
        match self {
            PoolingLayer::Recency => by_recency(hidden, batch),
            PoolingLayer::Multiscale(multiscale) => multiscale.forward(hidden, batch, noise),
            PoolingLayer::Readout(readout) => match of_posterior {
                Some(posterior) => readout.of_stays(&Readout::inputs(hidden, posterior)?, batch),
                None => bail!("a readout needs the posterior beside the transformer's outputs"),
            },
        }
    }
}

fn by_recency(hidden: &Tensor, batch: &Batch) -> Result<Tensor> {
    let last = last_of_stays(hidden, batch)?;
    let attention = Attention::one_query_each(&batch.stay_starts, 1, 1.0);
    let keys_and_values = Tensor::cat(&[hidden, hidden], 1)?;
    let attended = ops::attend(&last, &keys_and_values, &attention)?;
    (last * 0.7)? + (attended * 0.3)?
}

/// The row of every stay's last set: [sets, width] → [stays, width].
fn last_of_stays(rows: &Tensor, batch: &Batch) -> Result<Tensor> {
    let last: Vec<u32> = batch.stay_starts[1..]
        .iter()
        .map(|end| (*end - 1) as u32)
        .collect();
    let stays = last.len();
    rows.index_select(&Tensor::from_vec(last, stays, rows.device())?, 0)
}

/// What fusion `concat` puts beside the pooled outputs: [mean of μ, last μ, mean of σ, last σ], where mean
/// is over a stay's sets and last is its last set: [stays, 4·latent_dim].
pub fn pool_posterior(posterior: &Posterior, batch: &Batch) -> Result<Tensor> {
    let std = posterior.std()?;
    let parts = [
        ops::segment_mean(&posterior.mu, &batch.stay_starts)?,
        last_of_stays(&posterior.mu, batch)?,
        ops::segment_mean(&std, &batch.stay_starts)?,
        last_of_stays(&std, batch)?,
    ];
    Tensor::cat(&parts, 1)
}

impl MultiscalePooling {
    /// Heads of its attention, as in the reference.
    const HEADS: usize = 4;
    /// The prefixes of its parameters' names.
    pub const PREFIXES: [&str; 2] = ["feature_fusion", "feature_projection"];

    /// From its parameters.
    pub fn new(source: &ParameterSource, config: &ModelConfig) -> Result<Self> {
        let width = config.latent_dim;
        let [attention, projection] = Self::PREFIXES.map(|prefix| source.part(prefix));
        let attention = attention.part("attention_pool");
        let linear = projection.part(0);
        Ok(Self {
            attention: MultiheadAttention::new(&attention, width, Self::HEADS, LinearInit::Torch)?,
            projection: Linear::new(&linear, 3 * width, width, LinearInit::Torch)?,
            norm: LayerNorm::new(&projection.part(1), width, LayerNorm::EPS)?,
        })
    }

    fn forward(&self, hidden: &Tensor, batch: &Batch, noise: &Noise) -> Result<Tensor> {
        let starts = &batch.stay_starts;
        let mean = ops::segment_mean(hidden, starts)?;
        let largest = ops::segment_max(hidden, starts)?;
        let attended = self.attention.forward(&mean, hidden, |heads, scale| {
            Attention::one_query_each(starts, heads, scale)
        })?;
        let scales = Tensor::cat(&[mean, largest, attended], 1)?;
        let projected = self.norm.forward(&self.projection.forward(&scales)?)?;
        noise.dropout(&projected.relu()?, PROJECTION_DROPOUT)
    }
}
