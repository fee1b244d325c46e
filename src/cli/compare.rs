//! `pipeline compare`: runs of the past beside each other.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::arguments::Format;
use super::display::comparison;
use super::runs::SharedArguments;
use super::stdout;
use super::style::Style;
use crate::error::Error;
use crate::exec::history;
use crate::metrics::BootstrapSettings;
use crate::report::comparison::Comparison;
use crate::report::html;
use crate::store::Store;
use crate::store::destination::Destination;

#[derive(Debug, Args)]
pub struct CompareArguments {
    /// Ids of two runs or more, or beginnings of ids; all are compared with the first
    #[arg(value_name = "RUN", required = true, num_args = 2..)]
    runs: Vec<String>,

    /// Also write a page, or into a folder compare.html; it is written anew each time
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Resamples of the subjects that intervals are made of; 0: none
    #[arg(long, value_name = "N", default_value_t = 1000)]
    resamples: usize,

    #[command(flatten)]
    shared: SharedArguments,
}

/// More resamples only take time.
const MOST_RESAMPLES: usize = 1_000_000;

impl CompareArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Compare, Error> {
        if self.resamples > MOST_RESAMPLES {
            return Err(Error::Usage {
                message: format!(
                    "--resamples {} is more than {MOST_RESAMPLES}",
                    self.resamples
                ),
                hint: None,
            });
        }
        Ok(Compare(self))
    }
}

/// [`CompareArguments`], validated.
pub struct Compare(CompareArguments);

/// Compares, prints, and writes the page if one is wanted.
pub fn execute(compare: Compare) -> Result<ExitCode, Error> {
    let Compare(arguments) = compare;
    let store = Store::open(&arguments.shared.store)?;
    let runs = arguments.runs.iter().map(|id| history::show(&store, id));
    let runs = runs.collect::<Result<Vec<_>, _>>()?;
    let settings = BootstrapSettings {
        resamples: arguments.resamples,
        ..BootstrapSettings::default()
    };
    let record = Comparison::of(&runs, settings)?;
    if let Some(target) = &arguments.output {
        let page = html::comparison_page(&record);
        let destination = Destination::new(target, "compare.html", true)?;
        destination.write(|file, path| {
            let written = file.write_all(page.as_bytes());
            written.map_err(|error| Error::file(path, error))
        })?;
    }
    match arguments.shared.format {
        Format::Json => stdout::print_json(&record)?,
        Format::Human => stdout::print(&comparison::render(&record, Style::stdout()))?,
    }
    Ok(ExitCode::SUCCESS)
}
