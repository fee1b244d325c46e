//! `pipeline report`: what is up to date, as a page to read and to send.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::arguments::{ExperimentArguments, Format, Selection};
use crate::commands::graph::drawing;
use crate::experiment::files_read;
use crate::terminal::verbosity::Verbosity;
use crate::terminal::{page, stdout};
use pipeline_error::Error;
use pipeline_kinds as kinds;
use pipeline_report::{self as report, Gathered, GatheredStage, html};
use pipeline_store::Store;
use pipeline_store::destination::{Destination, refuse_read};

#[derive(Debug, Args)]
pub struct ReportArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// The page to write, or a folder for report.html; an existing page is replaced
    #[arg(long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,

    /// Also write a model card by the items of TRIPOD+AI to this Markdown file, or model-card.md into a folder
    #[arg(long, value_name = "FILE")]
    model_card: Option<PathBuf>,

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
            model_card: self.model_card,
            format: self.format,
        })
    }
}

/// [`ReportArguments`], validated.
pub struct Report {
    selection: Selection,
    output: PathBuf,
    model_card: Option<PathBuf>,
    format: Format,
}

/// The document of `report --format json`.
#[derive(Debug, Serialize)]
struct ReportRecord {
    path: String,
    bytes: usize,
    /// Where the model card is, if one was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_card: Option<String>,
    /// Stages that are up to date, and shown.
    shown: Vec<String>,
    /// Stages that are not, and said to be so.
    missing: Vec<String>,
}

/// Writes the page; that a stage is not up to date is told on it, and is no error.
pub fn execute(wanted: Report, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let selection = &wanted.selection;
    let (recipe, resolved) = kinds::resolve(&selection.recipe, &selection.overrides)?;
    let nodes = kinds::nodes_of(&recipe);
    let drawing = drawing(&recipe, &nodes)?;
    let folder = selection.recipe.parent().unwrap_or(Path::new(""));
    let folder = folder.to_path_buf();
    let store = Store::open(&selection.store)?;
    let options = selection.looking_at(vec![]);
    let gathered = Gathered::read((resolved, folder), drawing, &nodes, &options, &store)?;
    let text = html::page(&gathered)?;
    if wanted.model_card.as_ref() == Some(&wanted.output) && !wanted.output.is_dir() {
        return Err(Error::Usage {
            message: format!(
                "{} is both the page and the model card",
                wanted.output.display()
            ),
            hint: Some("give them two names".into()),
        });
    }
    let card_place = wanted.model_card.as_deref();
    let card_place = card_place.map(|target| page::place(target, "model-card.md"));
    let card_place = card_place.transpose()?;
    let page_place = page::place(&wanted.output, "report.html")?;
    let places = card_place.iter().chain([&page_place]);
    refuse_read(places.map(Destination::path), || {
        files_read(&recipe.files, &nodes)
    })?;
    let path = page::write(page_place, text.as_bytes())?;
    let model_card = card_place
        .map(|place| page::write(place, report::model_card(&gathered).as_bytes()))
        .transpose()?;
    let (shown, missing): (Vec<_>, Vec<_>) = gathered
        .stages
        .iter()
        .partition(|stage| stage.result().is_some());
    let names = |stages: Vec<&GatheredStage>| -> Vec<String> {
        stages.into_iter().map(|stage| stage.name.clone()).collect()
    };
    let record = ReportRecord {
        path: path.display().to_string(),
        bytes: text.len(),
        model_card: model_card.map(|path| path.display().to_string()),
        shown: names(shown),
        missing: names(missing),
    };
    if !record.missing.is_empty() {
        verbosity.note(&format!(
            "not up to date, and said to be so in the report: {}",
            record.missing.join(", ")
        ));
    }
    match wanted.format {
        Format::Human => {
            let files = std::iter::once(&record.path).chain(&record.model_card);
            let lines = files.map(|path| format!("{path}\n"));
            stdout::print(&lines.collect::<String>())?;
        }
        Format::Json => stdout::print_json(&record)?,
    }
    Ok(ExitCode::SUCCESS)
}
