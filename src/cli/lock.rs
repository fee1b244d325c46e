//! `pipeline lock`: writes down what a recipe gave.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::arguments::{ExperimentArguments, Selection};
use super::style::{Style, Tone};
use super::{lock_file, outputs, stdout};
use crate::error::Error;
use crate::exec::Lock;

#[derive(Debug, Args)]
pub struct LockArguments {
    #[command(flatten)]
    experiment: ExperimentArguments,
}

impl LockArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Selection, Error> {
        self.experiment.validate()
    }
}

/// Writes the lock, if every stage is up to date; what was written into it by hand stays.
pub fn execute(selection: Selection) -> Result<ExitCode, Error> {
    let (experiment, store) = selection.open()?;
    let path = lock_file::path_for(&selection.recipe);
    let earlier = lock_file::read(&path)?;
    let options = selection.looking_at(vec![]);
    let mut lock = Lock::of(&experiment.nodes, &options, &store)?.map_err(|missing| {
        let missing = missing.iter().map(String::as_str);
        outputs::out_of_date(missing, &selection, None)
    })?;
    if let Some(earlier) = earlier {
        let note = Style::stderr().paint(Tone::Strong, "note:");
        for (stage, metric) in lock.keep_tolerances(&earlier) {
            eprintln!("{note} dropped the tolerance of `{metric}`: `{stage}` has no such metric");
        }
    }
    lock_file::write(&path, &selection.recipe, &lock)?;
    let count = lock.stages.len();
    stdout::print(&format!("locked {count} stages in {}\n", path.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// The lock that `run --locked` needs.
pub fn require(recipe: &Path) -> Result<Lock, Error> {
    let path = lock_file::path_for(recipe);
    lock_file::read(&path)?.ok_or_else(|| Error::Usage {
        message: format!("{}: there is no such lock", path.display()),
        hint: Some(format!(
            "`pipeline lock {}` makes it from results that are up to date",
            recipe.display()
        )),
    })
}
