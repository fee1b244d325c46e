//! `pipeline runs`: the history.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::arguments::{Format, StoreArguments};
use crate::display::run_table;
use crate::submission::past;
use crate::terminal::stdout;
use crate::terminal::style::Style;
use pipeline_error::Error;
use pipeline_page::number;
use pipeline_runner::history::{self, PastRun, PastRunRecord};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RunsArguments {
    #[command(subcommand)]
    command: Option<RunsCommand>,

    /// Number of runs to list, the latest first [default: all]
    #[arg(long, value_name = "N")]
    limit: Option<usize>,

    /// List the runs inside of jobs, too; a submitted run is one line otherwise
    #[arg(long)]
    workers: bool,

    #[command(flatten)]
    shared: SharedArguments,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    /// Shows the records of one run
    Show {
        /// The run's id, or a unique beginning of it
        id: String,

        #[command(flatten)]
        shared: SharedArguments,
    },
}

/// What all commands on a store alone share.
#[derive(Debug, Args)]
pub struct SharedArguments {
    #[command(flatten)]
    pub store: StoreArguments,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
}

/// The document of `runs --format json`.
#[derive(Serialize)]
struct RunsRecord {
    runs: Vec<PastRun>,
}

/// Lists runs, or shows one.
pub fn execute(arguments: &RunsArguments) -> Result<ExitCode, Error> {
    match &arguments.command {
        None => list(arguments)?,
        Some(RunsCommand::Show { id, shared }) => show(shared, id)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn list(arguments: &RunsArguments) -> Result<(), Error> {
    let shared = &arguments.shared;
    let runs = past::list(&shared.store.open()?, arguments.limit, arguments.workers)?;
    match shared.format {
        Format::Json => {
            let runs = runs.into_iter().map(|(run, _)| run).collect();
            stdout::print_json(&RunsRecord { runs })
        }
        Format::Human if runs.is_empty() && arguments.limit != Some(0) => {
            stdout::print("no runs yet\n")
        }
        Format::Human => stdout::print(&run_table::render(&runs, Style::stdout())),
    }
}

fn show(shared: &SharedArguments, id: &str) -> Result<(), Error> {
    let store = shared.store.open()?;
    let mut record = history::show(&store, id)?;
    past::with_workers(&store, &mut record.run, &mut record.stages)?;
    match shared.format {
        Format::Json => stdout::print_json(&record),
        Format::Human => stdout::print(&page(&record)),
    }
}

fn page(record: &PastRunRecord) -> String {
    let listed = (record.run.clone(), record.stages.clone());
    let mut text = run_table::render(&[listed], Style::stdout());
    text += &format!(
        "\nstarted {}\n",
        record
            .run
            .started
            .to_zoned(TimeZone::UTC)
            .strftime("%F %T UTC")
    );
    if let Some(environment) = &record.environment {
        let (versions, host) = (&environment.versions, &environment.host);
        text += &format!(
            "pipeline {}, {}, {}\non {} ({} × {}, {}), device {}\n",
            versions.pipeline,
            versions.rustc,
            versions.target,
            host.name,
            host.cpus,
            host.cpu.as_deref().unwrap_or("unknown processor"),
            host.os,
            environment.device,
        );
    }
    if !record.stages.is_empty() {
        text += &format!("\n{}", run_table::stages(&record.stages, Style::stdout()));
    }
    for stage in &record.stages {
        if let Some(error) = &stage.error {
            text += &format!("\n{}: {error}\n", stage.name);
        }
        for (name, value) in &stage.metrics {
            if let Some(value) = number::metric(value) {
                text += &format!("{} {name} {value}\n", stage.name);
            }
        }
    }
    if let Some(recipe) = &record.recipe_text {
        text += &format!("\n{recipe}");
    }
    text
}
