//! `pipeline cancel RUN`.

use std::process::ExitCode;

use clap::Args;

use crate::arguments::{Format, StoreArguments};
use crate::interrupt;
use crate::records::submission::CancelRecord;
use crate::submission::record::Submission;
use crate::submission::slurm;
use crate::terminal::stdout;
use crate::terminal::verbosity::Verbosity;
use pipeline_cluster::Entry;
use pipeline_error::Error;

#[derive(Debug, Args)]
pub struct CancelArguments {
    /// The run's id, or the beginning of it
    #[arg(value_name = "RUN")]
    run: String,

    #[command(flatten)]
    store: StoreArguments,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Nothing is submitted for the run any more, and what is queued or runs is taken out.
pub fn execute(arguments: &CancelArguments, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let store = arguments.store.open()?;
    let mut submission = Submission::open(&store, &arguments.run)?;
    let held = submission.hold(&store, interrupt::listen(), |holder| {
        verbosity.note(&format!(
            "waiting for {holder}, which submits jobs of this run"
        ));
    })?;
    submission.reread()?;
    let rows = slurm::queue()?;
    let names: Vec<&str> = submission
        .ledger
        .jobs
        .iter()
        .map(|job| job.name.as_str())
        .collect();
    let living = rows
        .iter()
        .filter(|row| row.state.lives() && names.contains(&row.name.as_str()));
    let mut ids: Vec<String> = living.clone().map(|row| row.job.clone()).collect();
    let tasks = ids.len();
    ids.sort_unstable();
    ids.dedup();
    if !ids.is_empty() {
        // First, so that no job goes on submitting.
        submission.write(vec![Entry::Cancelled])?;
        slurm::cancel(&ids)?;
    }
    held.remove();
    let record = CancelRecord {
        run: submission.run,
        jobs: ids,
        tasks,
    };
    match arguments.format {
        Format::Json => stdout::print_json(&record)?,
        Format::Human if tasks == 0 => stdout::print(&format!(
            "run {}: nothing of it is queued or runs, so nothing is cancelled\n",
            record.run
        ))?,
        Format::Human => stdout::print(&format!(
            "run {}: {tasks} tasks cancelled; what is done stays done, and `pipeline submit` begins a new run with it\n",
            record.run
        ))?,
    }
    Ok(ExitCode::SUCCESS)
}
