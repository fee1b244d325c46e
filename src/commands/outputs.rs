//! `pipeline outputs`: where up-to-date artifacts lie.

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::arguments::{ExperimentArguments, Format, Selection};
use crate::display::artifact_table;
use crate::terminal::stdout;
use crate::terminal::style::Style;
use pipeline_error::Error;
use pipeline_recipe::nearest;
use pipeline_runner::record::OutputRecord;
use pipeline_runner::{self as runner, Surveyed};
use pipeline_store::Store;

#[derive(Debug, Args)]
pub struct OutputsArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// The stage whose artifacts are printed [default: all stages]
    #[arg(value_name = "STAGE")]
    stage: Option<String>,

    /// Print only the path of this artifact [default: all artifacts]
    #[arg(value_name = "NAME")]
    artifact: Option<String>,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl OutputsArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Outputs, Error> {
        Ok(Outputs {
            selection: self.experiment.validate()?,
            stage: self.stage,
            artifact: self.artifact,
            format: self.format,
        })
    }
}

/// [`OutputsArguments`], validated.
pub struct Outputs {
    selection: Selection,
    stage: Option<String>,
    artifact: Option<String>,
    format: Format,
}

/// The document of `outputs --format json`.
#[derive(Debug, Serialize)]
struct OutputsRecord {
    recipe: String,
    stages: Vec<StageOutputs>,
}

/// What the store holds of one stage.
#[derive(Debug, Serialize)]
struct StageOutputs {
    name: String,
    kind: String,
    outputs: BTreeMap<String, OutputRecord>,
}

/// Prints what is up to date. That something wanted is not is an error, told after the rest.
pub fn execute(outputs: Outputs) -> Result<ExitCode, Error> {
    let (experiment, store) = outputs.selection.open()?;
    let wanted = outputs.stage.clone();
    let options = outputs.selection.looking_at(wanted.into_iter().collect());
    let surveyed = runner::survey(&experiment.nodes, &options, &store)?;

    let is_wanted = |stage: &Surveyed| {
        let wanted = outputs.stage.as_ref();
        wanted.is_none_or(|name| *name == stage.planned.name)
    };
    let mut record = OutputsRecord {
        recipe: experiment.recipe.name,
        stages: vec![],
    };
    let mut missing = vec![];
    for stage in surveyed.into_iter().filter(is_wanted) {
        match found(&stage, &store) {
            Some(found) => record.stages.push(found),
            None => missing.push(stage.planned.name),
        }
    }
    if let Some(artifact) = &outputs.artifact {
        for stage in &mut record.stages {
            keep(stage, artifact)?;
        }
    }
    if outputs.stage.is_none() || missing.is_empty() {
        show(&record, &outputs)?;
    }
    match missing.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => {
            let stage = outputs.stage.as_deref();
            let missing = missing.iter().map(String::as_str);
            Err(out_of_date(missing, &outputs.selection, stage))
        }
    }
}

fn found(stage: &Surveyed, store: &Store) -> Option<StageOutputs> {
    let outcome = stage.outcome.as_ref()?;
    Some(StageOutputs {
        name: stage.planned.name.clone(),
        kind: stage.planned.kind.clone(),
        outputs: OutputRecord::all_of(&outcome.outputs, store),
    })
}

/// Leaves only one artifact of a stage.
fn keep(stage: &mut StageOutputs, artifact: &str) -> Result<(), Error> {
    if stage.outputs.contains_key(artifact) {
        stage.outputs.retain(|name, _| name == artifact);
        return Ok(());
    }
    let names = stage.outputs.keys().map(String::as_str);
    Err(no_artifact(&stage.name, artifact, names.collect()))
}

/// What to say where a stage has no artifact of this name, only those in `names`.
pub(super) fn no_artifact(stage: &str, artifact: &str, names: Vec<&str>) -> Error {
    let hint = match nearest(artifact, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("its artifacts are {}", names.join(", ")),
    };
    Error::Usage {
        message: format!("stage `{stage}` has no artifact `{artifact}`"),
        hint: Some(hint),
    }
}

fn show(record: &OutputsRecord, outputs: &Outputs) -> Result<(), Error> {
    if outputs.format == Format::Json {
        return stdout::print_json(record);
    }
    let artifacts = record.stages.iter().flat_map(|stage| {
        let outputs = stage.outputs.iter();
        outputs.map(|(name, output)| (stage.name.as_str(), name.as_str(), output))
    });
    if outputs.artifact.is_some() {
        let lines = artifacts.map(|(_, _, output)| format!("{}\n", output.path.display()));
        return stdout::print(&lines.collect::<String>());
    }
    match artifact_table::render(artifacts, Style::stdout()) {
        Some(table) => stdout::print(&table),
        None => Ok(()),
    }
}

/// What to say where `missing` would have to run before their artifacts can be had.
pub(super) fn out_of_date<'a>(
    missing: impl Iterator<Item = &'a str>,
    selection: &Selection,
    stage: Option<&str>,
) -> Error {
    let names: Vec<&str> = missing.collect();
    let stages: Vec<&str> = stage.into_iter().collect();
    let command = selection.command_on("run", &stages);
    Error::OutOfDate {
        message: format!(
            "out of date: {}; `{command}` brings it up to date",
            names.join(", ")
        ),
    }
}
