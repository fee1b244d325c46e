//! Arguments that several commands share, as typed and as validated.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::device;
use pipeline_error::Error;
use pipeline_error::pasted::shell_line;
use pipeline_recipe::Override;
use pipeline_store::Store;

/// The closed list of exit codes: part of the contract.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  2    the command line or a recipe is wrong; nothing ran
  3    a stage failed
  4    a weight import failed its audit
  5    out of date: something would have to run, or is not what the lock says
  6    the store is damaged
  70   the program has a fault: it panicked, and wrote a report
  130  stopped by Ctrl-C, TERM, USR1, USR2 or HUP; the same command goes on from there";

/// How results are written to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text for people
    Human,
    /// Exactly one JSON document
    Json,
}

/// Which recipe, changed how, against which store, on which device.
#[derive(Debug, Args)]
pub struct ExperimentArguments {
    /// The recipe, a TOML file
    pub recipe: PathBuf,

    #[command(flatten)]
    pub with: SettingArguments,
}

/// Which store.
#[derive(Debug, Args)]
pub struct StoreArguments {
    /// Where results are kept
    #[arg(
        long,
        value_name = "DIR",
        env = "PIPELINE_STORE",
        default_value = ".pipeline"
    )]
    pub store: PathBuf,
}

impl StoreArguments {
    /// The store there.
    pub fn open(&self) -> Result<Store, Error> {
        Store::open(&self.store)
    }
}

/// A recipe changed how, against which store, on which device.
#[derive(Debug, Args)]
pub struct SettingArguments {
    /// Set a value of the recipe, e.g. stages.classifier.optimizer.lr=3e-4; repeatable
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<Override>,

    #[command(flatten)]
    pub store: StoreArguments,

    /// cpu, or cuda:N for an NVIDIA GPU; several with commas between: stages run beside one another, one on each
    #[arg(long, default_value = "cpu")]
    pub device: String,
}

impl ExperimentArguments {
    /// Checks what can be checked without reading a file.
    pub fn validate(self) -> Result<Selection, Error> {
        self.with.of(self.recipe)
    }
}

impl SettingArguments {
    /// Checks what can be checked without reading a file.
    pub fn of(self, recipe: PathBuf) -> Result<Selection, Error> {
        Ok(Selection {
            recipe,
            overrides: self.set,
            store: self.store.store,
            device: device::validate(self.device)?,
        })
    }
}

/// [`ExperimentArguments`], validated.
#[derive(Debug)]
pub struct Selection {
    /// The recipe's file.
    pub recipe: PathBuf,
    /// Changes to it, in order.
    pub overrides: Vec<Override>,
    /// The store's root.
    pub store: PathBuf,
    /// Where tensors live: `cpu`, or `cuda:N` of one or several GPUs with commas between.
    pub device: String,
}

/// A number of threads. More than any machine has would only keep this one busy with them.
pub fn threads(text: &str) -> Result<NonZeroUsize, String> {
    const MOST: usize = 1024;
    let number: NonZeroUsize = text.parse().map_err(|error| format!("{error}"))?;
    match number.get() > MOST {
        true => Err(format!("at most {MOST} threads")),
        false => Ok(number),
    }
}

impl Selection {
    /// The command line of `pipeline NAME` on the same recipe, store and device, as a shell reads it.
    pub fn command(&self, name: &str) -> String {
        self.command_on(name, &[])
    }

    /// As [`Self::command`], on these stages.
    pub fn command_on(&self, name: &str, stages: &[&str]) -> String {
        let mut words = vec!["pipeline".to_string(), name.to_string()];
        words.push(self.recipe.display().to_string());
        words.extend(stages.iter().map(|stage| stage.to_string()));
        for change in &self.overrides {
            words.extend(["--set".to_string(), change.text().to_string()]);
        }
        let is_known = std::env::var_os("PIPELINE_STORE").is_some_and(|store| self.store == store);
        if !is_known && self.store != Path::new(".pipeline") {
            words.extend(["--store".to_string(), self.store.display().to_string()]);
        }
        if self.device != "cpu" {
            words.extend(["--device".to_string(), self.device.clone()]);
        }
        shell_line(&words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_pasted_into_a_shell() {
        let selection = Selection {
            recipe: "it's.toml".into(),
            overrides: vec!["stages.a.x=[1, 2]".parse().unwrap()],
            store: "elsewhere".into(),
            device: "cuda:0".into(),
        };
        assert_eq!(
            selection.command("report"),
            r"pipeline report 'it'\''s.toml' --set 'stages.a.x=[1, 2]' --store elsewhere --device cuda:0"
        );
    }
}
