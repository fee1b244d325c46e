//! `pipeline man`: manual pages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::arguments::EXIT_CODES;
use crate::examples;
use crate::terminal::{page, stdout};
use pipeline_error::Error;

/// Variables of the environment that pipeline looks at.
const ENVIRONMENT: [(&str, &str); 6] = [
    (
        "PIPELINE_STORE",
        "The store, where --store does not name it.",
    ),
    (
        "NAME",
        "Any variable that a recipe takes a value from with ${env:NAME} or ${env:NAME:-default}.",
    ),
    ("NO_COLOR", "Any value but the empty one: no colour."),
    (
        "CLICOLOR_FORCE, FORCE_COLOR",
        "Any value but the empty one and 0: colour also where there is no terminal. CLICOLOR=0 \
         means none on a terminal.",
    ),
    (
        "COLUMNS",
        "The width that tables keep to on a terminal, where it is not the terminal's own.",
    ),
    (
        "TERM",
        "dumb: no colour and no live lines; progress is told line by line.",
    ),
];

/// Files that pipeline reads and writes.
const FILES: [(&str, &str); 6] = [
    ("NAME.toml", "A recipe."),
    (
        "NAME.lock",
        "Beside the recipe: what it gave, for run --locked. Written by lock.",
    ),
    (
        ".pipeline/",
        "The store, in the current folder unless another is named.",
    ),
    (
        ".pipeline/actions/v1/KEY.json",
        "What a stage depended on and what it gave.",
    ),
    (
        ".pipeline/blobs/v1/",
        "The contents of artifacts, by their digests.",
    ),
    (
        ".pipeline/runs/ID/",
        "The record of a run: recipe, environment, plan, events, summary.",
    ),
];

#[derive(Debug, Args)]
pub struct ManArguments {
    /// Write pipeline.1 and a page for each command into this folder [default: print pipeline(1)]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Prints the page of the whole, or writes all pages.
pub fn execute(arguments: &ManArguments, command: Command) -> Result<ExitCode, Error> {
    let mut whole = command.disable_help_subcommand(true);
    whole.build();
    let Some(folder) = &arguments.folder else {
        let page =
            page_of(&whole).map_err(|error| Error::stage(format!("manual page: {error}")))?;
        stdout::print(&String::from_utf8_lossy(&page))?;
        return Ok(ExitCode::SUCCESS);
    };
    fs::create_dir_all(folder).map_err(|error| refused(folder, &error))?;
    let written = write(&whole, folder)?;
    let lines = written.iter().map(|path| format!("{}\n", path.display()));
    stdout::print(&lines.collect::<String>())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the pages of a command and of all below it, and returns where they are.
fn write(command: &Command, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let path = folder.join(format!("{}.1", page_name(command)));
    let text = page_of(command).map_err(|error| refused(&path, &error))?;
    let path = page::replace(&path, true, Vec::new, &text)?;
    let mut written = vec![path];
    for subcommand in (command.get_subcommands()).filter(|inner| !inner.is_hide_set()) {
        written.extend(write(subcommand, folder)?);
    }
    Ok(written)
}

fn refused(path: &Path, error: &std::io::Error) -> Error {
    Error::Usage {
        message: format!("{}: cannot be written: {error}", path.display()),
        hint: None,
    }
}

/// `pipeline`, `pipeline-run`, `pipeline-cache-gc`.
fn page_name(command: &Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

fn page_of(command: &Command) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    let source = concat!("pipeline ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).source(source);
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    let path = page_name(command).split_once('-');
    let path = path.map_or(String::new(), |(_, rest)| rest.replace('-', " "));
    section("EXAMPLES", examples::of(&path), &mut page)?;
    let is_whole = page_name(command) == command.get_name();
    section("EXIT STATUS", &exit_codes(), &mut page)?;
    section("ENVIRONMENT", &ENVIRONMENT, &mut page)?;
    section("FILES", &FILES, &mut page)?;
    if !is_whole {
        let mut roff = Roff::new();
        roff.control("SH", ["SEE ALSO"]);
        roff.text([bold("pipeline"), roman("(1)")]);
        roff.to_writer(&mut page)?;
    }
    Ok(page)
}

/// The codes and what they mean, out of the text that every help ends with.
fn exit_codes() -> Vec<(&'static str, &'static str)> {
    let lines = EXIT_CODES.lines().skip(1);
    let pairs = lines.filter_map(|line| line.trim().split_once(' '));
    pairs
        .map(|(code, meaning)| (code, meaning.trim()))
        .collect()
}

fn section(title: &str, entries: &[(&str, &str)], page: &mut Vec<u8>) -> std::io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", [title]);
    for (name, meaning) in entries {
        roff.control("TP", []);
        roff.text([bold(*name)]);
        roff.text([roman(*meaning)]);
    }
    roff.to_writer(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_has_a_meaning() {
        let codes: Vec<&str> = exit_codes().iter().map(|(code, _)| *code).collect();
        assert_eq!(codes, ["0", "2", "3", "4", "5", "6", "70", "130"]);
        assert!(exit_codes().iter().all(|(_, meaning)| meaning.len() > 3));
    }
}
