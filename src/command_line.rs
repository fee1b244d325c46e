//! The whole command line: every command there is, and which file does what it says.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::commands::bundle::BundleArguments;
use crate::commands::cache::CacheArguments;
use crate::commands::cancel::CancelArguments;
use crate::commands::check::CheckArguments;
use crate::commands::compare::CompareArguments;
use crate::commands::completions::CompletionsArguments;
use crate::commands::diagnose::DiagnoseArguments;
use crate::commands::explain::ExplainArguments;
use crate::commands::export::{ExportArguments, USAGE};
use crate::commands::graph::GraphArguments;
use crate::commands::help::{Help, HelpArguments};
use crate::commands::init::InitArguments;
use crate::commands::inspect::InspectArguments;
use crate::commands::lock::LockArguments;
use crate::commands::man::ManArguments;
use crate::commands::mlflow::MlflowArguments;
use crate::commands::outputs::OutputsArguments;
use crate::commands::plan::PlanArguments;
use crate::commands::predict::PredictArguments;
use crate::commands::report::ReportArguments;
use crate::commands::run::RunArguments;
use crate::commands::runs::RunsArguments;
use crate::commands::schema::SchemaArguments;
use crate::commands::selftest::SelftestArguments;
use crate::commands::submit::SubmitArguments;
use crate::commands::sweep::SweepArguments;
use crate::commands::watch::WatchArguments;
use crate::commands::worker::WorkerArguments;
use crate::commands::{
    bundle, cache, cancel, check, compare, completions, diagnose, explain, export, graph, help,
    init, inspect, lock, man, mlflow, outputs, plan, predict, report, run, runs, schema, selftest,
    submit, sweep, watch, worker,
};
use crate::examples;
use crate::fault;
use crate::processor;
use crate::terminal::shown::shown;
use crate::terminal::style::Style;
use crate::terminal::verbosity::{Verbosity, VerbosityArguments};
use crate::terminal::{diagnostic, stderr, stdout};
use pipeline_error::Error;

/// Options whose values the environment may have.
const VARIABLES: [(&str, &str); 2] = [
    ("--store", "PIPELINE_STORE"),
    ("--cluster", "PIPELINE_CLUSTER"),
];

/// Runs pretrain → finetune experiments that a TOML recipe declares, and stops where other
/// tools go on in silence: weights not loaded, parameters not frozen, gradients that never came.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, disable_help_subcommand = true)]
pub struct Arguments {
    #[command(flatten)]
    pub verbosity: VerbosityArguments,

    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Writes a first recipe: for a folder of data, or from a template
    Init(InitArguments),
    /// Runs the stages that are out of date, with their dependencies
    Run(RunArguments),
    /// Shows which stages would run, and why; executes nothing
    Plan(PlanArguments),
    /// Shows the differences of a stage from the nearest earlier result of its kind
    Explain(ExplainArguments),
    /// Draws the stages and their dependencies
    Graph(GraphArguments),
    /// Reads recipes and shows every error in them
    Check(CheckArguments),
    /// Prints the paths of up-to-date artifacts
    Outputs(OutputsArguments),
    /// Writes up-to-date artifacts to files: as they are, as the PyTorch reference loads weights, or as TensorBoard reads histories
    #[command(override_usage = USAGE)]
    Export(ExportArguments),
    /// Makes a folder with everything that a prediction needs: models, preprocessing, thresholds, model card
    Bundle(BundleArguments),
    /// Predicts the stays of a source with a bundle; no recipe and no store is needed
    Predict(PredictArguments),
    /// Looks for faults of the finetuned models of a recipe that is up to date
    Diagnose(DiagnoseArguments),
    /// Writes the results that are up to date as one page: metrics, curves, training, weights, data, provenance
    Report(ReportArguments),
    /// Shows the tensors of a checkpoint, and the verdict of an import; runs no code in it
    Inspect(InspectArguments),
    /// Runs every variant of a recipe with [sweep], equal stages once; shows and writes the best
    Sweep(SweepArguments),
    /// Submits the stages that are out of date as Slurm jobs, or continues such a submission
    Submit(SubmitArguments),
    /// Shows the state of a submitted run's stages until all have ended, or serves a page of any run; can be left at any time
    Watch(WatchArguments),
    /// Takes the jobs of a submitted run out of the queue
    Cancel(CancelArguments),
    /// Runs the stages of one task, inside its job: for the scripts that `submit` writes
    #[command(hide = true)]
    Worker(WorkerArguments),
    /// Lists earlier runs, or shows one
    Runs(RunsArguments),
    /// Sends an earlier run to an MLflow tracking server
    Mlflow(MlflowArguments),
    /// Shows the differences of runs: their recipes, and their metrics with paired intervals
    Compare(CompareArguments),
    /// Lists, verifies and cleans the store, and shares it through a remote cache
    Cache(CacheArguments),
    /// Writes down the results of an up-to-date recipe, for `run --locked`
    Lock(LockArguments),
    /// Compares a device with the CPU: every operation, the reference's numbers, a small training
    Selftest(SelftestArguments),
    /// Prints the JSON schema of a document
    Schema(SchemaArguments),
    /// Prints a script that completes this command line in a shell
    Completions(CompletionsArguments),
    /// Prints a manual page, or writes one for each command
    Man(ManArguments),
    /// Prints a command's help, or the page of an error
    Help(HelpArguments),
}

/// The whole command line, as it is parsed and as every help shows it.
pub fn command() -> clap::Command {
    examples::added(Arguments::command())
}

/// Parses the command line, does what it says, and returns the process's exit code.
pub fn main() -> ExitCode {
    let matches = command().try_get_matches();
    let read = |matches| Arguments::from_arg_matches(&matches);
    let arguments = match matches.and_then(read) {
        Ok(arguments) => arguments,
        Err(error) => {
            return empty_variable(&error).map_or_else(|| refuse(&error), |told| fail(&told));
        }
    };
    let program = || {
        let verbosity = arguments.verbosity.validate()?;
        pipeline_error::memory::check()?;
        execute(arguments.command, verbosity)
    };
    fault::guard(program, fail)
}

fn execute(command: Command, verbosity: Verbosity) -> Result<ExitCode, Error> {
    if let Command::Run(_) | Command::Sweep(_) | Command::Predict(_) | Command::Worker(_) = command
    {
        processor::tell(verbosity);
    }
    match command {
        Command::Init(raw) => init::execute(&raw, verbosity),
        Command::Run(raw) => run::execute(raw.validate()?, verbosity),
        Command::Plan(raw) => plan::execute(raw.validate()?, verbosity),
        Command::Explain(raw) => raw.validate().and_then(explain::execute),
        Command::Graph(raw) => graph::execute(&raw),
        Command::Check(raw) => check::execute(&raw, verbosity),
        Command::Outputs(raw) => raw.validate().and_then(outputs::execute),
        Command::Export(raw) => export::execute(raw.validate()?, verbosity),
        Command::Bundle(raw) => bundle::execute(&raw.validate()?),
        Command::Predict(raw) => predict::execute(&raw.validate()?, verbosity),
        Command::Diagnose(raw) => diagnose::execute(raw.validate()?, verbosity),
        Command::Report(raw) => report::execute(raw.validate()?, verbosity),
        Command::Inspect(raw) => inspect::execute(&raw),
        Command::Sweep(raw) => sweep::execute(raw, verbosity),
        Command::Submit(raw) => submit::execute(raw, verbosity),
        Command::Watch(raw) => watch::execute(&raw, verbosity),
        Command::Cancel(raw) => cancel::execute(&raw, verbosity),
        Command::Worker(raw) => worker::execute(&raw, verbosity),
        Command::Runs(raw) => runs::execute(&raw),
        Command::Mlflow(raw) => mlflow::execute(&raw, verbosity),
        Command::Compare(raw) => compare::execute(&raw),
        Command::Cache(raw) => cache::execute(raw, verbosity),
        Command::Lock(raw) => lock::execute(raw.validate()?, verbosity),
        Command::Selftest(raw) => selftest::execute(raw),
        Command::Schema(raw) => schema::execute(&raw),
        Command::Completions(raw) => completions::execute(&raw, &mut self::command()),
        Command::Man(raw) => man::execute(&raw, self::command()),
        Command::Help(raw) => match raw.topic() {
            Help::Errors(names) => help::errors(&names),
            Help::Command(words) => help_of(&words),
        },
    }
}

/// What `--help` behind the words of a command prints.
fn help_of(words: &[String]) -> Result<ExitCode, Error> {
    help::check_subcommands(&self::command(), words)?;
    let words = words.iter().map(String::as_str);
    let line = ["pipeline"].into_iter().chain(words).chain(["--help"]);
    Ok(match command().try_get_matches_from(line) {
        Err(help) => refuse(&help),
        Ok(_) => ExitCode::SUCCESS,
    })
}

/// What is wrong if an option has no value because its variable of the environment is empty.
fn empty_variable(error: &clap::Error) -> Option<Error> {
    let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let flag = option.split(' ').next()?;
    let variable = VARIABLES.iter().find(|(of, _)| *of == flag)?.1;
    let is_given = |word: OsString| word.to_string_lossy().starts_with(flag);
    let is_empty = std::env::var_os(variable).is_some_and(|value| value.is_empty());
    (is_empty && !std::env::args_os().any(is_given)).then(|| Error::Usage {
        message: format!("the environment variable {variable} is empty"),
        hint: Some(format!("give it a value, or `unset {variable}`")),
    })
}

/// Prints clap's own message: help and version are results, everything else is exit code 2.
fn refuse(error: &clap::Error) -> ExitCode {
    // It quotes arguments, which a script may have from anywhere.
    let text = error.render().to_string();
    let printed = match shown(&text) {
        Cow::Borrowed(_) => error.print().and_then(|()| std::io::stdout().flush()),
        Cow::Owned(_) => {
            stderr::print(&text);
            Ok(())
        }
    };
    match (error.use_stderr(), printed.or_else(stdout::unless_unread)) {
        (true, _) => ExitCode::from(2),
        (false, Ok(())) => ExitCode::SUCCESS,
        (false, Err(error)) => fail(&error),
    }
}

fn fail(error: &Error) -> ExitCode {
    diagnostic::eprint(error, Style::stderr());
    ExitCode::from(error.exit_code())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::EXIT_CODES;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
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
            Error::fault(""),
            Error::Interrupted,
        ];
        for error in errors {
            let line = format!("\n  {:<5}", error.exit_code());
            assert!(EXIT_CODES.contains(&line), "{}", error.exit_code());
        }
    }
}
