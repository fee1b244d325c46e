//! `pipeline diagnose`: what is wrong with the models of a recipe.

use std::process::ExitCode;

use clap::Args;

use crate::arguments::{ExperimentArguments, Format, Selection};
use crate::commands::outputs;
use crate::display::diagnosis_table;
use crate::display::progress::Progress;
use crate::experiment::Experiment;
use crate::interrupt;
use crate::records::diagnosis::{DiagnosesRecord, NamedDiagnosis};
use crate::terminal::stdout;
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use pipeline_error::Error;
use pipeline_kinds::Recipe;
use pipeline_kinds::diagnose::DiagnoseTable;
use pipeline_kinds::finetune::FinetuneTable;
use pipeline_kinds::import::ImportFrom;
use pipeline_kinds::json::read_json;
use pipeline_kinds::{StageConfig, StageKind, Surroundings};
use pipeline_runner::{self as runner, RunOptions};
use pipeline_stage::Node;
use pipeline_store::Store;

/// The only artifact of a diagnosis.
const DIAGNOSIS: &str = "diagnosis";

#[derive(Debug, Args)]
pub struct DiagnoseArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// A finetune stage, or a diagnose stage of the recipe [default: all finetune stages]
    #[arg(value_name = "STAGE")]
    stage: Option<String>,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl DiagnoseArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Diagnosing, Error> {
        Ok(Diagnosing {
            selection: self.experiment.validate()?,
            stage: self.stage,
            format: self.format,
        })
    }
}

/// [`DiagnoseArguments`], validated.
pub struct Diagnosing {
    selection: Selection,
    stage: Option<String>,
    format: Format,
}

/// Diagnoses models whose stages are up to date; that one is not is an error, and nothing runs.
pub fn execute(diagnosing: Diagnosing, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let (mut experiment, store) = diagnosing.selection.open()?;
    let wanted = wanted(&experiment.recipe, diagnosing.stage.as_deref())?;
    let mut targets = Vec::with_capacity(wanted.len());
    let around = Surroundings::of(&experiment.recipe);
    for (model, stage) in &wanted {
        let name = format!("{model}:{DIAGNOSIS}");
        let nodes = stage.nodes(&name, &around);
        experiment.nodes.extend(nodes);
        targets.push(name);
    }
    require_up_to_date(&experiment.nodes, &targets, &diagnosing, &store)?;
    run(&experiment, &targets, &diagnosing, &store, verbosity)?;
    let options = diagnosing.selection.looking_at(targets.clone());
    let surveyed = runner::survey(&experiment.nodes, &options, &store)?;
    let mut diagnoses = Vec::with_capacity(wanted.len());
    for ((model, _), name) in wanted.iter().zip(&targets) {
        let found = surveyed.iter().find(|stage| stage.planned.name == *name);
        let outcome = found.and_then(|stage| stage.outcome.as_ref());
        let Some(artifact) = outcome.and_then(|outcome| outcome.outputs.get(DIAGNOSIS)) else {
            return Err(Error::stage(format!(
                "{name}: its result is gone from the store"
            )));
        };
        diagnoses.push(NamedDiagnosis {
            model: model.clone(),
            diagnosis: read_json(&store.verified_path(artifact)?)?,
        });
    }
    match diagnosing.format {
        Format::Json => stdout::print_json(&DiagnosesRecord {
            recipe: experiment.recipe.name,
            diagnoses,
        })?,
        Format::Human => stdout::print(&diagnosis_table::render(&diagnoses, Style::stdout()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Models and how each is diagnosed: as a diagnose stage of the recipe says, where there is one.
fn wanted(recipe: &Recipe, stage: Option<&str>) -> Result<Vec<(String, DiagnoseTable)>, Error> {
    let stated = |model: &str| {
        let stages = recipe.stages.iter();
        let mut stated = stages.filter_map(|(_, stage)| match stage {
            StageConfig::Diagnose(stage) if stage.model == model => Some(stage.clone()),
            _ => None,
        });
        stated.next()
    };
    let of_finetune = |name: &str, finetune: &FinetuneTable| {
        let default = || DiagnoseTable::of(name, &finetune.data, pretrained(recipe, finetune));
        (name.to_string(), stated(name).unwrap_or_else(default))
    };
    let Some(name) = stage else {
        let stages = recipe.stages.iter();
        let all: Vec<_> = stages
            .filter_map(|(name, stage)| match stage {
                StageConfig::Finetune(finetune) => Some(of_finetune(name, finetune)),
                _ => None,
            })
            .collect();
        return match all.is_empty() {
            false => Ok(all),
            true => Err(Error::Usage {
                message: "this recipe has no finetune stage, whose model could be diagnosed".into(),
                hint: Some("a stage of kind `diagnose` takes an import stage, too".into()),
            }),
        };
    };
    match recipe.stage(name) {
        Some(StageConfig::Finetune(finetune)) => Ok(vec![of_finetune(name, finetune)]),
        Some(StageConfig::Diagnose(stage)) => Ok(vec![(stage.model.clone(), stage.clone())]),
        Some(stage) => Err(wrong_stage(
            recipe,
            format!(
                "stage `{name}` is of kind `{}`, neither `finetune` nor `diagnose`",
                stage.kind()
            ),
        )),
        None => Err(wrong_stage(recipe, format!("there is no stage `{name}`"))),
    }
}

fn wrong_stage(recipe: &Recipe, message: String) -> Error {
    let stages = recipe.stages.iter();
    let fitting = stages
        .filter(|(_, stage)| matches!(stage, StageConfig::Finetune(_) | StageConfig::Diagnose(_)));
    let fitting: Vec<&str> = fitting.map(|(name, _)| name.as_str()).collect();
    Error::Usage {
        message,
        hint: Some(match fitting.is_empty() {
            true => "the recipe has no stage that would fit".into(),
            false => format!("stages that would fit: {}", fitting.join(", ")),
        }),
    }
}

/// The pretrain stage that a finetuned model comes from.
fn pretrained<'a>(recipe: &'a Recipe, finetune: &FinetuneTable) -> Option<&'a str> {
    let StageConfig::Freeze(freeze) = recipe.stage(&finetune.model)? else {
        return None;
    };
    let StageConfig::Import(import) = recipe.stage(&freeze.model)? else {
        return None;
    };
    let ImportFrom::Stage(name) = &import.from else {
        return None;
    };
    let pretrain = matches!(recipe.stage(name)?, StageConfig::Pretrain(_));
    pretrain.then_some(name.as_str())
}

fn require_up_to_date(
    nodes: &[Node],
    targets: &[String],
    diagnosing: &Diagnosing,
    store: &Store,
) -> Result<(), Error> {
    let options = diagnosing.selection.looking_at(targets.to_vec());
    let surveyed = runner::survey(nodes, &options, store)?;
    let missing = surveyed.iter().filter(|stage| stage.outcome.is_none());
    let missing = missing.map(|stage| stage.planned.name.as_str());
    let missing = missing.filter(|name| !targets.iter().any(|target| target == name));
    let missing: Vec<&str> = missing.collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(outputs::out_of_date(
            missing.into_iter(),
            &diagnosing.selection,
            None,
        )),
    }
}

fn run(
    experiment: &Experiment,
    targets: &[String],
    diagnosing: &Diagnosing,
    store: &Store,
    verbosity: Verbosity,
) -> Result<(), Error> {
    let options = diagnosing.selection.looking_at(targets.to_vec());
    let surveyed = runner::survey(&experiment.nodes, &options, store)?;
    if surveyed.iter().all(|stage| stage.outcome.is_some()) {
        return Ok(());
    }
    let options = RunOptions {
        private: experiment.recipe.exposure.holds_environment,
        ..options
    };
    let progress = Progress::stderr(verbosity);
    let outcome = runner::run(
        &experiment.recipe.name,
        &experiment.nodes,
        &options,
        &|| experiment.documents(&diagnosing.selection),
        store,
        interrupt::listen(),
        &|events| progress.show(events),
    )?;
    outcome.error.map_or(Ok(()), Err)
}
