//! An optimizer of which a recipe states only what differs from the stage's default.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::train::config::AdamW;

/// AdamW, as torch's; what is left out is the default of the stage's kind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "AdamW")]
pub(super) struct StatedAdamW {
    /// Learning rate.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    lr: Option<f64>,
    /// Decay rates of the first and second moment: at least 0, less than 1.
    betas: Option<[f64; 2]>,
    /// Added to the root of the second moment.
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    eps: Option<f64>,
    /// Decoupled weight decay.
    #[schemars(range(min = 0.0))]
    weight_decay: Option<f64>,
}

impl StatedAdamW {
    pub(super) fn over(self, default: AdamW) -> AdamW {
        AdamW {
            lr: self.lr.unwrap_or(default.lr),
            betas: self.betas.unwrap_or(default.betas),
            eps: self.eps.unwrap_or(default.eps),
            weight_decay: self.weight_decay.unwrap_or(default.weight_decay),
        }
    }
}
