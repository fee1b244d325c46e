//! What stages take from each other: the edges of the graph, and the artifacts at their ends.

use super::stage_config::{ImportFrom, StageConfig};
use crate::data::input_path::InputPath;

/// A place in a stage that names another stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The field, dotted: `data`, `inputs.events.stage`.
    pub field: String,
    /// The stage it names.
    pub stage: String,
    /// What it must be.
    pub wants: Wants,
}

/// What a reference needs of the stage it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    /// One of these kinds.
    Kind(&'static [&'static str]),
    /// This artifact, whatever the kind.
    Artifact(String),
}

impl StageConfig {
    /// Stages this one names.
    pub fn references(&self) -> Vec<Reference> {
        const DATA: &[&str] = &["data"];
        const WEIGHTS: &[&str] = &["import", "freeze", "finetune"];
        match self {
            StageConfig::Data(stage) => {
                let mut stage = stage.clone();
                let paths = stage.paths().into_iter();
                paths
                    .filter_map(|(field, path)| artifact(&field, path))
                    .collect()
            }
            StageConfig::Pretrain(stage) => {
                let init = stage.init.iter();
                [kind("data", &stage.data, DATA)]
                    .into_iter()
                    .chain(init.map(|init| kind("init", init, &["import"])))
                    .collect()
            }
            StageConfig::Import(stage) => match &stage.from {
                ImportFrom::Stage(name) => vec![kind("from", name, &["pretrain", "finetune"])],
                ImportFrom::File(file) => artifact("from.path", &file.path).into_iter().collect(),
            },
            StageConfig::Freeze(stage) => vec![kind("model", &stage.model, &["import"])],
            StageConfig::Finetune(stage) => vec![
                kind("model", &stage.model, &["freeze"]),
                kind("data", &stage.data, DATA),
            ],
            StageConfig::Evaluate(stage) => vec![
                kind("model", &stage.model, WEIGHTS),
                kind("data", &stage.data, DATA),
            ],
            StageConfig::Diagnose(stage) => {
                let pretrain = stage.pretrain.iter();
                [
                    kind("model", &stage.model, WEIGHTS),
                    kind("data", &stage.data, DATA),
                ]
                .into_iter()
                .chain(pretrain.map(|stage| kind("pretrain", stage, &["pretrain"])))
                .collect()
            }
            StageConfig::Command(stage) => {
                let inputs = stage.inputs.iter();
                inputs
                    .filter_map(|(name, path)| artifact(&format!("inputs.{name}"), path))
                    .collect()
            }
        }
    }

    /// The artifacts it makes: their names, and those of files that hold such contents.
    pub fn artifacts(&self) -> Vec<(&str, &str)> {
        match self {
            StageConfig::Data(_) => vec![
                ("events", "events.parquet"),
                ("profile", "profile.json"),
                ("stays", "stays.parquet"),
                ("variables", "variables.parquet"),
            ],
            StageConfig::Pretrain(_) => vec![
                ("checkpoint", "checkpoint.safetensors"),
                ("history", "history.parquet"),
            ],
            StageConfig::Import(_) | StageConfig::Freeze(_) => {
                vec![("weights", "weights.safetensors"), ("audit", "audit.json")]
            }
            StageConfig::Finetune(_) => vec![
                ("weights", "weights.safetensors"),
                ("history", "history.parquet"),
            ],
            StageConfig::Evaluate(_) => vec![
                ("curves", "curves.json"),
                ("meds_predictions", "meds_predictions.parquet"),
                ("metrics", "metrics.json"),
                ("predictions", "predictions.parquet"),
            ],
            StageConfig::Diagnose(_) => vec![("diagnosis", "diagnosis.json")],
            StageConfig::Command(stage) => {
                let outputs = stage.outputs.iter();
                outputs
                    .map(|(name, file)| (name.as_str(), file.as_str()))
                    .collect()
            }
        }
    }
}

fn kind(field: &str, stage: &str, kinds: &'static [&'static str]) -> Reference {
    Reference {
        field: field.into(),
        stage: stage.into(),
        wants: Wants::Kind(kinds),
    }
}

fn artifact(field: &str, path: &InputPath) -> Option<Reference> {
    let made = path.artifact()?;
    Some(Reference {
        field: format!("{field}.stage"),
        stage: made.stage.clone(),
        wants: Wants::Artifact(made.artifact.clone()),
    })
}
