//! The table of a freeze stage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Separates trainable from frozen parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreezeTable {
    /// The import stage whose weights are frozen.
    pub model: String,
    /// Patterns of the parameters that stay trainable; everything else is frozen. While they name the head alone (`cls_head.*`), the features of every stay are computed once and stored; where they open parts of the backbone (`transformer.layers.3.*`, `vae_feature_fusion.*`), what lies below the first of these is computed once, and the rest in every step of the optimizer.
    #[serde(default = "FreezeTable::default_trainable")]
    pub trainable: Vec<String>,
    /// A larger trainable share of all numbers is an error.
    #[serde(default = "FreezeTable::default_max_trainable_fraction")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_trainable_fraction: f64,
}

impl FreezeTable {
    fn default_trainable() -> Vec<String> {
        vec!["cls_head.*".into()]
    }
    fn default_max_trainable_fraction() -> f64 {
        0.05
    }
}
