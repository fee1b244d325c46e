//! `pipeline sweep show`: what came of the variants.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::arguments::{ExperimentArguments, Selection};
use crate::commands::sweep::batch::Batch;
use crate::commands::sweep::frame::Frame;
use crate::commands::sweep::ladder;
use crate::display::sweep_table;
use crate::experiment::files_read;
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use crate::terminal::{page, stdout};
use pipeline_error::Error;
use pipeline_kinds::SweepRecipe;
use pipeline_report::html::sweep_page;
use pipeline_report::pooled::{Pooled, pooled};
use pipeline_store::Store;

#[derive(Debug, Args)]
pub struct ShowArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// A row for each variant, in the order of the space, instead of a row for each setting
    #[arg(long)]
    every_seed: bool,

    /// How the result is written
    #[arg(long, value_enum, default_value_t = ShowFormat::Human)]
    format: ShowFormat,

    /// Write a table or page (csv, parquet, html) to this file instead of standard output; replaces it
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

/// How what is known of variants is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ShowFormat {
    /// Text for people
    Human,
    /// Exactly one JSON document
    Json,
    /// Comma-separated values with a heading
    Csv,
    /// A Parquet file, which needs --write
    Parquet,
    /// A page with parallel coordinates and effects
    Html,
}

impl ShowArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Show, Error> {
        let usage = |message: &str| {
            Err(Error::Usage {
                message: message.into(),
                hint: None,
            })
        };
        match (self.format, &self.write) {
            (ShowFormat::Parquet, None) => usage("--format parquet needs --write FILE"),
            (ShowFormat::Human | ShowFormat::Json, Some(_)) => {
                usage("--write needs --format csv, parquet or html")
            }
            _ => Ok(Show {
                selection: self.experiment.validate()?,
                every_seed: self.every_seed,
                format: self.format,
                write: self.write,
            }),
        }
    }
}

/// [`ShowArguments`], validated.
pub struct Show {
    selection: Selection,
    every_seed: bool,
    format: ShowFormat,
    write: Option<PathBuf>,
}

/// Shows what the store knows; nothing is executed.
pub fn execute(show: Show, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let sweep = SweepRecipe::open(&show.selection.recipe, &show.selection.overrides)?;
    let store = Store::open(&show.selection.store)?;
    let mut folds = BTreeMap::new();
    let mut nodes = Vec::new();
    let stored = |batch: Batch| {
        let surveyed = batch.survey(&show.selection, &store)?;
        let record = batch.known(&surveyed, &store)?;
        folds.extend(batch.scored_folds(surveyed, &store));
        nodes.extend(batch.nodes);
        Ok((record, true))
    };
    let mut record = ladder::climb(&sweep, stored)?.show;
    let Pooled { records, notes } = pooled(&record, &folds)?;
    record.pooled = records;
    for note in &notes {
        verbosity.note(note);
    }
    if let Some(problem) = record.cannot_be_ranked() {
        verbosity.note(&problem);
    }
    let frame = || match show.every_seed {
        true => Frame::of_variants(&record),
        false => Frame::of_settings(&record),
    };
    let put = |file_name, text: &[u8]| match &show.write {
        None => stdout::print(&String::from_utf8_lossy(text)),
        Some(target) => {
            let place = page::place(target, file_name)?;
            place.refuse_any_of(|| files_read(sweep.files(), &nodes))?;
            page::write(place, text).map(|_| ())
        }
    };
    match (show.format, &show.write) {
        (ShowFormat::Json, _) => stdout::print_json(&record)?,
        (ShowFormat::Csv, _) => put("sweep.csv", frame().csv()?.as_bytes())?,
        (ShowFormat::Html, _) => put("sweep.html", sweep_page(&record)?.as_bytes())?,
        (ShowFormat::Parquet, Some(_)) => put("sweep.parquet", &frame().parquet()?)?,
        (ShowFormat::Human | ShowFormat::Parquet, _) => {
            let style = Style::stdout();
            stdout::print(&match show.every_seed {
                true => sweep_table::render_variants(&record, style),
                false => sweep_table::render(&record, style),
            })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
