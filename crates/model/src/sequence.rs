//! The sequence part: a causal transformer over the sets of each stay.

use candle_core::{DType, Device, Result, Tensor};

use super::batch::{Batch, TIME_BUCKETS};
use super::config::{ModelConfig, TimeBiasKind};
use super::layers::{LayerNorm, Linear, LinearInit, MultiheadAttention};
use super::noise::Noise;
use super::ops::{self, Attention};
use super::parameter::{Init, ParameterSource};
use super::time_bias::TimeBias;

/// torch's default eps of the last norm in the reference.
const POST_NORM_EPS: f32 = 1e-6;

/// Position and time since the set before, then pre-norm transformer layers, then a norm.
#[derive(Clone, Debug)]
pub struct SequencePart {
    time_embedding: Tensor,
    layers: Vec<TransformerLayer>,
    post_norm: LayerNorm,
    ones: Tensor,
    zeros: Tensor,
    latent_norm: bool,
    time_bias: Option<TimeBias>,
    dropout: f64,
}

/// What the sequence part makes of its input.
pub struct SequenceOutput {
    /// Input of the first layer, [sets, latent_dim].
    pub input: Tensor,
    /// Output of the last norm, [sets, latent_dim].
    pub hidden: Tensor,
}

impl SequencePart {
    /// The layers from their parameters; `dropout` acts in training only.
    pub fn new(source: &ParameterSource, config: &ModelConfig, dropout: f64) -> Result<Self> {
        let width = config.latent_dim;
        let layers = (0..config.transformer_layers)
            .map(|layer| {
                TransformerLayer::new(&source.part("transformer.layers").part(layer), config)
            })
            .collect::<Result<_>>()?;
        let time = source.part("rel_time_bucket_embed");
        let time_embedding = time.get("weight", &[TIME_BUCKETS, width], Init::Normal)?;
        let device = time_embedding.device().clone();
        let time_bias = match config.time_bias {
            TimeBiasKind::Zero => None,
            TimeBiasKind::Elapsed => Some(TimeBias::new(source)?),
        };
        Ok(Self {
            time_embedding,
            layers,
            post_norm: LayerNorm::new(&source.part("post_transformer_norm"), width, POST_NORM_EPS)?,
            ones: Tensor::ones(width, DType::F32, &device)?,
            zeros: Tensor::zeros(width, DType::F32, &device)?,
            latent_norm: config.latent_norm,
            time_bias,
            dropout,
        })
    }

    /// `z` [sets, latent_dim].
    pub fn forward(&self, z: &Tensor, batch: &Batch, noise: &Noise) -> Result<SequenceOutput> {
        let input = self.input(z, batch)?;
        let mut hidden = input.clone();
        for layer in 0..self.layers.len() {
            hidden = self.layer(layer, &hidden, batch, noise)?;
        }
        Ok(SequenceOutput {
            input,
            hidden: self.norm(&hidden)?,
        })
    }

    /// The first layer's input, [sets, latent_dim], from `z` [sets, latent_dim].
    pub fn input(&self, z: &Tensor, batch: &Batch) -> Result<Tensor> {
        let positions = position_encoding(batch, z.dim(1)?, z.device())?;
        let times = batch.time_buckets.of(&self.time_embedding)?;
        let normalised = |x: &Tensor| ops::layer_norm(x, &self.ones, &self.zeros, LayerNorm::EPS);
        let sum = match self.latent_norm {
            true => (normalised(z)? + positions)?,
            false => (z + positions)?,
        };
        normalised(&(sum + times)?)
    }

    /// The output of layer `index` for its input, both [sets, latent_dim].
    pub fn layer(
        &self,
        index: usize,
        hidden: &Tensor,
        batch: &Batch,
        noise: &Noise,
    ) -> Result<Tensor> {
        let bias = match &self.time_bias {
            None => None,
            Some(bias) => Some(bias.of(&batch.gaps()?)?),
        };
        let starts = &batch.stay_starts;
        self.layers[index].forward(hidden, bias.as_ref(), starts, noise, self.dropout)
    }

    /// The norm after the last layer, [sets, latent_dim].
    pub fn norm(&self, hidden: &Tensor) -> Result<Tensor> {
        self.post_norm.forward(hidden)
    }
}

/// Sinusoidal positions (Vaswani et al. 2017), in the reference's single precision: [sets, width].
fn position_encoding(batch: &Batch, width: usize, device: &Device) -> Result<Tensor> {
    let longest = batch
        .stay_starts
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .max()
        .unwrap_or(0);
    let rates: Vec<f32> = (0..width)
        .step_by(2)
        .map(|column| (column as f32 * (-(10_000f32.ln()) / width as f32)).exp())
        .collect();
    let mut table = vec![0f32; longest * width];
    for (position, row) in table.chunks_exact_mut(width).enumerate() {
        for (pair, rate) in row.chunks_mut(2).zip(&rates) {
            let (sin, cos) = (position as f32 * rate).sin_cos();
            pair[0] = sin;
            if let Some(odd) = pair.get_mut(1) {
                *odd = cos;
            }
        }
    }
    Tensor::from_vec(table, (longest, width), device)?.index_select(&batch.positions, 0)
}

/// torch's TransformerEncoderLayer with norm_first and exact GELU.
#[derive(Clone, Debug)]
struct TransformerLayer {
    self_attn: MultiheadAttention,
    linear1: Linear,
    linear2: Linear,
    norm1: LayerNorm,
    norm2: LayerNorm,
}

impl TransformerLayer {
    fn new(source: &ParameterSource, config: &ModelConfig) -> Result<Self> {
        let (width, heads, init) = (
            config.latent_dim,
            config.transformer_heads,
            LinearInit::Torch,
        );
        Ok(Self {
            self_attn: MultiheadAttention::new(&source.part("self_attn"), width, heads, init)?,
            linear1: Linear::new(&source.part("linear1"), width, config.ff_dim, init)?,
            linear2: Linear::new(&source.part("linear2"), config.ff_dim, width, init)?,
            norm1: LayerNorm::new(&source.part("norm1"), width, LayerNorm::EPS)?,
            norm2: LayerNorm::new(&source.part("norm2"), width, LayerNorm::EPS)?,
        })
    }

    /// Causal attention within stays; `bias` is added to the scores of its pairs.
    fn forward(
        &self,
        x: &Tensor,
        bias: Option<&Tensor>,
        stay_starts: &[usize],
        noise: &Noise,
        dropout: f64,
    ) -> Result<Tensor> {
        let y = self.norm1.forward(x)?;
        let pattern = |heads, scale| Attention {
            dropout: noise.attention_dropout(dropout),
            ..Attention::within(stay_starts, heads, scale, true)
        };
        let attended = self.self_attn.forward_biased(&y, &y, bias, pattern)?;
        let x = noise.add_dropped(x, &attended, dropout)?;
        let hidden = ops::gelu(&self.linear1.forward(&self.norm2.forward(&x)?)?)?;
        let y = self.linear2.forward(&noise.dropout(&hidden, dropout)?)?;
        noise.add_dropped(&x, &y, dropout)
    }
}
