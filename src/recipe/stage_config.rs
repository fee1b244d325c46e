//! The tables under `[stages.*]`, one struct a kind.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::command_config::CommandStage;
pub use super::diagnose_config::DiagnoseStage;
pub use super::evaluate_config::EvaluateStage;
pub use super::import_config::{CheckpointFile, ImportFrom, ImportStage, Names};
use super::stated_optimizer::StatedOptimizer;
use crate::data::config::DataConfig;
use crate::model::objective::Objective;
use crate::train::class_balance::{ClassWeights, Sampling};
use crate::train::config::{AdamW, EarlyStopping, Loss, PretrainMetric, SelectionMetric};
use crate::train::monitor::MonitorSettings;
use crate::train::optimizer::Optimizer;
use crate::train::options::Keep;
use crate::train::schedule::Schedule;

/// One stage of a recipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StageConfig {
    /// Reads clinical time series into `events`, `stays` and `variables`.
    Data(Box<DataConfig>),
    /// Trains the backbone by reconstruction.
    Pretrain(PretrainStage),
    /// Loads weights under a strict audit.
    Import(ImportStage),
    /// Separates trainable from frozen parameters.
    Freeze(FreezeStage),
    /// Trains what is not frozen on the labels.
    Finetune(FinetuneStage),
    /// Scores a model on a split.
    Evaluate(Box<EvaluateStage>),
    /// Looks for what is wrong with a model.
    Diagnose(DiagnoseStage),
    /// Runs a program with declared inputs and outputs.
    Command(CommandStage),
}

impl StageConfig {
    /// The stage's kind, as written in recipes.
    pub fn kind(&self) -> &'static str {
        match self {
            StageConfig::Data(_) => "data",
            StageConfig::Pretrain(_) => "pretrain",
            StageConfig::Import(_) => "import",
            StageConfig::Freeze(_) => "freeze",
            StageConfig::Finetune(_) => "finetune",
            StageConfig::Evaluate(_) => "evaluate",
            StageConfig::Diagnose(_) => "diagnose",
            StageConfig::Command(_) => "command",
        }
    }

    /// The seed that the recipe states for this stage alone.
    pub fn seed(&self) -> Option<u64> {
        match self {
            StageConfig::Data(stage) => stage.seed,
            StageConfig::Pretrain(stage) => stage.seed,
            StageConfig::Finetune(stage) => stage.seed,
            StageConfig::Command(stage) => stage.seed,
            StageConfig::Evaluate(stage) => stage.seed,
            StageConfig::Diagnose(stage) => stage.seed,
            StageConfig::Import(_) | StageConfig::Freeze(_) => None,
        }
    }
}

fn one() -> usize {
    1
}

/// Trains the backbone by reconstruction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PretrainStage {
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
    /// Passes over the training split.
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Stays in a batch.
    #[serde(default = "PretrainStage::default_batch_size")]
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// The optimizer; keys left out are this kind's defaults.
    #[serde(
        default = "PretrainStage::default_optimizer",
        deserialize_with = "PretrainStage::optimizer"
    )]
    #[schemars(with = "StatedOptimizer")]
    pub optimizer: Optimizer,
    /// Gradients are scaled down to this global L2 norm.
    #[serde(default = "PretrainStage::default_clip_norm")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub clip_norm: f64,
    /// KL below this many nats a latent dimension costs nothing more.
    #[serde(default = "PretrainStage::default_free_bits")]
    #[schemars(range(min = 0.0))]
    pub free_bits: f64,
    /// Weight of the KL term after its warm-up.
    #[serde(default = "PretrainStage::default_max_beta")]
    #[schemars(range(min = 0.0))]
    pub max_beta: f64,
    /// Optimizer steps over which beta rises linearly from 0.
    #[serde(default = "PretrainStage::default_beta_warmup_steps")]
    pub beta_warmup_steps: u64,
    /// Dropout of the transformer.
    #[serde(default = "PretrainStage::default_dropout")]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub dropout: f64,
    /// Stop before `epochs` when a validation metric no longer improves; left out: never.
    #[serde(default)]
    pub early_stopping: Option<EarlyStopping<PretrainMetric>>,
    /// How learning rates change from step to step.
    #[serde(default)]
    pub schedule: Schedule,
    /// Batches whose gradients make one optimizer step: as one of so many times more stays, in the memory of a batch.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub accumulate: usize,
    /// Optimizer steps after which training ends before `epochs` are over; left out: never.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_steps: Option<u64>,
    /// Epochs from one validation to the next; the last epoch is always validated.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub validate_every: usize,
    /// Whether the stage delivers the parameters of the epoch that was best on validation, or those that training ended with.
    #[serde(default)]
    pub keep: Keep,
    /// How the posterior is watched for collapse; keys left out have their defaults.
    #[serde(default)]
    pub monitor: MonitorSettings,
    /// Time between two states that a killed run can go on from, to the same bits. No part of the fingerprint.
    #[serde(default = "PretrainStage::default_checkpoint_seconds")]
    #[schemars(range(min = 0.0, max = 1e9))]
    pub checkpoint_seconds: f64,
}

impl PretrainStage {
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

/// Separates trainable from frozen parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreezeStage {
    /// The import stage whose weights are frozen.
    pub model: String,
    /// Patterns of the parameters that stay trainable; everything else is frozen. While they name the head alone (`cls_head.*`), the features of every stay are computed once and stored; where they open parts of the backbone (`transformer.layers.3.*`, `vae_feature_fusion.*`), what lies below the first of these is computed once, and the rest in every step of the optimizer.
    #[serde(default = "FreezeStage::default_trainable")]
    pub trainable: Vec<String>,
    /// A larger trainable share of all numbers is an error.
    #[serde(default = "FreezeStage::default_max_trainable_fraction")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub max_trainable_fraction: f64,
}

impl FreezeStage {
    fn default_trainable() -> Vec<String> {
        vec!["cls_head.*".into()]
    }
    fn default_max_trainable_fraction() -> f64 {
        0.05
    }
}

/// Trains what is not frozen on the labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FinetuneStage {
    /// Seed of this stage; left out: the recipe's.
    #[serde(default)]
    pub seed: Option<u64>,
    /// The freeze stage to start from.
    pub model: String,
    /// The data stage to train on.
    pub data: String,
    /// Passes over the training split, at most.
    #[serde(default = "FinetuneStage::default_epochs")]
    #[schemars(range(min = 1))]
    pub epochs: usize,
    /// Stays in a batch.
    #[serde(default = "FinetuneStage::default_batch_size")]
    #[schemars(range(min = 1))]
    pub batch_size: usize,
    /// The loss of a stay's logits.
    #[serde(default)]
    pub loss: Loss,
    /// The optimizer; keys left out are this kind's defaults.
    #[serde(
        default = "FinetuneStage::default_optimizer",
        deserialize_with = "FinetuneStage::optimizer"
    )]
    #[schemars(with = "StatedOptimizer")]
    pub optimizer: Optimizer,
    /// Gradients are scaled down to this global L2 norm.
    #[serde(default = "FinetuneStage::default_clip_norm")]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub clip_norm: f64,
    /// Dropout after each of the head's three hidden layers.
    #[serde(default = "FinetuneStage::default_dropout")]
    pub dropout: [f64; 3],
    /// Dropout in those layers of the transformer that the freeze stage left trainable. Frozen layers have none; where all are frozen, to state a rate is a mistake.
    #[serde(default)]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub transformer_dropout: f64,
    /// The validation metric by which the best epoch is chosen.
    #[serde(default)]
    pub select: SelectionMetric,
    /// Stop before `epochs` when a validation metric no longer improves; left out: never.
    #[serde(default)]
    pub early_stopping: Option<EarlyStopping<SelectionMetric>>,
    /// What a stay's loss counts, by its class: `"equal"`, `"balanced"` (so that all classes count alike), or a weight for every class.
    #[serde(default)]
    pub class_weights: ClassWeights,
    /// Which stays an epoch has.
    #[serde(default)]
    pub sampling: Sampling,
    /// How learning rates change from step to step.
    #[serde(default)]
    pub schedule: Schedule,
    /// Batches whose gradients make one optimizer step: as one of so many times more stays, in the memory of a batch.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub accumulate: usize,
    /// Optimizer steps after which training ends before `epochs` are over; left out: never.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_steps: Option<u64>,
    /// Epochs from one validation to the next; the last epoch is always validated.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub validate_every: usize,
    /// Whether the stage delivers the parameters of the epoch that was best on validation, or those that training ended with.
    #[serde(default)]
    pub keep: Keep,
}

impl FinetuneStage {
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
    fn default_optimizer() -> Optimizer {
        Self::default_adamw().into()
    }
    fn optimizer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Optimizer, D::Error> {
        let stated = StatedOptimizer::deserialize(deserializer)?;
        Ok(stated.over(Self::default_adamw()))
    }
    fn default_clip_norm() -> f64 {
        0.5
    }
    fn default_dropout() -> [f64; 3] {
        [0.2, 0.2, 0.1]
    }
}
