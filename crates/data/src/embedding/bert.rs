//! A BERT encoder without its pooler: tokens in, a vector of each out.
//!
//! Written out here because candle-transformers, which has one, brings a hundred architectures with
//! it: more than two minutes of a processor's time to build, for the forward pass below.

use std::collections::HashMap;

use candle_core::{D, Device, Result, Tensor};
use pipeline_vector::product::{View, multiply, product};

use super::bert_config::{Activation, BertConfig};

/// The encoder of Devlin et al., [BERT](https://arxiv.org/abs/1810.04805), section 3, as transformers computes it.
pub(super) struct Bert {
    /// Word, position and token type: [rows, hidden] each.
    tables: [Tensor; 3],
    norm: LayerNorm,
    layers: Vec<Layer>,
    heads: usize,
    activation: Activation,
}

impl Bert {
    /// From the tensors of transformers' names. All that `config` asks for must be there.
    pub(super) fn new(mut tensors: HashMap<String, Tensor>, config: &BertConfig) -> Result<Self> {
        let weights = &mut Weights {
            tensors: &mut tensors,
            eps: config.layer_norm_eps,
        };
        let layer = |index| Layer::new(weights, &format!("encoder.layer.{index}"));
        let layers = (0..config.num_hidden_layers).map(layer);
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            tables: [
                weights.take("embeddings.word_embeddings.weight")?,
                weights.take("embeddings.position_embeddings.weight")?,
                weights.take("embeddings.token_type_embeddings.weight")?,
            ],
            norm: weights.norm("embeddings.LayerNorm")?,
            heads: config.num_attention_heads,
            activation: config.activation().unwrap_or(Activation::Gelu),
        })
    }

    /// The vectors of a text's tokens, [tokens, hidden]. Every token attends to every other.
    pub(super) fn forward(&self, tokens: &[u32], types: &[u32]) -> Result<Tensor> {
        let positions: Vec<u32> = (0..tokens.len() as u32).collect();
        let [words, places, kinds] = &self.tables;
        let rows =
            |table: &Tensor, ids: &[u32]| table.index_select(&Tensor::new(ids, &Device::Cpu)?, 0);
        let sum = ((rows(words, tokens)? + rows(kinds, types)?)? + rows(places, &positions)?)?;
        let mut hidden = self.norm.forward(&sum)?;
        for layer in &self.layers {
            hidden = layer.forward(&hidden, self.heads, self.activation)?;
        }
        Ok(hidden)
    }
}

/// A block: attention, then two linear layers, each added to what came in and normalised.
struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attended: Linear,
    attention_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    norm: LayerNorm,
}

impl Layer {
    fn new(weights: &mut Weights, name: &str) -> Result<Self> {
        Ok(Self {
            query: weights.linear(&format!("{name}.attention.self.query"))?,
            key: weights.linear(&format!("{name}.attention.self.key"))?,
            value: weights.linear(&format!("{name}.attention.self.value"))?,
            attended: weights.linear(&format!("{name}.attention.output.dense"))?,
            attention_norm: weights.norm(&format!("{name}.attention.output.LayerNorm"))?,
            inner: weights.linear(&format!("{name}.intermediate.dense"))?,
            outer: weights.linear(&format!("{name}.output.dense"))?,
            norm: weights.norm(&format!("{name}.output.LayerNorm"))?,
        })
    }

    fn forward(&self, hidden: &Tensor, heads: usize, activation: Activation) -> Result<Tensor> {
        let attended = self.attended.forward(&self.attention(hidden, heads)?)?;
        let attended = self.attention_norm.forward(&(attended + hidden)?)?;
        let inner = self.inner.forward(&attended)?;
        let inner = match activation {
            Activation::Gelu => inner.gelu_erf()?,
            Activation::TanhGelu => inner.gelu()?,
            Activation::Relu => inner.relu()?,
        };
        self.norm
            .forward(&(self.outer.forward(&inner)? + attended)?)
    }

    fn attention(&self, hidden: &Tensor, heads: usize) -> Result<Tensor> {
        let (tokens, width) = hidden.dims2()?;
        let head = width / heads;
        let by_token = |linear: &Linear| numbers(&linear.forward(hidden)?);
        let (query, key) = (by_token(&self.query)?, by_token(&self.key)?);
        let value = by_token(&self.value)?;
        let scale = 1.0 / (head as f64).sqrt();
        let mut mixed = vec![0f32; tokens * width];
        for first in (0..width).step_by(head) {
            let rows = View::rows(first, width);
            let keys = (&key[..], rows.transposed());
            let scores = product([tokens, tokens, head], (&query, rows), keys);
            let scores = Tensor::from_vec(scores, (tokens, tokens), hidden.device())?;
            let weights = numbers(&softmax(&(scores * scale)?)?)?;
            let weights = (&weights[..], View::rows(0, tokens));
            let to = (&mut mixed[..], rows);
            multiply([tokens, head, tokens], to, weights, (&value, rows), true);
        }
        Tensor::from_vec(mixed, (tokens, width), hidden.device())
    }
}

/// Row by row.
fn numbers(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.flatten_all()?.to_vec1()
}

/// Over the last axis.
fn softmax(scores: &Tensor) -> Result<Tensor> {
    let powers = scores
        .broadcast_sub(&scores.max_keepdim(D::Minus1)?)?
        .exp()?;
    powers.broadcast_div(&powers.sum_keepdim(D::Minus1)?)
}

/// x·Wᵀ + b, with W [out, in].
struct Linear {
    weight: Vec<f32>,
    bias: Tensor,
}

impl Linear {
    fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        let (tokens, inputs) = rows.dims2()?;
        let outputs = self.bias.dim(0)?;
        // Not candle's product, whose order of sums depends on this CPU's vectors and caches.
        let turned = (&self.weight[..], View::rows(0, inputs).transposed());
        let x = numbers(rows)?;
        let x = (&x[..], View::rows(0, inputs));
        let y = product([tokens, outputs, inputs], x, turned);
        Tensor::from_vec(y, (tokens, outputs), rows.device())?.broadcast_add(&self.bias)
    }
}

/// (x - mean) / √(variance + eps) · weight + bias, over the last axis.
struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f64,
}

impl LayerNorm {
    fn forward(&self, rows: &Tensor) -> Result<Tensor> {
        let centred = rows.broadcast_sub(&rows.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let deviation = (variance + self.eps)?.sqrt()?;
        let unit = centred.broadcast_div(&deviation)?;
        unit.broadcast_mul(&self.weight)?.broadcast_add(&self.bias)
    }
}

/// The tensors that no part of the model has taken yet.
struct Weights<'a> {
    tensors: &'a mut HashMap<String, Tensor>,
    eps: f64,
}

impl Weights<'_> {
    fn take(&mut self, name: &str) -> Result<Tensor> {
        let tensor = self.tensors.remove(name);
        tensor.ok_or_else(|| candle_core::Error::Msg(format!("no tensor {name}")))
    }

    fn linear(&mut self, name: &str) -> Result<Linear> {
        Ok(Linear {
            weight: numbers(&self.take(&format!("{name}.weight"))?)?,
            bias: self.take(&format!("{name}.bias"))?,
        })
    }

    fn norm(&mut self, name: &str) -> Result<LayerNorm> {
        Ok(LayerNorm {
            weight: self.take(&format!("{name}.weight"))?,
            bias: self.take(&format!("{name}.bias"))?,
            eps: self.eps,
        })
    }
}
