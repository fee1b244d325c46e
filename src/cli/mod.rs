//! The command line: raw arguments → validated arguments → one file a command → rendering.

mod arguments;
mod cache;
mod check;
mod compare;
mod completions;
mod device;
mod diagnose;
mod diagnostic;
mod display;
mod experiment;
mod explain;
mod export;
mod export_tensorboard;
mod graph;
mod inspect;
mod interrupt;
mod lock;
mod lock_file;
mod man;
mod mlflow;
mod outputs;
mod page;
mod plan;
mod report;
mod run;
mod runs;
mod schema;
mod size;
mod stdout;
mod style;
mod sweep;
mod terminal;
mod verbosity;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use style::Style;
use verbosity::Verbosity;

use crate::error::Error;

/// Parses the command line, does what it says, and returns the process's exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let result = arguments
        .verbosity
        .validate()
        .and_then(|verbosity| execute(arguments.command, verbosity));
    result.unwrap_or_else(|error| fail(&error))
}

fn execute(command: Command, verbosity: Verbosity) -> Result<ExitCode, Error> {
    match command {
        Command::Run(raw) => run::execute(raw.validate()?, verbosity),
        Command::Plan(raw) => plan::execute(raw.validate()?, verbosity),
        Command::Explain(raw) => raw.validate().and_then(explain::execute),
        Command::Graph(raw) => graph::execute(&raw),
        Command::Check(raw) => check::execute(&raw),
        Command::Outputs(raw) => raw.validate().and_then(outputs::execute),
        Command::Export(raw) => export::execute(raw.validate()?, verbosity),
        Command::Diagnose(raw) => diagnose::execute(raw.validate()?, verbosity),
        Command::Report(raw) => report::execute(raw.validate()?, verbosity),
        Command::Inspect(raw) => inspect::execute(&raw),
        Command::Sweep(raw) => sweep::execute(raw, verbosity),
        Command::Runs(raw) => runs::execute(&raw),
        Command::Mlflow(raw) => mlflow::execute(&raw, verbosity),
        Command::Compare(raw) => compare::execute(&raw),
        Command::Cache(raw) => cache::execute(&raw, verbosity),
        Command::Lock(raw) => lock::execute(raw.validate()?, verbosity),
        Command::Schema(raw) => schema::execute(&raw),
        Command::Completions(raw) => completions::execute(&raw),
        Command::Man(raw) => man::execute(&raw),
    }
}

/// Prints clap's own message: help and version are results, everything else is exit code 2.
fn refuse(error: &clap::Error) -> ExitCode {
    // A reader that closed the pipe has seen enough.
    let _ = error.print();
    match error.use_stderr() {
        true => ExitCode::from(2),
        false => ExitCode::SUCCESS,
    }
}

fn fail(error: &Error) -> ExitCode {
    diagnostic::eprint(error, Style::stderr());
    ExitCode::from(error.exit_code())
}
