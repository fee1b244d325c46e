//! The table of a pretrain stage.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::training::StatedOptimizer;
use pipeline_model::objective::Objective;
use pipeline_model::tasks::Tasks;
use pipeline_train::config::{EarlyStopping, PretrainMetric};
use pipeline_train::monitor::MonitorSettings;
use pipeline_train::optimizer::AdamW;
use pipeline_train::optimizer::Optimizer;

training_table! {
/// Trains the backbone by reconstruction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PretrainTable {
    /// Seed of this stage; left out: the recipe's.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The data stage to train on.
    pub data: String,
    /// An import stage (`into = "pretrain"`) to start from; left out: a fresh initialisation.
    #[serde(default)]
    pub init: Option<String>,
    /// What is asked of the model.
    #[serde(default)]
    pub objective: Objective,
    /// What is asked of the readout beside it (`model.classifier.pooling = "readout"`); left out: nothing, and nothing is pretrained of a readout.
    #[serde(default)]
    pub tasks: Option<Tasks>,
    /// Passes over the training split.
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Stays in a batch.
    #[serde(default = "PretrainTable::default_batch_size")]
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// The optimizer; keys left out are this kind's defaults.
    #[serde(
        default = "PretrainTable::default_optimizer",
        deserialize_with = "PretrainTable::optimizer"
    )]
    #[schemars(with = "StatedOptimizer")]
    pub optimizer: Optimizer,
    /// Gradients are scaled down to this global L2 norm.
    #[serde(default = "PretrainTable::default_clip_norm")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub clip_norm: f64,
    /// KL below this many nats a latent dimension costs nothing more.
    #[serde(default = "PretrainTable::default_free_bits")]
    #[schemars(range(min = 0.0))]
    pub free_bits: f64,
    /// Weight of the KL term after its warm-up.
    #[serde(default = "PretrainTable::default_max_beta")]
    #[schemars(range(min = 0.0))]
    pub max_beta: f64,
    /// Optimizer steps over which beta rises linearly from 0.
    #[serde(default = "PretrainTable::default_beta_warmup_steps")]
    pub beta_warmup_steps: u64,
    /// Dropout of the transformer.
    #[serde(default = "PretrainTable::default_dropout")]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub dropout: f64,
    /// Stop before `epochs` when a validation metric no longer improves; left out: never.
    #[serde(default)]
    pub early_stopping: Option<EarlyStopping<PretrainMetric>>,
    /// How the posterior is watched for collapse; keys left out have their defaults.
    #[serde(default)]
    pub monitor: MonitorSettings,
    /// Time between two states that a killed run can go on from, to the same bits. No part of the fingerprint.
    #[serde(default = "PretrainTable::default_checkpoint_seconds")]
    #[schemars(range(min = 0.0, max = 1e9))]
    pub checkpoint_seconds: f64,
}
}

impl PretrainTable {
    fn default_checkpoint_seconds() -> f64 {
        60.0
    }
    fn default_batch_size() -> usize {
        8
    }
    fn default_adamw() -> AdamW {
        AdamW {
            lr: 5e-5,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.02,
        }
    }
    fn default_optimizer() -> Optimizer {
        Self::default_adamw().into()
    }
    fn optimizer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Optimizer, D::Error> {
        let stated = StatedOptimizer::deserialize(deserializer)?;
        Ok(stated.over(Self::default_adamw()))
    }
    fn default_clip_norm() -> f64 {
        0.2
    }
    fn default_free_bits() -> f64 {
        0.03
    }
    fn default_max_beta() -> f64 {
        0.05
    }
    fn default_beta_warmup_steps() -> u64 {
        8000
    }
    fn default_dropout() -> f64 {
        0.15
    }
}
