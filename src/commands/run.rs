//! `pipeline run`.

use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::Args;

use crate::arguments::{self, ExperimentArguments, Format, Selection};
use crate::commands::lock;
use crate::device;
use crate::display::progress::Progress;
use crate::display::{profile_table, run_summary};
use crate::experiment::tell_of_exposure;
use crate::interrupt;
use crate::remote::RemoteArguments;
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use crate::terminal::{diagnostic, stderr, stdout};
use pipeline_error::Error;
use pipeline_model::profile;
use pipeline_runner::{self as runner, RunOptions, RunOutcome};

#[derive(Debug, Args)]
pub struct RunArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// Stages to run, with their dependencies [default: all]
    #[arg(value_name = "STAGE")]
    stages: Vec<String>,

    /// Stages that may run at the same time [default: 1, or as many as `--device` names]
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Threads of the whole run; no result depends on it [default: as many as Slurm granted, else the cores that this process may use]
    #[arg(long, value_name = "N", value_parser = arguments::threads)]
    threads: Option<NonZeroUsize>,

    /// After a failure, run the stages that do not depend on the failed one
    #[arg(long)]
    keep_going: bool,

    /// Run this stage again even if its result is in the store; repeatable
    #[arg(long, value_name = "STAGE")]
    refresh: Vec<String>,

    #[command(flatten)]
    remote: RemoteArguments,

    /// Exit with 5 if the run differs from the lock beside the recipe
    #[arg(long)]
    locked: bool,

    /// At the end print which operations of the model took the time, on standard error
    #[arg(long)]
    profile: bool,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl RunArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Run, Error> {
        let selection = self.experiment.validate()?;
        let options = RunOptions {
            continue_trainings: false,
            jobs: (self.jobs).map_or(device::count(&selection.device), NonZeroUsize::get),
            threads: self
                .threads
                .map_or(RunOptions::default().threads, NonZeroUsize::get),
            keep_going: self.keep_going,
            refresh: self.refresh,
            device: selection.device.clone(),
            targets: self.stages,
            private: false,
            lock: None,
            remote: None,
        };
        Ok(Run {
            selection,
            options,
            remote: self.remote,
            locked: self.locked,
            profile: self.profile,
            format: self.format,
        })
    }
}

/// [`RunArguments`], validated.
pub struct Run {
    selection: Selection,
    options: RunOptions,
    remote: RemoteArguments,
    locked: bool,
    profile: bool,
    format: Format,
}

/// Runs; the record goes to standard output also when a stage failed.
pub fn execute(mut run: Run, verbosity: Verbosity) -> Result<ExitCode, Error> {
    // Before the recipe is read, so that no moment is left in which a signal ends the program as if it had failed.
    let interrupted = interrupt::listen();
    device::require(&run.selection.device)?;
    let (experiment, store) = run.selection.open()?;
    experiment.tell_of_sweep(&run.selection, verbosity);
    tell_of_exposure(&experiment.recipe.exposure, verbosity);
    // The process ends with this function: what a thousand stages came to need not be freed
    // leaf by leaf.
    let experiment = ManuallyDrop::new(experiment);
    run.options.private = experiment.recipe.exposure.holds_environment;
    if run.locked {
        run.options.lock = Some(lock::require(&run.selection)?);
    }
    run.options.remote = run.remote.open(experiment.recipe.remote.as_ref())?;
    if run.profile {
        profile::start();
    }

    let progress = Progress::stderr(verbosity);
    let outcome = runner::run(
        &experiment.recipe.name,
        &experiment.nodes,
        &run.options,
        &|| experiment.documents(&run.selection),
        &store,
        interrupted,
        &|events| progress.show(events),
    )?;
    let RunOutcome { record, error } = outcome;
    let record = ManuallyDrop::new(record);
    drop(progress);
    if run.profile {
        let table = profile_table::render(&profile::rows(), Style::stderr());
        stderr::print(&table);
    }

    match run.format {
        Format::Json => stdout::print_json(&*record)?,
        Format::Human => stdout::print(&run_summary::render(&record, Style::stdout()))?,
    }
    for note in record.lock.iter().flat_map(|lock| &lock.notes) {
        verbosity.note(&format!("stage `{}` {}", note.stage, note.message));
    }
    let Some(error) = error else {
        if run.format == Format::Human {
            verbosity.next(&run.selection.command("report"));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let style = Style::stderr();
    for other in run_summary::other_failures(&record, &error) {
        diagnostic::eprint(&other, style);
    }
    Err(error)
}
