//! `pipeline init`: a first recipe, with everything that was guessed marked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde::Serialize;

use crate::arguments::Format;
use crate::terminal::stdout;
use crate::terminal::verbosity::Verbosity;
use pipeline_error::Error;
use pipeline_error::pasted::shell_word;
use pipeline_init::project::{self, Written};
use pipeline_init::{Draft, Guess, Looking, Template, look};
use pipeline_kinds as kinds;

/// The recipe's file.
const RECIPE: &str = "recipe.toml";

#[derive(Debug, Args)]
pub struct InitArguments {
    /// The folder of the experiment; made if it does not exist
    #[arg(default_value = ".")]
    folder: PathBuf,

    /// A folder of data, or a table, to write a recipe for
    #[arg(long, value_name = "PATH", conflicts_with = "template")]
    from: Option<PathBuf>,

    /// The label in the data: a column, or the name of a task (MEDS) [default: the likeliest]
    #[arg(long, value_name = "NAME", requires = "from")]
    label: Option<String>,

    /// Start from a recipe that does not depend on data
    #[arg(long, value_name = "NAME", default_value = "synthetic", value_parser = PossibleValuesParser::new(Template::names()))]
    template: String,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// The document of `init --format json`.
#[derive(Debug, Serialize)]
struct InitRecord {
    /// The recipe that was written.
    recipe: String,
    /// All files that were written, the recipe first.
    written: Vec<String>,
    /// Files that were there already, or do not belong there, and why.
    kept: Vec<KeptFile>,
    /// The layout of the data, as `source.format` has it; none for a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    /// What the data do not state: marked in the recipe, too.
    guesses: Vec<Guess>,
    /// What was seen and left alone.
    notes: Vec<String>,
}

/// A file that was not written.
#[derive(Debug, Serialize)]
struct KeptFile {
    path: String,
    why: String,
}

/// Writes the files, all or none.
pub fn execute(arguments: &InitArguments, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let looking = Looking {
        label: arguments.label.as_deref(),
    };
    let draft = arguments.from.as_deref().map(|data| look(data, looking));
    let draft = draft.transpose()?;
    let folder = &arguments.folder;
    fs::create_dir_all(folder).map_err(|error| Error::Usage {
        message: format!("{}: {error}", folder.display()),
        hint: None,
    })?;
    let files = match (&draft, &arguments.from) {
        (Some(draft), Some(data)) => vec![(RECIPE.to_string(), recipe_for(draft, folder, data)?)],
        _ => Template::of(&arguments.template).map_or_else(Vec::new, Template::files),
    };
    let made = project::write(folder, &files, env!("CARGO_PKG_VERSION"))?;
    let recipe = folder.join(RECIPE);
    // A template may name data that are still to come.
    if draft.is_some()
        && let Err(error) = kinds::load(&recipe, &[])
    {
        project::undo(&made);
        return Err(error);
    }
    let record = record(recipe, made, draft);
    for note in &record.notes {
        verbosity.note(note);
    }
    match arguments.format {
        Format::Human => stdout::print(&text(&record))?,
        Format::Json => stdout::print_json(&record)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The recipe for data, which lie where they lie.
fn recipe_for(draft: &Draft, folder: &Path, data: &Path) -> Result<String, Error> {
    let root = match data.is_dir() {
        true => data,
        false => data.parent().unwrap_or(Path::new("")),
    };
    let way = project::way(folder, root)?;
    let name = folder.canonicalize().ok();
    let name = name.as_deref().and_then(Path::file_name);
    let name = name.map_or("recipe".into(), |name| name.to_string_lossy().into_owned());
    Ok(draft.recipe(&name, &way))
}

fn record(recipe: PathBuf, made: Written, draft: Option<Draft>) -> InitRecord {
    let shown = |path: &PathBuf| path.display().to_string();
    let kept = made.kept.into_iter().map(|(path, why)| KeptFile {
        path: shown(&path),
        why,
    });
    InitRecord {
        recipe: shown(&recipe),
        written: made.written.iter().map(shown).collect(),
        kept: kept.collect(),
        source: draft.as_ref().map(|draft| draft.format),
        guesses: draft.as_ref().map(Draft::guesses).unwrap_or_default(),
        notes: draft.map(|draft| draft.notes).unwrap_or_default(),
    }
}

fn text(record: &InitRecord) -> String {
    let mut text = String::new();
    for path in &record.written {
        text += &format!("wrote {path}\n");
    }
    for KeptFile { path, why } in &record.kept {
        text += &format!("left  {path}: {why}\n");
    }
    let recipe = &record.recipe;
    if let Some(source) = record.source {
        text += &format!(
            "\nThe data are `{source}`. These settings are guesses, marked in {recipe}:\n"
        );
    }
    for Guess {
        setting,
        value,
        why,
    } in &record.guesses
    {
        text += &format!("  {setting} = {value}\n    {why}\n");
    }
    let recipe = shell_word(recipe);
    text += &format!(
        "\nNext:\n  \
         pipeline run {recipe}\n  \
         pipeline lock {recipe}    writes recipe.lock beside it: commit both, and CI holds every run to it\n"
    );
    text
}
