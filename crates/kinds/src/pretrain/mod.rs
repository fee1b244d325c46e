//! Pretrain stages: the backbone learns to say again what it was shown.

mod checks;
mod stage;
mod table;

use std::time::Duration;

use crate::edges::{DATA, Reference, kind};
use crate::kind::{Around, ModelHeld, ModelUse, ReportPart, StageCheck, StageKind};
use crate::results::{Outputs, StageResults};
use crate::training;
use pipeline_error::Error;
use pipeline_model::config::{ClassifierConfig, ModelConfig, ModelMode};
use pipeline_model::objective::Objective;
use pipeline_stage::Node;
use pipeline_train::config::PretrainSettings;

use stage::PretrainStage;
pub use table::PretrainTable;

impl StageKind for PretrainTable {
    fn kind() -> &'static str {
        "pretrain"
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }

    fn references(&self) -> Vec<Reference> {
        let init = self.init.iter();
        [kind("data", &self.data, DATA)]
            .into_iter()
            .chain(init.map(|init| kind("init", init, &["import"])))
            .collect()
    }

    fn artifacts(&self) -> Vec<(&str, &str)> {
        vec![
            ("checkpoint", "checkpoint.safetensors"),
            ("history", "history.parquet"),
        ]
    }

    fn check(&self, check: &mut StageCheck) {
        check.needs_training_split(&self.data, "pretraining learns from the training split");
        check.pretrain(self);
    }

    fn model_held(&self) -> Option<ModelHeld> {
        Some(ModelHeld {
            mode: ModelMode::Pretrain,
            batch: Some(self.batch_size),
        })
    }

    fn model_uses(&self) -> Vec<ModelUse<'_>> {
        let of_init = |stage| ModelUse {
            field: "init".into(),
            stage,
            mode: ModelMode::Pretrain,
            reason: "pretraining goes on from an import with `into = \"pretrain\"`",
            needs_all: false,
        };
        self.init.as_deref().map(of_init).into_iter().collect()
    }

    fn objective(&self) -> Option<Objective> {
        Some(self.objective)
    }

    fn nodes(&self, name: &str, around: &dyn Around) -> Vec<Node> {
        let settings = PretrainSettings {
            objective: self.objective,
            tasks: self.tasks.clone(),
            epochs: self.epochs,
            batch_size: self.batch_size,
            optimizer: self.optimizer.clone(),
            clip_norm: self.clip_norm,
            free_bits: self.free_bits,
            max_beta: self.max_beta,
            beta_warmup_steps: self.beta_warmup_steps,
            dropout: self.dropout,
            early_stopping: self.early_stopping.clone(),
            options: self.loop_options(),
            monitor: self.monitor.clone(),
        };
        let stage = PretrainStage {
            model: self.model(around.model()),
            settings,
            seed: self.seed.unwrap_or_else(|| around.seed()),
            data: self.data.clone(),
            init: self.init.clone(),
            checkpoint_interval: Duration::from_secs_f64(self.checkpoint_seconds),
        };
        vec![Node::of_stage(name, self.seed.is_some(), stage)]
    }

    fn results(outputs: &Outputs) -> Result<StageResults, Error> {
        training::results(outputs)
    }

    fn report(stage: &str, position: usize, results: &StageResults) -> ReportPart {
        training::report(stage, position, results)
    }
}

impl PretrainTable {
    /// The architecture that it trains: without the readout where that is set no task.
    fn model(&self, model: &ModelConfig) -> ModelConfig {
        let mut trained = model.without_classifier();
        if self.tasks.is_none() {
            trained.classifier = ClassifierConfig::default();
        }
        trained
    }
}
