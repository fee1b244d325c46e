//! `pipeline export`: an artifact as a file of one's own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::arguments::{ExperimentArguments, Format, Selection};
use super::{outputs, stdout};
use crate::error::Error;
use crate::exec;

#[derive(Debug, Args)]
pub struct ExportArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// The stage that makes the artifact
    #[arg(value_name = "STAGE")]
    stage: String,

    /// The artifact
    #[arg(value_name = "NAME")]
    artifact: String,

    /// The file to write, or a folder to put it in
    #[arg(value_name = "DEST")]
    target: PathBuf,

    /// Replace a file that is there already
    #[arg(long)]
    force: bool,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl ExportArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Export, Error> {
        Ok(Export {
            selection: self.experiment.validate()?,
            stage: self.stage,
            artifact: self.artifact,
            target: self.target,
            force: self.force,
            format: self.format,
        })
    }
}

/// [`ExportArguments`], validated.
pub struct Export {
    selection: Selection,
    stage: String,
    artifact: String,
    target: PathBuf,
    force: bool,
    format: Format,
}

/// The document of `export --format json`.
#[derive(Debug, Serialize)]
struct ExportRecord {
    path: PathBuf,
    digest: String,
    bytes: u64,
}

/// Copies the artifact and prints where it went; that it is out of date is an error.
pub fn execute(export: Export) -> Result<ExitCode, Error> {
    let (experiment, store) = export.selection.open()?;
    let options = export.selection.looking_at(vec![export.stage.clone()]);
    let surveyed = exec::survey(&experiment.nodes, &options, &store)?;
    let mut wanted = surveyed.into_iter();
    let Some(stage) = wanted.find(|stage| stage.planned.name == export.stage) else {
        return Err(Error::stage(format!("{}: was not planned", export.stage)));
    };
    let Some(outcome) = stage.outcome else {
        let stage = export.stage.as_str();
        let missing = std::iter::once(stage);
        return Err(outputs::out_of_date(
            missing,
            &export.selection,
            Some(stage),
        ));
    };
    let Some(artifact) = outcome.outputs.get(&export.artifact) else {
        let names = outcome.outputs.keys().map(String::as_str).collect();
        return Err(outputs::no_artifact(&export.stage, &export.artifact, names));
    };
    let path = store.export(artifact, &export.artifact, &export.target, export.force)?;
    match export.format {
        Format::Human => stdout::print(&format!("{}\n", path.display()))?,
        Format::Json => stdout::print_json(&ExportRecord {
            path,
            digest: artifact.digest.to_string(),
            bytes: artifact.bytes,
        })?,
    }
    Ok(ExitCode::SUCCESS)
}
