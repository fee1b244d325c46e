//! The command line as typed; what several commands share is validated here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::cache::CacheArguments;
use super::check::CheckArguments;
use super::compare::CompareArguments;
use super::completions::CompletionsArguments;
use super::device;
use super::diagnose::DiagnoseArguments;
use super::explain::ExplainArguments;
use super::export::{ExportArguments, USAGE};
use super::graph::GraphArguments;
use super::inspect::InspectArguments;
use super::lock::LockArguments;
use super::man::ManArguments;
use super::mlflow::MlflowArguments;
use super::outputs::OutputsArguments;
use super::plan::PlanArguments;
use super::report::ReportArguments;
use super::run::RunArguments;
use super::runs::RunsArguments;
use super::schema::SchemaArguments;
use super::sweep::SweepArguments;
use super::verbosity::VerbosityArguments;
use crate::error::Error;
use crate::recipe::Override;

/// The closed list of exit codes: part of the contract.
pub const EXIT_CODES: &str = "\
Exit codes:
  0    done
  2    the command line or a recipe is wrong; nothing ran
  3    a stage failed
  4    a weight import failed its audit
  5    out of date: something would have to run, or is not what the lock says
  6    the store is damaged
  130  interrupted; the same command resumes";

/// Runs pretrain → finetune experiments that a TOML recipe declares, and stops where others
/// would go on in silence: weights not loaded, parameters not frozen, gradients that never came.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, after_help = EXIT_CODES)]
pub struct Arguments {
    #[command(flatten)]
    pub verbosity: VerbosityArguments,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs what is out of date, with everything it needs
    #[command(after_help = EXIT_CODES)]
    Run(RunArguments),
    /// Shows what would run and why; executes nothing
    #[command(after_help = EXIT_CODES)]
    Plan(PlanArguments),
    /// Shows in what a stage differs from the nearest earlier result of its kind
    #[command(after_help = EXIT_CODES)]
    Explain(ExplainArguments),
    /// Draws the stages and what they read of each other
    #[command(after_help = EXIT_CODES)]
    Graph(GraphArguments),
    /// Reads recipes and shows every error in them
    #[command(after_help = EXIT_CODES)]
    Check(CheckArguments),
    /// Prints where up-to-date artifacts lie
    #[command(after_help = EXIT_CODES)]
    Outputs(OutputsArguments),
    /// Writes up-to-date artifacts to files: as they are, as the PyTorch reference loads weights, or as TensorBoard reads histories
    #[command(after_help = EXIT_CODES, override_usage = USAGE)]
    Export(ExportArguments),
    /// Looks for what is wrong with the finetuned models of a recipe that is up to date
    #[command(after_help = EXIT_CODES)]
    Diagnose(DiagnoseArguments),
    /// Writes what is up to date as a page to read: metrics, curves, training, weights, data, provenance
    #[command(after_help = EXIT_CODES)]
    Report(ReportArguments),
    /// Shows the tensors of a checkpoint, and what an import of it would say; runs nothing in it
    #[command(after_help = EXIT_CODES)]
    Inspect(InspectArguments),
    /// Runs every variant of a recipe with [sweep], what is equal once; shows and writes the best
    #[command(after_help = EXIT_CODES)]
    Sweep(SweepArguments),
    /// Lists the runs of the past, or shows one
    #[command(after_help = EXIT_CODES)]
    Runs(RunsArguments),
    /// Sends a run of the past to an MLflow tracking server
    #[command(after_help = EXIT_CODES)]
    Mlflow(MlflowArguments),
    /// Shows in what runs differ: their recipes, and their metrics with paired intervals
    #[command(after_help = EXIT_CODES)]
    Compare(CompareArguments),
    /// Lists, verifies and cleans the store
    #[command(after_help = EXIT_CODES)]
    Cache(CacheArguments),
    /// Writes down what an up-to-date recipe gave, for `run --locked`
    #[command(after_help = EXIT_CODES)]
    Lock(LockArguments),
    /// Prints the JSON schema of a document
    #[command(after_help = EXIT_CODES)]
    Schema(SchemaArguments),
    /// Prints a script that completes this command line in a shell
    #[command(after_help = EXIT_CODES)]
    Completions(CompletionsArguments),
    /// Prints a manual page, or writes one a command
    #[command(after_help = EXIT_CODES)]
    Man(ManArguments),
}

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

/// A recipe changed how, against which store, on which device.
#[derive(Debug, Args)]
pub struct SettingArguments {
    /// Set a value of the recipe, e.g. stages.classifier.optimizer.lr=3e-4; repeatable
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<Override>,

    /// Where results are kept
    #[arg(
        long,
        value_name = "DIR",
        env = "PIPELINE_STORE",
        default_value = ".pipeline"
    )]
    pub store: PathBuf,

    /// cpu, or cuda:N for an NVIDIA GPU
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
            store: self.store,
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
    /// Where tensors live: `cpu` or `cuda:N`.
    pub device: String,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_exit_code_is_documented() {
        let errors = [
            Error::Usage {
                message: String::new(),
                hint: None,
            },
            Error::stage(""),
            Error::Audit {
                message: String::new(),
                hint: None,
            },
            Error::OutOfDate {
                message: String::new(),
            },
            Error::Store {
                message: String::new(),
                hint: None,
            },
            Error::Interrupted,
        ];
        for error in errors {
            let line = format!("\n  {:<5}", error.exit_code());
            assert!(EXIT_CODES.contains(&line), "{}", error.exit_code());
        }
    }
}
