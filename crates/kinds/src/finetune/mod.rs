//! Finetune stages: what is not frozen learns the labels.

mod checks;
mod learned;
mod optimizer;
mod solver_checks;
mod stage;
mod steps_or_solver;
mod table;
mod trained;

use crate::asked::{target_of, task_of};
use crate::edges::{DATA, Reference, kind};
use crate::feature_origin::FeatureOrigin;
use crate::features::FeaturesStage;
use crate::kind::{Around, Lookup, ModelHeld, ReportPart, StageCheck, StageKind};
use crate::opened::opens_backbone;
use crate::results::{Outputs, StageResults};
use crate::training;
use pipeline_data::config::Task;
use pipeline_data::subsample::Subsample;
use pipeline_error::Error;
use pipeline_model::config::{HeadKind, ModelMode};
use pipeline_stage::Node;
use pipeline_train::config::{HeadSettings, Loss, SelectionMetric};
use pipeline_train::linear_head::LinearHeadSettings;
use pipeline_train::optimizer::Optimizer;
use serde_json::Value;

pub use optimizer::HeadOptimizer;
use stage::FinetuneStage;
use steps_or_solver::Training;
pub use table::FinetuneTable;

/// Metrics besides the epoch that is kept.
const METRICS: [&str; 2] = ["validation_loss", "frozen_parameters_verified"];
/// Those of a head that says classes or labels.
const OF_CLASSES: [&str; 2] = ["validation_auroc", "validation_average_precision"];
/// Those of a head that says a number.
const OF_NUMBERS: [&str; 2] = ["validation_mae", "validation_r2"];

/// The penalty that is kept, of a head that was solved.
const PENALTY: &str = "penalty";
/// Whether features are standardised before, where both was tried.
const STANDARDISED: &str = "standardised";
/// Metrics of a training on some of the stays: how many, and of how many.
const COUNTS: [&str; 2] = ["training_stays", "training_stays_of"];

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
        match &self.target {
            None => check.needs_labels(&self.data, "finetuning learns labels"),
            Some(name) => check.needs_target(&self.data, name),
        }
        check.finetune(self);
    }

    // How much of it is trained is known with the weights: for sure it is held once.
    fn model_held(&self) -> Option<ModelHeld> {
        Some(ModelHeld {
            mode: ModelMode::Classifier,
            batch: None,
        })
    }

    fn metrics(&self, stage: &Lookup) -> Option<Vec<String>> {
        let scores = match task_of(stage, &self.data, self.target.as_deref()) {
            Task::Regression => OF_NUMBERS,
            Task::Classification | Task::MultiLabel => OF_CLASSES,
        };
        let kept = match &self.optimizer {
            HeadOptimizer::Steps(_) => vec![self.keep.metric()],
            HeadOptimizer::Solver(solver) if solver.scaling.len() > 1 => {
                vec![PENALTY, STANDARDISED]
            }
            HeadOptimizer::Solver(_) => vec![PENALTY],
        };
        let counts = self.subsample.iter().flat_map(|_| COUNTS);
        let metrics = METRICS.into_iter().chain(scores).chain(kept).chain(counts);
        Some(metrics.map(String::from).collect())
    }

    fn head_trained_on(&self) -> Option<&str> {
        Some(&self.data)
    }

    fn target(&self) -> Option<&str> {
        self.target.as_deref()
    }

    fn subsample(&self) -> Option<&Subsample> {
        self.subsample.as_ref()
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
        let lookup = |name: &str| around.stage(name);
        let target = (self.target.as_ref()).and_then(|name| target_of(&lookup, &self.data, name));
        let task = target
            .as_ref()
            .map_or(Task::Classification, |target| target.task);
        let stage = FinetuneStage {
            training: self.training(task),
            target,
            subsample: self.subsample.clone(),
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

    fn training(&self, task: Task) -> Training {
        match &self.optimizer {
            HeadOptimizer::Steps(optimizer) => {
                Training::Steps(Box::new(self.settings(optimizer, task)))
            }
            HeadOptimizer::Solver(solver) => Training::Solver(LinearHeadSettings {
                optimizer: solver.clone(),
                class_weights: self.class_weights.clone(),
            }),
        }
    }

    /// Takes settings that say nothing out of the table as it is printed: it is a recipe that is read again.
    pub(crate) fn drop_settings_without_effect(&self, head: HeadKind, table: &mut Value) {
        let without_effect: &[&str] = match (&self.optimizer, head) {
            (HeadOptimizer::Solver(_), _) => &solver_checks::OF_STEPS,
            (HeadOptimizer::Steps(_), HeadKind::Linear) => &["dropout"],
            (HeadOptimizer::Steps(_), HeadKind::Mlp) => &[],
        };
        if let Some(table) = table.as_object_mut() {
            table.retain(|key, _| !without_effect.contains(&key.as_str()));
        }
    }

    fn loss_of(&self, task: Task) -> Loss {
        self.loss.unwrap_or_else(|| Loss::of_task(task))
    }

    fn select_of(&self, task: Task) -> SelectionMetric {
        self.select
            .unwrap_or_else(|| SelectionMetric::of_task(task))
    }

    fn settings(&self, optimizer: &Optimizer, task: Task) -> HeadSettings {
        HeadSettings {
            epochs: self.epochs,
            batch_size: self.batch_size,
            loss: self.loss_of(task),
            optimizer: optimizer.clone(),
            clip_norm: self.clip_norm,
            dropout: self.dropout,
            select: self.select_of(task),
            early_stopping: self.early_stopping.clone(),
            class_weights: self.class_weights.clone(),
            sampling: self.sampling,
            options: self.loop_options(),
        }
    }
}
