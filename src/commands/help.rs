//! `pipeline help`: a command's help, or the page of an error.

use std::process::ExitCode;

use clap::{Args, Command};

use crate::arguments::EXIT_CODES;
use crate::error_pages::{page, summary};
use crate::terminal::stdout;
use pipeline_error::{Code, Error};
use pipeline_recipe::nearest;

/// The topic that is no command.
const ERROR: &str = "error";

#[derive(Debug, Args)]
pub struct HelpArguments {
    /// A command, or `error` and names of errors; left out: the whole. `error` alone lists all errors
    #[arg(value_name = "TOPIC")]
    topic: Vec<String>,
}

/// What help is asked for.
pub enum Help {
    /// Of a command: the words after `pipeline`.
    Command(Vec<String>),
    /// Of errors, by name; none: of all.
    Errors(Vec<String>),
}

impl HelpArguments {
    /// What was asked for.
    pub fn topic(self) -> Help {
        match self.topic.split_first() {
            Some((first, names)) if first == ERROR => Help::Errors(names.to_vec()),
            _ => Help::Command(self.topic),
        }
    }
}

/// Fails if a word behind a command is none of its subcommands; clap would take it for an argument of the command.
pub fn check_subcommands(whole: &Command, words: &[String]) -> Result<(), Error> {
    let Some((first, rest)) = words.split_first() else {
        return Ok(());
    };
    // One that is not there is clap's own to tell of.
    let Some(mut command) = whole.find_subcommand(first) else {
        return Ok(());
    };
    for (position, word) in rest.iter().enumerate() {
        command = command.find_subcommand(word).ok_or_else(|| {
            let names = command.get_subcommands().map(Command::get_name);
            Error::Usage {
                message: format!("`{}` has no subcommand `{word}`", command.get_name()),
                hint: Some(match nearest(word, names) {
                    Some(near) => {
                        let before = words[..=position].join(" ");
                        format!("did you mean `pipeline help {before} {near}`?")
                    }
                    None => format!("`pipeline help {first}` shows all of it"),
                }),
            }
        })?;
    }
    Ok(())
}

/// Prints the pages of errors, or the list of all.
pub fn errors(names: &[String]) -> Result<ExitCode, Error> {
    let codes: Result<Vec<Code>, Error> = names.iter().map(|name| code(name)).collect();
    let text = match codes?.as_slice() {
        [] => list(),
        codes => {
            let pages: Vec<&str> = codes.iter().map(|code| page(*code)).collect();
            pages.join("\n")
        }
    };
    stdout::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn code(name: &str) -> Result<Code, Error> {
    Code::of_name(name).ok_or_else(|| {
        let names = Code::ALL.iter().map(|code| code.name());
        Error::Usage {
            message: format!("there is no error `{name}`"),
            hint: Some(match nearest(name, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`pipeline help error` lists all".into(),
            }),
        }
    })
}

/// Every error with a page, below what its exit code means.
fn list() -> String {
    let mut text = String::from("pipeline help error NAME… prints the pages of these errors.\n");
    let mut exit_code = None;
    for code in Code::ALL {
        if exit_code.replace(code.exit_code()) != Some(code.exit_code()) {
            let line = format!("\n  {:<5}", code.exit_code());
            let meaning = EXIT_CODES.split(&line).nth(1);
            let meaning = meaning.and_then(|rest| rest.lines().next());
            let meaning = meaning.unwrap_or_default();
            text += &format!("\nExit code {}: {meaning}\n", code.exit_code());
        }
        text += &format!("  {:<22}{}\n", code.name(), summary(*code));
    }
    text
}
