//! The classification head, on top of the backbone's features.

use candle_core::{Result, Tensor};

use super::config::{HeadKind, ModelConfig};
use super::layers::{LayerNorm, Linear, LinearInit};
use super::noise::Noise;
use super::parameter::ParameterSource;

/// The classification head: three hidden layers, each halving the width from the second on, and a linear layer; or that alone.
#[derive(Clone, Debug)]
pub struct Head {
    hidden: Vec<(Linear, LayerNorm)>,
    out: Linear,
}

impl Head {
    /// The prefix of its parameters' names.
    pub const PREFIX: &str = "cls_head";
    /// The parts that are norms, one before the ReLU of each hidden layer.
    pub const NORMS: [usize; 3] = [1, 5, 9];

    /// The parameters of a head that is one linear layer: weight [classes, features] and bias [classes].
    pub const LINEAR: [&str; 2] = ["cls_head.weight", "cls_head.bias"];

    /// Weight and bias of the layer that gives a head's outputs.
    pub fn output_layer(kind: HeadKind) -> [&'static str; 2] {
        match kind {
            HeadKind::Linear => Self::LINEAR,
            HeadKind::Mlp => ["cls_head.12.weight", "cls_head.12.bias"],
        }
    }

    /// Numbers in the last hidden layer, and so in its norm; none of a head that is one linear layer.
    pub fn last_width(config: &ModelConfig) -> Option<usize> {
        (config.classifier.head == HeadKind::Mlp).then_some(config.latent_dim / 4)
    }

    /// Whether a parameter of this name belongs to the head.
    pub fn owns(parameter: &str) -> bool {
        let rest = parameter.strip_prefix(Self::PREFIX);
        rest.is_some_and(|rest| rest.starts_with('.'))
    }

    /// The head's layers from their parameters.
    pub fn new(source: &ParameterSource, config: &ModelConfig) -> Result<Self> {
        let width = config.latent_dim;
        let features = config.feature_dim();
        let source = source.part(Self::PREFIX);
        let classes = config.classifier.num_classes;
        let Some(last) = Self::last_width(config) else {
            return Ok(Self {
                hidden: Vec::new(),
                out: Linear::new(&source, features, classes, LinearInit::Xavier)?,
            });
        };
        let linear = |index: usize, inputs, outputs| {
            Linear::new(&source.part(index), inputs, outputs, LinearInit::Xavier)
        };
        let hidden = [
            (0, features, width),
            (4, width, width / 2),
            (8, width / 2, last),
        ]
        .into_iter()
        .map(|(index, inputs, outputs)| {
            let norm = LayerNorm::new(&source.part(index + 1), outputs, LayerNorm::EPS)?;
            Ok((linear(index, inputs, outputs)?, norm))
        })
        .collect::<Result<_>>()?;
        Ok(Self {
            hidden,
            out: linear(12, last, classes)?,
        })
    }

    /// `features` [stays, [`ModelConfig::feature_dim`]] → logits [stays, classes]; `dropout` after each hidden layer, in training only.
    pub fn forward(&self, features: &Tensor, dropout: [f64; 3], noise: &Noise) -> Result<Tensor> {
        let mut x = features.clone();
        for ((linear, norm), rate) in self.hidden.iter().zip(dropout) {
            x = noise.dropout(&norm.forward(&linear.forward(&x)?)?.relu()?, rate)?;
        }
        self.out.forward(&x)
    }

    /// What the units of every hidden layer give, [stays, width] each, and the logits, [stays, classes]:
    /// without dropout.
    pub fn activations(&self, features: &Tensor) -> Result<(Vec<Tensor>, Tensor)> {
        let mut layers: Vec<Tensor> = Vec::with_capacity(self.hidden.len());
        for (linear, norm) in &self.hidden {
            let before = layers.last().unwrap_or(features);
            layers.push(norm.forward(&linear.forward(before)?)?.relu()?);
        }
        let logits = self.out.forward(layers.last().unwrap_or(features))?;
        Ok((layers, logits))
    }
}
