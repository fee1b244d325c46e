//! The table of a finetune stage.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::HeadOptimizer;
use crate::training::StatedOptimizer;
use pipeline_data::subsample::Subsample;
use pipeline_train::class_balance::{ClassWeights, Sampling};
use pipeline_train::config::{EarlyStopping, Loss, SelectionMetric};
use pipeline_train::optimizer::AdamW;

training_table! {
/// Trains what is not frozen on the labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FinetuneTable {
    /// Seed of this stage; left out: the recipe's.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The freeze stage to start from.
    pub model: String,
    /// The data stage to train on.
    pub data: String,
    /// The target of the data stage that is learned; left out: the label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub target: Option<String>,
    /// Passes over the training split, at most.
    #[serde(default = "FinetuneTable::default_epochs")]
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Stays in a batch.
    #[serde(default = "FinetuneTable::default_batch_size")]
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// The loss of the head's output; left out: cross-entropy, and for a regression the squared error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Loss>,
    /// The optimizer; keys left out are this kind's defaults. `lbfgs` solves a linear head on a frozen backbone exactly, and has none of the settings of steps and epochs beside it.
    #[serde(
        default = "FinetuneTable::default_optimizer",
        deserialize_with = "FinetuneTable::optimizer"
    )]
    #[schemars(with = "StatedOptimizer")]
    pub optimizer: HeadOptimizer,
    /// Gradients are scaled down to this global L2 norm.
    #[serde(default = "FinetuneTable::default_clip_norm")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub clip_norm: f64,
    /// Dropout after each of the head's three hidden layers.
    #[serde(default = "FinetuneTable::default_dropout")]
    pub dropout: [f64; 3],
    /// Dropout in the trainable layers of the transformer. Frozen layers have none; stating a rate where all layers are frozen is a mistake.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub transformer_dropout: f64,
    /// The validation metric by which the best epoch is chosen; left out: AUROC, and of a regression the loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub select: Option<SelectionMetric>,
    /// Stop before `epochs` when a validation metric no longer improves; left out: never.
    #[serde(default)]
    pub early_stopping: Option<EarlyStopping<SelectionMetric>>,
    /// What a stay's loss counts, by its class: `"equal"`, `"balanced"` (so that all classes count alike), or a weight for every class.
    #[serde(default)]
    pub class_weights: ClassWeights,
    /// Which stays an epoch has.
    #[serde(default)]
    pub sampling: Sampling,
    /// Learn from some of the training stays alone; left out: from all. Validation keeps all of its stays.
    #[serde(default)]
    pub subsample: Option<Subsample>,
}
}

impl FinetuneTable {
    fn default_epochs() -> usize {
        20
    }
    fn default_batch_size() -> usize {
        32
    }
    fn default_adamw() -> AdamW {
        AdamW {
            lr: 1e-4,
            betas: [0.9, 0.98],
            eps: 1e-8,
            weight_decay: 0.01,
        }
    }
    fn default_optimizer() -> HeadOptimizer {
        HeadOptimizer::Steps(Self::default_adamw().into())
    }
    fn optimizer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeadOptimizer, D::Error> {
        HeadOptimizer::stated(deserializer, Self::default_adamw())
    }
    fn default_clip_norm() -> f64 {
        0.5
    }
    fn default_dropout() -> [f64; 3] {
        [0.2, 0.2, 0.1]
    }
}
