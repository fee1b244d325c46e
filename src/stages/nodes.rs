//! From a recipe to executable nodes, derived ones included.

use std::path::Path;
use std::time::Duration;

use super::command::{CommandInput, CommandStage};
use super::data::DataStage;
use super::diagnose::DiagnoseStage;
use super::evaluate::EvaluateStage;
use super::evaluation::EvaluationSettings;
use super::features::{FeatureOrigin, FeaturesStage};
use super::finetune::FinetuneStage;
use super::freeze::FreezeStage;
use super::import::{ImportStage, WeightSource};
use super::node::Node;
use super::pretrain::PretrainStage;
use super::stage::Stage;
use crate::checkpoint::ImportRules;
use crate::data::input_path::InputPath;
use crate::recipe::Recipe;
use crate::recipe::command_config as commands;
use crate::recipe::opens_backbone;
use crate::recipe::stage_config::{self as config, ImportFrom, Names, StageConfig};
use crate::train::config::{HeadSettings, PretrainSettings};
use crate::train::options::LoopOptions;

/// The nodes of a recipe, in its order; a finetune stage that trains the head alone is preceded by the
/// node that computes its features.
pub fn nodes_of(recipe: &Recipe) -> Vec<Node> {
    let mut nodes = Vec::with_capacity(recipe.stages.len() + 1);
    for (name, stage) in &recipe.stages {
        let states_seed = stage.seed().is_some();
        let stage: Box<dyn Stage> = match stage {
            StageConfig::Data(data) => Box::new(DataStage {
                config: (**data).clone(),
                seed: data.seed.unwrap_or(recipe.seed),
            }),
            StageConfig::Pretrain(stage) => Box::new(pretrain(recipe, stage)),
            StageConfig::Import(stage) => Box::new(import(recipe, stage)),
            StageConfig::Freeze(stage) => Box::new(FreezeStage {
                model: stage.model.clone(),
                trainable: stage.trainable.clone(),
                max_trainable_fraction: stage.max_trainable_fraction,
            }),
            StageConfig::Finetune(stage) => {
                let features = feature_origin(recipe, name, stage);
                if let FeatureOrigin::Node(node) = &features {
                    nodes.push(Node {
                        name: node.clone(),
                        states_seed: false,
                        stage: Box::new(FeaturesStage {
                            model: stage.model.clone(),
                            data: stage.data.clone(),
                        }),
                    });
                }
                Box::new(finetune(recipe, stage, features))
            }
            StageConfig::Evaluate(stage) => Box::new(evaluate(recipe, stage)),
            StageConfig::Diagnose(stage) => Box::new(diagnose(recipe, stage)),
            StageConfig::Command(stage) => Box::new(command(recipe, stage)),
        };
        nodes.push(Node {
            name: name.clone(),
            states_seed,
            stage,
        });
    }
    nodes
}

/// Where the finetune stage `name` has its features from: a node of their own while all of the
/// backbone is frozen, as they are constants then.
fn feature_origin(recipe: &Recipe, name: &str, stage: &config::FinetuneStage) -> FeatureOrigin {
    let opens = match recipe.stage(&stage.model) {
        Some(StageConfig::Freeze(freeze)) => opens_backbone(&recipe.model, &freeze.trainable),
        _ => false,
    };
    match opens {
        true => FeatureOrigin::Data(stage.data.clone()),
        false => FeatureOrigin::Node(format!("{name}:features")),
    }
}

fn pretrain(recipe: &Recipe, stage: &config::PretrainStage) -> PretrainStage {
    PretrainStage {
        model: recipe.model.clone(),
        settings: PretrainSettings {
            objective: stage.objective,
            epochs: stage.epochs,
            batch_size: stage.batch_size,
            optimizer: stage.optimizer.clone(),
            clip_norm: stage.clip_norm,
            free_bits: stage.free_bits,
            max_beta: stage.max_beta,
            beta_warmup_steps: stage.beta_warmup_steps,
            dropout: stage.dropout,
            early_stopping: stage.early_stopping.clone(),
            options: LoopOptions {
                schedule: stage.schedule.clone(),
                accumulate: stage.accumulate,
                max_steps: stage.max_steps,
                validate_every: stage.validate_every,
                keep: stage.keep,
            },
            monitor: stage.monitor.clone(),
        },
        seed: stage.seed.unwrap_or(recipe.seed),
        data: stage.data.clone(),
        init: stage.init.clone(),
        checkpoint_interval: Duration::from_secs_f64(stage.checkpoint_seconds),
    }
}

pub(super) fn import(recipe: &Recipe, stage: &config::ImportStage) -> ImportStage {
    let from = match &stage.from {
        ImportFrom::File(file) => WeightSource::File {
            path: file.path.clone(),
            sha256: file.sha256.clone(),
        },
        ImportFrom::Stage(name) => {
            let artifact = match recipe.stage(name) {
                Some(StageConfig::Pretrain(_)) => "checkpoint",
                _ => "weights",
            };
            WeightSource::Stage(name.clone(), artifact)
        }
    };
    ImportStage {
        model: recipe.model.clone(),
        from,
        into: stage.into,
        rules: ImportRules {
            new: stage.new.clone(),
            ignore: stage.ignore.clone(),
            rename: stage.rename.clone(),
            exact_names: stage.names == Names::Exact,
            allow_narrowing: stage.allow_narrowing,
        },
        model_changes: stage.model_changes.clone(),
    }
}

fn finetune(
    recipe: &Recipe,
    stage: &config::FinetuneStage,
    features: FeatureOrigin,
) -> FinetuneStage {
    FinetuneStage {
        settings: HeadSettings {
            epochs: stage.epochs,
            batch_size: stage.batch_size,
            loss: stage.loss,
            optimizer: stage.optimizer.clone(),
            clip_norm: stage.clip_norm,
            dropout: stage.dropout,
            select: stage.select,
            early_stopping: stage.early_stopping.clone(),
            class_weights: stage.class_weights.clone(),
            sampling: stage.sampling,
            options: LoopOptions {
                schedule: stage.schedule.clone(),
                accumulate: stage.accumulate,
                max_steps: stage.max_steps,
                validate_every: stage.validate_every,
                keep: stage.keep,
            },
        },
        transformer_dropout: stage.transformer_dropout,
        seed: stage.seed.unwrap_or(recipe.seed),
        model: stage.model.clone(),
        features,
    }
}

/// A finetuned model is looked at on the features it was trained on, where there are any and the data are the same.
fn features_of(recipe: &Recipe, model: &str, data: &str) -> FeatureOrigin {
    match recipe.stage(model) {
        Some(StageConfig::Finetune(finetune)) if finetune.data == data => {
            feature_origin(recipe, model, finetune)
        }
        _ => FeatureOrigin::Data(data.to_string()),
    }
}

fn diagnose(recipe: &Recipe, stage: &config::DiagnoseStage) -> DiagnoseStage {
    let pretrain = stage.pretrain.as_ref();
    let pretrain = pretrain.and_then(|name| match recipe.stage(name) {
        Some(StageConfig::Pretrain(pretrain)) => Some((name.clone(), pretrain.objective)),
        _ => None,
    });
    DiagnoseStage {
        model: stage.model.clone(),
        data: stage.data.clone(),
        features: features_of(recipe, &stage.model, &stage.data),
        split: stage.split,
        pretrain,
        seed: stage.seed.unwrap_or(recipe.seed),
    }
}

/// The node of a diagnosis that no recipe states, called `name`.
pub fn diagnosis_of(recipe: &Recipe, name: String, stage: &config::DiagnoseStage) -> Node {
    Node {
        name,
        states_seed: stage.seed.is_some(),
        stage: Box::new(diagnose(recipe, stage)),
    }
}

fn evaluate(recipe: &Recipe, stage: &config::EvaluateStage) -> EvaluateStage {
    EvaluateStage {
        model: stage.model.clone(),
        data: stage.data.clone(),
        features: features_of(recipe, &stage.model, &stage.data),
        settings: EvaluationSettings {
            split: stage.split,
            threshold: stage.threshold,
            operating_points: stage.operating_points.clone(),
            recalibrate: stage.recalibrate,
            bootstrap: stage.bootstrap,
            subgroups: stage.subgroups.clone(),
            baseline: stage.baseline,
        },
        seed: stage.seed.unwrap_or(recipe.seed),
    }
}

fn command(recipe: &Recipe, stage: &commands::CommandStage) -> CommandStage {
    let inputs = stage.inputs.iter().map(|(name, path)| {
        let input = CommandInput {
            path: path.clone(),
            file_name: format!("{name}{}", ending(recipe, path)),
        };
        (name.clone(), input)
    });
    CommandStage {
        run: stage.run.clone(),
        inputs: inputs.collect(),
        outputs: stage.outputs.clone(),
        metrics: stage.metrics.clone(),
        env: stage.env.clone(),
        pass_env: stage.pass_env.clone(),
        seed: stage.seed,
        timeout: stage.timeout_seconds.map(Duration::from_secs_f64),
        retries: stage.retries,
        retry_delay: Duration::from_secs_f64(stage.retry_delay_seconds),
    }
}

/// Endings that say how, not what: `events.csv.gz` is a CSV file.
const COMPRESSIONS: [&str; 4] = ["gz", "bz2", "xz", "zst"];

/// The ending of an input's file name, with its dot: many programs go by it.
fn ending(recipe: &Recipe, path: &InputPath) -> String {
    let file = match path.artifact() {
        Some(made) => {
            let stage = recipe.stage(&made.stage);
            let artifacts = stage.map(StageConfig::artifacts).unwrap_or_default();
            let found = artifacts.iter().find(|(name, _)| *name == made.artifact);
            found.map(|(_, file)| Path::new(*file).to_path_buf())
        }
        None => Some(path.as_ref().to_path_buf()).filter(|path| path.is_file()),
    };
    let file_name = file.as_deref().and_then(Path::file_name);
    let name = file_name.map(|name| name.to_string_lossy().into_owned());
    let name = name.as_deref().unwrap_or_default();
    let Some((stem, last)) = name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) else {
        return String::new();
    };
    match stem.rsplit_once('.') {
        Some((before, inner)) if COMPRESSIONS.contains(&last) && !before.is_empty() => {
            format!(".{inner}.{last}")
        }
        _ => format!(".{last}"),
    }
}
