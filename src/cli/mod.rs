//! The command line: raw arguments → validated arguments → one file a command → rendering.

mod arguments;
mod cache;
mod check;
mod completions;
mod device;
mod diagnostic;
mod display;
mod experiment;
mod explain;
mod export;
mod graph;
mod interrupt;
mod lock;
mod lock_file;
mod outputs;
mod plan;
mod run;
mod runs;
mod schema;
mod stdout;
mod style;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use style::Style;

use crate::error::Error;

/// Parses the command line, does what it says, and returns the process's exit code.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return refuse(&error),
    };
    let result = match arguments.command {
        Command::Run(raw) => raw.validate().and_then(run::execute),
        Command::Plan(raw) => raw.validate().and_then(plan::execute),
        Command::Explain(raw) => raw.validate().and_then(explain::execute),
        Command::Graph(raw) => graph::execute(&raw),
        Command::Check(raw) => check::execute(&raw),
        Command::Outputs(raw) => raw.validate().and_then(outputs::execute),
        Command::Export(raw) => raw.validate().and_then(export::execute),
        Command::Runs(raw) => runs::execute(&raw),
        Command::Cache(raw) => cache::execute(&raw),
        Command::Lock(raw) => raw.validate().and_then(lock::execute),
        Command::Schema(raw) => schema::execute(&raw),
        Command::Completions(raw) => completions::execute(&raw),
    };
    result.unwrap_or_else(|error| fail(&error))
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
