//! Finetune stages: what is not frozen learns the labels.

mod checks;
mod stage;
mod table;

use crate::edges::{DATA, Reference, kind};
use crate::feature_origin::FeatureOrigin;
use crate::features::FeaturesStage;
use crate::kind::{Around, ReportPart, StageCheck, StageKind};
use crate::opened::opens_backbone;
use crate::results::{Outputs, StageResults};
use crate::training;
use pipeline_error::Error;
use pipeline_stage::Node;
use pipeline_train::config::HeadSettings;

use stage::FinetuneStage;
pub use table::FinetuneTable;

/// Metrics besides the epoch that is kept.
const METRICS: [&str; 4] = [
    "validation_loss",
    "validation_auroc",
    "validation_average_precision",
    "frozen_parameters_verified",
];

impl StageKind for FinetuneTable {
    fn kind() -> &'static str {
        "finetune"
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }

    fn references(&self) -> Vec<Reference> {
        vec![
            kind("model", &self.model, &["freeze"]),
            kind("data", &self.data, DATA),
        ]
    }

    fn artifacts(&self) -> Vec<(&str, &str)> {
        vec![
            ("weights", "weights.safetensors"),
            ("history", "history.parquet"),
        ]
    }

    fn check(&self, check: &mut StageCheck) {
        check.needs_training_split(&self.data, "finetuning learns from the training split");
        check.needs_labels(&self.data, "finetuning learns labels");
        check.finetune(self);
    }

    fn metrics(&self) -> Option<Vec<String>> {
        let metrics = METRICS.into_iter().chain([self.keep.metric()]);
        Some(metrics.map(String::from).collect())
    }

    fn head_trained_on(&self) -> Option<&str> {
        Some(&self.data)
    }

    /// A finetuned model is looked at on the features it was trained on, where the data are the same.
    fn features_on(&self, name: &str, data: &str, around: &dyn Around) -> Option<FeatureOrigin> {
        (self.data == data).then(|| self.feature_origin(name, around))
    }

    /// A stage that trains the head alone is preceded by the node that computes its features.
    fn nodes(&self, name: &str, around: &dyn Around) -> Vec<Node> {
        let features = self.feature_origin(name, around);
        let mut nodes = Vec::with_capacity(2);
        if let FeatureOrigin::Node(node) = &features {
            let stage = FeaturesStage {
                model: self.model.clone(),
                data: self.data.clone(),
            };
            nodes.push(Node::of_stage(node, false, stage));
        }
        let stage = FinetuneStage {
            settings: self.settings(),
            transformer_dropout: self.transformer_dropout,
            seed: self.seed.unwrap_or_else(|| around.seed()),
            model: self.model.clone(),
            data: self.data.clone(),
            features,
        };
        nodes.push(Node::of_stage(name, self.seed.is_some(), stage));
        nodes
    }

    fn results(outputs: &Outputs) -> Result<StageResults, Error> {
        training::results(outputs)
    }

    fn report(stage: &str, position: usize, results: &StageResults) -> ReportPart {
        training::report(stage, position, results)
    }
}

impl FinetuneTable {
    /// Where the stage `name` has its features from: a node of their own while all of the backbone is frozen,
    /// as they are constants then.
    fn feature_origin(&self, name: &str, around: &dyn Around) -> FeatureOrigin {
        let trainable = around.stage(&self.model).and_then(StageKind::trainable);
        let opens = trainable.is_some_and(|trainable| opens_backbone(around.model(), trainable));
        match opens {
            true => FeatureOrigin::Data(self.data.clone()),
            false => FeatureOrigin::Node(format!("{name}:features")),
        }
    }

    fn settings(&self) -> HeadSettings {
        HeadSettings {
            epochs: self.epochs,
            batch_size: self.batch_size,
            loss: self.loss,
            optimizer: self.optimizer.clone(),
            clip_norm: self.clip_norm,
            dropout: self.dropout,
            select: self.select,
            early_stopping: self.early_stopping.clone(),
            class_weights: self.class_weights.clone(),
            sampling: self.sampling,
            options: self.loop_options(),
        }
    }
}
