//! Settings of a model that its parameters' names and shapes do not show.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::ModelConfig;

/// A setting of `[model]` that no parameter shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HiddenSetting {
    /// `model.heads`
    Heads,
    /// `model.transformer_heads`
    TransformerHeads,
    /// `model.latent_norm`
    LatentNorm,
    /// `model.time_bias`
    TimeBias,
    /// `model.classifier.fusion`: of weights that hold a head.
    Fusion,
    /// `model.classifier.pooling`: of weights that hold a head. Each gives a head as many numbers.
    Pooling,
}

impl HiddenSetting {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Heads,
        Self::TransformerHeads,
        Self::LatentNorm,
        Self::TimeBias,
        Self::Fusion,
        Self::Pooling,
    ];

    /// Its place in a recipe.
    pub fn place(self) -> String {
        match self {
            Self::Fusion | Self::Pooling => format!("model.classifier.{}", self.name()),
            _ => format!("model.{}", self.name()),
        }
    }

    /// Its key in `[model]`, or in a table of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Heads => "heads",
            Self::TransformerHeads => "transformer_heads",
            Self::LatentNorm => "latent_norm",
            Self::TimeBias => "time_bias",
            Self::Fusion => "fusion",
            Self::Pooling => "pooling",
        }
    }

    /// Its value in `model`.
    pub fn of(self, model: &ModelConfig) -> Value {
        match self {
            Self::Heads => model.heads.into(),
            Self::TransformerHeads => model.transformer_heads.into(),
            Self::LatentNorm => model.latent_norm.into(),
            Self::TimeBias => model.time_bias.name().into(),
            Self::Fusion => model.classifier.fusion.name().into(),
            Self::Pooling => model.classifier.pooling.name().into(),
        }
    }
}
