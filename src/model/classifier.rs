//! What sits on the backbone for classification: fusion, pooling, head.

use candle_core::{Result, Tensor};

use super::batch::Batch;
use super::config::{ClassifierConfig, Fusion, ModelConfig, Pooling};
use super::layers::{LayerNorm, Linear, LinearInit};
use super::noise::Noise;
use super::ops::{self, Attention};
use super::parameter::ParameterSource;
use super::set_encoder::Posterior;

/// The transformer's input from the posterior, [sets, latent_dim].
///
/// Uncertainty: w = sigmoid(1 − mean σ), fused = w·μ·(1 + 0.05·tanh σ) + (1 − w)·μ.
pub fn fuse(posterior: &Posterior, config: &ClassifierConfig) -> Result<Tensor> {
    match config.fusion {
        Fusion::None => Ok(posterior.mu.clone()),
        Fusion::Uncertainty => {
            let std = (&posterior.logvar * 0.5)?.exp()?;
            let weight = sigmoid(&(1.0 - std.mean_keepdim(1)?)?)?;
            let boosted = (&posterior.mu * ((std.tanh()? * 0.05)? + 1.0)?)?;
            let rest = posterior.mu.broadcast_mul(&(1.0 - &weight)?)?;
            boosted.broadcast_mul(&weight)? + rest
        }
    }
}

fn sigmoid(x: &Tensor) -> Result<Tensor> {
    (x.neg()?.exp()? + 1.0)?.recip()
}

/// One vector a stay from the transformer's outputs `hidden` [sets, latent_dim] → [stays, latent_dim].
///
/// Recency: a = softmaxₜ(hₜ · h_last); 0.7·h_last + 0.3·Σ aₜhₜ.
pub fn pool(hidden: &Tensor, batch: &Batch, config: &ClassifierConfig) -> Result<Tensor> {
    match config.pooling {
        Pooling::Recency => {
            let last: Vec<u32> = batch.stay_starts[1..]
                .iter()
                .map(|end| (*end - 1) as u32)
                .collect();
            let stays = last.len();
            let last = hidden.index_select(&Tensor::from_vec(last, stays, hidden.device())?, 0)?;
            let attention = Attention::one_query_each(&batch.stay_starts, 1, 1.0);
            let keys_and_values = Tensor::cat(&[hidden, hidden], 1)?;
            let attended = ops::attend(&last, &keys_and_values, &attention)?;
            (last * 0.7)? + (attended * 0.3)?
        }
    }
}

/// The classification head: three hidden layers, each halving the width from the second on.
#[derive(Clone, Debug)]
pub struct Head {
    hidden: Vec<(Linear, LayerNorm)>,
    out: Linear,
}

impl Head {
    /// The prefix of its parameters' names.
    pub const PREFIX: &str = "cls_head";

    /// Whether a parameter of this name belongs to the head.
    pub fn owns(parameter: &str) -> bool {
        let rest = parameter.strip_prefix(Self::PREFIX);
        rest.is_some_and(|rest| rest.starts_with('.'))
    }

    /// The head's layers from their parameters.
    pub fn new(source: &ParameterSource, config: &ModelConfig) -> Result<Self> {
        let width = config.latent_dim;
        let source = source.part(Self::PREFIX);
        let linear = |index: usize, inputs, outputs| {
            Linear::new(&source.part(index), inputs, outputs, LinearInit::Xavier)
        };
        let hidden = [
            (0, width, width),
            (4, width, width / 2),
            (8, width / 2, width / 4),
        ]
        .into_iter()
        .map(|(index, inputs, outputs)| {
            let norm = LayerNorm::new(&source.part(index + 1), outputs, LayerNorm::EPS)?;
            Ok((linear(index, inputs, outputs)?, norm))
        })
        .collect::<Result<_>>()?;
        Ok(Self {
            hidden,
            out: linear(12, width / 4, config.classifier.num_classes)?,
        })
    }

    /// `features` [stays, latent_dim] → logits [stays, classes]; `dropout` after each hidden layer, in training only.
    pub fn forward(&self, features: &Tensor, dropout: [f64; 3], noise: &Noise) -> Result<Tensor> {
        let mut x = features.clone();
        for ((linear, norm), rate) in self.hidden.iter().zip(dropout) {
            x = noise.dropout(&norm.forward(&linear.forward(&x)?)?.relu()?, rate)?;
        }
        self.out.forward(&x)
    }
}
