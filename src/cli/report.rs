//! `pipeline report`: what is up to date, as a page to read and to send.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::arguments::{ExperimentArguments, Format, Selection};
use super::graph::drawing;
use super::{stdout, verbosity::Verbosity};
use crate::error::Error;
use crate::recipe;
use crate::report::{Gathered, html};
use crate::stages;
use crate::store::Store;
use crate::store::destination::Destination;

#[derive(Debug, Args)]
pub struct ReportArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// The page to write, or a folder to put report.html in; it is written anew each time
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl ReportArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Report, Error> {
        Ok(Report {
            selection: self.experiment.validate()?,
            output: self.output,
            format: self.format,
        })
    }
}

/// [`ReportArguments`], validated.
pub struct Report {
    selection: Selection,
    output: PathBuf,
    format: Format,
}

/// The document of `report --format json`.
#[derive(Debug, Serialize)]
struct ReportRecord {
    path: PathBuf,
    bytes: usize,
    /// Stages that are up to date, and shown.
    shown: Vec<String>,
    /// Stages that are not, and said to be so.
    missing: Vec<String>,
}

/// Writes the page; that a stage is not up to date is told on it, and is no error.
pub fn execute(report: Report, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let selection = &report.selection;
    let (recipe, resolved) = recipe::resolve(&selection.recipe, &selection.overrides)?;
    let nodes = stages::nodes_of(&recipe);
    let drawing = drawing(&recipe, &nodes)?;
    let store = Store::open(&selection.store)?;
    let options = selection.looking_at(vec![]);
    let gathered = Gathered::read(resolved, drawing, &nodes, &options, &store)?;
    let page = html::page(&gathered)?;
    let destination = Destination::new(&report.output, "report.html", true)?;
    let path = destination.write(|file, path| {
        let written = file.write_all(page.as_bytes());
        written.map_err(|error| Error::file(path, error))
    })?;
    let (shown, missing): (Vec<_>, Vec<_>) = gathered
        .stages
        .iter()
        .partition(|stage| stage.result().is_some());
    let names = |stages: Vec<&crate::report::GatheredStage>| -> Vec<String> {
        stages.into_iter().map(|stage| stage.name.clone()).collect()
    };
    let record = ReportRecord {
        path,
        bytes: page.len(),
        shown: names(shown),
        missing: names(missing),
    };
    if !record.missing.is_empty() {
        verbosity.note(&format!(
            "not up to date, and said to be so in the report: {}",
            record.missing.join(", ")
        ));
    }
    match report.format {
        Format::Human => stdout::print(&format!("{}\n", record.path.display()))?,
        Format::Json => stdout::print_json(&record)?,
    }
    Ok(ExitCode::SUCCESS)
}
