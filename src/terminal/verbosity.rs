//! How much is said on standard error; standard output is always the same.

use clap::Args;

use crate::terminal::stderr;
use crate::terminal::style::{Style, Tone};
use pipeline_error::Error;

/// After a command's own options in its help.
const LAST: usize = 900;

#[derive(Debug, Args)]
pub struct VerbosityArguments {
    /// Say nothing but results and errors
    #[arg(short, long, global = true, display_order = LAST)]
    quiet: bool,

    /// Say more on standard error: why and with what stages run, and what their programs print
    #[arg(short, long, global = true, display_order = LAST)]
    verbose: bool,
}

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors.
    Quiet,
    /// Also progress and notes.
    Normal,
    /// Also keys, reasons, threads, paths and what the programs of stages print.
    Verbose,
}

impl VerbosityArguments {
    /// Both at once are a contradiction, wherever on the command line they stand.
    pub fn validate(&self) -> Result<Verbosity, Error> {
        match (self.quiet, self.verbose) {
            (true, true) => Err(Error::Usage {
                message: "--quiet and --verbose contradict each other".into(),
                hint: Some("give one of them, or none".into()),
            }),
            (true, false) => Ok(Verbosity::Quiet),
            (false, true) => Ok(Verbosity::Verbose),
            (false, false) => Ok(Verbosity::Normal),
        }
    }
}

impl Verbosity {
    /// Tells the command that people go on with, unless nobody wants to hear it.
    pub fn next(self, command: &str) {
        if self != Verbosity::Quiet {
            let word = Style::stderr().paint(Tone::Strong, "next:");
            stderr::print(&format!("{word} {command}\n"));
        }
    }

    /// Tells something that is no error, unless nobody wants to hear it.
    pub fn note(self, line: &str) {
        if self != Verbosity::Quiet {
            let word = Style::stderr().paint(Tone::Strong, "note:");
            stderr::print(&format!("{word} {line}\n"));
        }
    }
}
