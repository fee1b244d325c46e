//! `pipeline compare`: runs of the past beside each other.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::arguments::Format;
use crate::commands::runs::SharedArguments;
use crate::display::comparison;
use crate::terminal::style::Style;
use crate::terminal::{page, stdout};
use pipeline_error::Error;
use pipeline_metrics::BootstrapSettings;
use pipeline_report::comparison::compare;
use pipeline_report::html::comparison_page;

#[derive(Debug, Args)]
pub struct CompareArguments {
    /// The runs' ids, or unique beginnings of them; all runs are compared with the first
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<String>,

    /// Also write a page, or compare.html into a folder; an existing page is replaced
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Resamples of the patients for intervals; 0: no intervals
    #[arg(long, value_name = "N", default_value_t = BootstrapSettings::default().resamples)]
    resamples: usize,

    /// Seed of the resamples
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    #[command(flatten)]
    shared: SharedArguments,
}

/// Compares; nothing is executed.
pub fn execute(arguments: &CompareArguments) -> Result<ExitCode, Error> {
    let store = arguments.shared.store.open()?;
    let bootstrap = BootstrapSettings {
        resamples: arguments.resamples,
        ..BootstrapSettings::default()
    };
    let record = compare(&store, &arguments.runs, bootstrap, arguments.seed)?;
    if let Some(target) = &arguments.output {
        let place = page::place(target, "compare.html")?;
        page::write(place, comparison_page(&record).as_bytes())?;
    }
    match arguments.shared.format {
        Format::Json => stdout::print_json(&record)?,
        Format::Human => stdout::print(&comparison::render(&record, Style::stdout()))?,
    }
    Ok(ExitCode::SUCCESS)
}
