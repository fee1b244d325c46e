//! `pipeline lock`: writes down what a recipe gave.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::arguments::{ExperimentArguments, Format, Selection};
use crate::commands::outputs;
use crate::lock_file;
use crate::terminal::stdout;
use crate::terminal::verbosity::Verbosity;
use pipeline_error::Error;
use pipeline_error::listed::counted;
use pipeline_runner::{Lock, lock_of};

#[derive(Debug, Args)]
pub struct LockArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl LockArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Locking, Error> {
        Ok(Locking {
            selection: self.experiment.validate()?,
            format: self.format,
        })
    }
}

/// [`LockArguments`], validated.
pub struct Locking {
    selection: Selection,
    format: Format,
}

/// The document of `lock --format json`.
#[derive(Serialize)]
struct LockedRecord<'a> {
    path: String,
    lock: &'a Lock,
}

/// Writes the lock, if every stage is up to date; what was written into it by hand stays.
pub fn execute(locking: Locking, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let Locking { selection, format } = locking;
    let (experiment, store) = selection.open()?;
    experiment.tell_of_sweep(&selection, verbosity);
    let path = lock_file::path_for(&selection.recipe);
    let earlier = lock_file::read(&path)?;
    let options = selection.looking_at(vec![]);
    let mut lock = lock_of(&experiment.nodes, &options, &store)?.map_err(|missing| {
        let missing = missing.iter().map(String::as_str);
        outputs::out_of_date(missing, &selection, None)
    })?;
    if let Some(earlier) = earlier {
        for (stage, metric) in lock.keep_tolerances(&earlier) {
            verbosity.note(&format!(
                "dropped the tolerance of `{metric}`: `{stage}` has no such metric"
            ));
        }
    }
    let read = || experiment.files_read();
    lock_file::write(&path, &selection.recipe, read, &lock)?;
    match format {
        Format::Json => stdout::print_json(&LockedRecord {
            path: path.display().to_string(),
            lock: &lock,
        })?,
        Format::Human => {
            let stages = counted(lock.stages.len(), "stage");
            stdout::print(&format!("locked {stages} in {}\n", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The lock that `run --locked` needs.
pub fn require(selection: &Selection) -> Result<Lock, Error> {
    let path = lock_file::path_for(&selection.recipe);
    lock_file::read(&path)?.ok_or_else(|| Error::Usage {
        message: format!("{}: there is no such lock", path.display()),
        hint: Some(format!(
            "`{}` makes it from results that are up to date",
            selection.command("lock")
        )),
    })
}
