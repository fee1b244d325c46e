//! The `[model]` table: one architecture for pretraining and finetuning.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::readout_config::{ReadoutConfig, ReadoutLayout, TaskNames};

/// Sizes and switches of SeqSetVAE. One architecture serves pretraining and finetuning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ModelConfig {
    /// The model family.
    pub kind: ModelKind,
    /// Numbers in the embedding of a variable.
    #[schemars(range(min = 1, max = 16384))]
    pub input_dim: usize,
    /// Numbers an embedding is reduced to before it meets its value.
    #[schemars(range(min = 1, max = 16384))]
    pub reduced_dim: usize,
    /// Numbers in the latent of a set, and the width of the transformer: a multiple of 4, as the head `mlp` halves it twice.
    #[schemars(range(min = 4, max = 16384))]
    pub latent_dim: usize,
    /// Attention blocks in the set encoder and in the decoder.
    #[schemars(range(min = 1, max = 16))]
    pub levels: usize,
    /// Heads of the set attention; must divide `latent_dim`.
    #[schemars(range(min = 1, max = 256))]
    pub heads: usize,
    /// Inducing points of an induced set attention block.
    #[schemars(range(min = 1, max = 4096))]
    pub inducing_points: usize,
    /// Width of the transformer's feed-forward layer.
    #[schemars(range(min = 1, max = 65536))]
    pub ff_dim: usize,
    /// Heads of the causal transformer; must divide `latent_dim`.
    #[schemars(range(min = 1, max = 256))]
    pub transformer_heads: usize,
    /// Layers of the causal transformer.
    #[schemars(range(min = 1, max = 128))]
    pub transformer_layers: usize,
    /// How a value enters its event's vector.
    pub value_encoding: ValueEncoding,
    /// What the decoder grows the events of a set from.
    pub decoder_queries: DecoderQueries,
    /// Whether the transformer's input is normalised (LayerNorm without weights) before positions and times are added.
    /// Without it, as in the reference, latents that the KL keeps small drown beside them.
    pub latent_norm: bool,
    /// Whether attention between sets knows how much time lies between them.
    pub time_bias: TimeBiasKind,
    /// The classifier on the backbone; no part of a pretrain stage's fingerprint.
    pub classifier: ClassifierConfig,
    /// Of weights with a readout: which variables have queries of their own. No recipe says it, the data do.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub readout_layout: Option<ReadoutLayout>,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            kind: ModelKind::Seqsetvae,
            input_dim: 768,
            reduced_dim: 256,
            latent_dim: 256,
            levels: 2,
            heads: 2,
            inducing_points: 16,
            ff_dim: 512,
            transformer_heads: 8,
            transformer_layers: 4,
            value_encoding: ValueEncoding::Scale,
            decoder_queries: DecoderQueries::Noise,
            latent_norm: false,
            time_bias: TimeBiasKind::Zero,
            classifier: ClassifierConfig::default(),
            readout_layout: None,
        }
    }
}

/// The model family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// Set VAE per time point and a causal transformer over them.
    Seqsetvae,
}

/// How a value enters its event's vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValueEncoding {
    /// `unit · value`, as the reference does: a value of exactly 0 loses its variable.
    Scale,
    /// `embed.0(unit · value)` plus a learned linear map of `unit`: a value of 0 keeps its variable.
    Affine,
}

/// Whether attention between sets knows how much time lies between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TimeBiasKind {
    /// It does not, as in the reference, whose time bias is 0 wherever attention is allowed.
    Zero,
    /// −slope·log1p(minutes/τ) is added to the scores; slope and τ (`alibi_slope`, `time_tau`) are learned.
    Elapsed,
}

impl TimeBiasKind {
    /// As the recipe writes it.
    pub fn name(self) -> &'static str {
        match self {
            TimeBiasKind::Zero => "zero",
            TimeBiasKind::Elapsed => "elapsed",
        }
    }
}

/// What the decoder grows the events of a set from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DecoderQueries {
    /// Random seeds, as the reference: which variables a set has must be decoded, too.
    Noise,
    /// A learned linear map of each event's variable: its value has to be decoded.
    Variables,
}

/// The classifier on the backbone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClassifierConfig {
    /// How the posterior's mean and variance become the transformer's input.
    pub fusion: Fusion,
    /// How the transformer's outputs become one vector.
    pub pooling: Pooling,
    /// What makes logits of the pooled vector.
    #[serde(skip_serializing_if = "HeadKind::is_default")]
    pub head: HeadKind,
    /// Classes of the label.
    #[schemars(range(min = 2, max = 1000))]
    pub num_classes: usize,
    /// Sizes of `pooling = "readout"`; keys left out have their defaults.
    #[serde(skip_serializing_if = "ReadoutConfig::is_default")]
    pub readout: ReadoutConfig,
}

impl Default for ClassifierConfig {
    fn default() -> Self {
        Self {
            fusion: Fusion::Uncertainty,
            pooling: Pooling::Recency,
            head: HeadKind::Mlp,
            num_classes: 2,
            readout: ReadoutConfig::default(),
        }
    }
}

/// How the posterior's mean and variance become the transformer's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fusion {
    /// The mean alone.
    None,
    /// The mean, weighted by the posterior's uncertainty; no parameters.
    Uncertainty,
    /// A learned gate between projections of mean and standard deviation: the parameters `vae_feature_fusion.*`, which an import declares `new` and a freeze leaves trainable.
    Gated,
    /// The mean alone goes to the transformer, as in pretraining; the head sees mean and standard deviation, averaged over a stay's sets and of its last set, beside the pooled output. No parameters, but the head's first layer takes five times as many numbers.
    Concat,
}

impl Fusion {
    /// As the recipe writes it.
    pub fn name(self) -> &'static str {
        match self {
            Fusion::None => "none",
            Fusion::Uncertainty => "uncertainty",
            Fusion::Gated => "gated",
            Fusion::Concat => "concat",
        }
    }
}

/// How the transformer's outputs become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// The last output and an attention over all outputs with the last as its query; no parameters.
    Recency,
    /// A learned projection of mean, maximum and attention with the mean as its query: the parameters `feature_fusion.*` and `feature_projection.*`, which an import declares `new` and a freeze leaves trainable.
    Multiscale,
    /// Queries of every variable's own over the stay's past, with a decay in time (after Jaegle et al. 2021): the parameters `readout.*`, which pretraining with `tasks` trains and an import takes over. Its sizes are in `readout`.
    Readout,
}

impl Pooling {
    /// As the recipe writes it.
    pub fn name(self) -> &'static str {
        match self {
            Pooling::Recency => "recency",
            Pooling::Multiscale => "multiscale",
            Pooling::Readout => "readout",
        }
    }
}

/// What makes logits of a stay's features.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeadKind {
    /// Three hidden layers, each with a LayerNorm and a ReLU, as the reference: `cls_head.0` to `cls_head.12`.
    #[default]
    Mlp,
    /// One linear layer, `cls_head.weight` and `cls_head.bias`: logistic regression on the features.
    Linear,
}

impl HeadKind {
    // Left out at its default, so that keys of results from before there was a choice stay.
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What a set of weights is for. Stored with every model artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelMode {
    /// Encoder, sequence part and decoder.
    Pretrain,
    /// Encoder, sequence part, fusion, pooling and head.
    Classifier,
}

impl ModelConfig {
    /// What pretraining depends on: the architecture below the classifier, and the readout if there is one.
    #[must_use]
    pub fn without_classifier(&self) -> Self {
        let mut classifier = ClassifierConfig::default();
        if let Some(readout) = self.readout() {
            classifier.pooling = Pooling::Readout;
            classifier.readout = readout.clone();
        }
        Self {
            classifier,
            ..self.clone()
        }
    }

    /// The sizes of the readout, if the model has one.
    pub fn readout(&self) -> Option<&ReadoutConfig> {
        (self.classifier.pooling == Pooling::Readout).then_some(&self.classifier.readout)
    }

    /// Groups of the readout's queries. Before data have said it, as in a recipe: 1.
    pub fn readout_groups(&self) -> usize {
        let layout = self.readout_layout.as_ref();
        layout.map_or(1, |layout| layout.groups(&self.classifier.readout))
    }

    /// Numbers that are known of a set where the readout looks at it: [h, μ normalised, σ].
    pub fn set_width(&self) -> usize {
        3 * self.latent_dim
    }

    /// Numbers in a stay's features, the head's input: the pooled output, and beside it with fusion
    /// `concat` the mean over sets and the last of μ and of σ.
    pub fn feature_dim(&self) -> usize {
        let pooled = match self.readout() {
            Some(readout) => self.readout_groups() * readout.output_dim,
            None => self.latent_dim,
        };
        match self.classifier.fusion {
            Fusion::None | Fusion::Uncertainty | Fusion::Gated => pooled,
            Fusion::Concat => pooled + 4 * self.latent_dim,
        }
    }

    /// Rules that join several fields: (field, what is wrong).
    pub fn conflicts(&self) -> Vec<(&'static str, String)> {
        let mut conflicts = Vec::new();
        for (field, heads) in [
            ("heads", self.heads),
            ("transformer_heads", self.transformer_heads),
        ] {
            if heads == 0 || !self.latent_dim.is_multiple_of(heads) {
                conflicts.push((
                    field,
                    format!("{heads} heads do not divide latent_dim {}", self.latent_dim),
                ));
            }
        }
        if !self.latent_dim.is_multiple_of(4) {
            conflicts.push((
                "latent_dim",
                format!(
                    "the head `mlp` halves latent_dim twice, and {} is no multiple of 4",
                    self.latent_dim
                ),
            ));
        }
        if self.readout().is_none() && !self.classifier.readout.is_default() {
            conflicts.push((
                "classifier.readout",
                "has no effect without pooling = \"readout\"".into(),
            ));
        }
        conflicts
    }
}
