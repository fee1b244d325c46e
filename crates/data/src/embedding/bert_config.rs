//! What a model's `config.json` says of a BERT.

use std::path::Path;

use serde::Deserialize;

use pipeline_error::Error;

/// The settings of transformers that decide how the model computes. It writes many more.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct BertConfig {
    model_type: String,
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    hidden_act: String,
    pub(super) max_position_embeddings: usize,
    pub(super) type_vocab_size: usize,
    pub(super) layer_norm_eps: f64,
    #[serde(default)]
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
    #[serde(default)]
    add_cross_attention: bool,
}

/// No BERT comes near; a config that says more would have the machine list names for years.
const MOST_LAYERS: usize = 1000;

impl BertConfig {
    /// Reads `path`. Errors: unreadable, no BERT that reads in both directions, sizes that do not
    /// fit each other.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path)
            .map_err(|error| Error::file(path, format!("cannot be read: {error}")))?;
        let config: BertConfig = serde_json::from_slice(&bytes)
            .map_err(|error| Error::file(path, format!("is no config.json of a BERT: {error}")))?;
        match config.fault() {
            Some(fault) => Err(Error::file(path, fault).with_hint(
                "models of `\"model_type\": \"bert\"` with absolute positions are known, such as all-MiniLM-L6-v2",
            )),
            None => Ok(config),
        }
    }

    fn fault(&self) -> Option<String> {
        if self.model_type != "bert" {
            return Some(format!(
                "model_type is `{}`, known is `bert`",
                self.model_type
            ));
        }
        if let Some(other) =
            (self.position_embedding_type.as_ref()).filter(|kind| *kind != "absolute")
        {
            return Some(format!(
                "position_embedding_type is `{other}`, known is `absolute`"
            ));
        }
        if self.is_decoder || self.add_cross_attention {
            return Some("is a decoder's, and an encoder is expected".into());
        }
        if self.activation().is_none() {
            let known = "known are `gelu`, `gelu_new`, `gelu_pytorch_tanh` and `relu`";
            return Some(format!("hidden_act is `{}`, {known}", self.hidden_act));
        }
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        if let Some((name, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Some(format!("{name} is 0"));
        }
        if self.num_hidden_layers > MOST_LAYERS {
            let layers = self.num_hidden_layers;
            return Some(format!(
                "num_hidden_layers is {layers}, at most {MOST_LAYERS} are expected"
            ));
        }
        let (hidden, heads) = (self.hidden_size, self.num_attention_heads);
        if hidden % heads != 0 {
            let what =
                format!("hidden_size {hidden} is no multiple of num_attention_heads {heads}");
            return Some(what);
        }
        let eps = self.layer_norm_eps;
        let sound = eps.is_finite() && eps >= 0.0;
        (!sound).then(|| format!("layer_norm_eps is {eps}"))
    }

    /// What follows the first linear layer of a block; `None` if it is not known.
    pub(super) fn activation(&self) -> Option<Activation> {
        match self.hidden_act.as_str() {
            "gelu" => Some(Activation::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" => Some(Activation::TanhGelu),
            "relu" => Some(Activation::Relu),
            _ => None,
        }
    }
}

/// What follows the first linear layer of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activation {
    /// x·Φ(x), by the error function.
    Gelu,
    /// The approximation of it by a hyperbolic tangent.
    TanhGelu,
    Relu,
}
