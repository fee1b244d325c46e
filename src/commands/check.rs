//! `pipeline check`: every error of every recipe, nothing executed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::arguments::Format;
use crate::commands::sweep::batch::Batch;
use crate::experiment::tell_of_exposure;
use crate::terminal::diagnostic::{self, ErrorRecord};
use crate::terminal::stdout;
use crate::terminal::style::{Style, Tone};
use crate::terminal::verbosity::Verbosity;
use pipeline_error::Error;
use pipeline_error::listed::counted;
use pipeline_kinds as kinds;
use pipeline_kinds::SweepRecipe;
use pipeline_recipe::{Override, Resolved, ResolvedValue};

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The recipes, TOML files
    #[arg(required = true)]
    recipes: Vec<PathBuf>,

    /// Print every value as it will run, with defaults and origins
    #[arg(long)]
    resolved: bool,

    /// Set a value of the recipes, e.g. stages.classifier.optimizer.lr=3e-4; repeatable
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<Override>,

    /// How the result is written to standard output
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// The document of `check --format json`.
#[derive(Debug, Serialize)]
struct CheckRecord {
    recipes: Vec<RecipeRecord>,
}

/// What was found in one recipe.
#[derive(Debug, Serialize)]
struct RecipeRecord {
    path: String,
    ok: bool,
    /// The recipe's name, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipe: Option<String>,
    /// Names of its nodes, if it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    stages: Option<Vec<String>>,
    /// Names of its variants, if it is a sweep and could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    variants: Option<Vec<String>>,
    /// What its largest model takes, in words, if it has one.
    #[serde(skip)]
    memory: Option<String>,
    /// Every value, if it was asked for and could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved: Option<Vec<ResolvedValue>>,
    errors: Vec<ErrorRecord>,
}

/// Exit code 0 if all recipes are good, else that of the first bad one.
pub fn execute(arguments: &CheckArguments, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let mut record = CheckRecord { recipes: vec![] };
    let mut code = ExitCode::SUCCESS;
    let mut is_good = true;
    for path in &arguments.recipes {
        let (recipe, resolved, error) = check(path, arguments, verbosity);
        if let Some(error) = error {
            diagnostic::eprint(&error, Style::stderr());
            if is_good {
                code = ExitCode::from(error.exit_code());
            }
            is_good = false;
        } else if arguments.format == Format::Human {
            stdout::print(&match resolved {
                Some(resolved) => resolved.to_string(),
                None => line(&recipe, Style::stdout()),
            })?;
        }
        record.recipes.push(recipe);
    }
    if arguments.format == Format::Json {
        stdout::print_json(&record)?;
    }
    Ok(code)
}

fn check(
    path: &Path,
    arguments: &CheckArguments,
    verbosity: Verbosity,
) -> (RecipeRecord, Option<Resolved>, Option<Error>) {
    let mut record = RecipeRecord {
        path: path.display().to_string(),
        ok: false,
        recipe: None,
        stages: None,
        variants: None,
        memory: None,
        resolved: None,
        errors: vec![],
    };
    let read = match arguments.resolved {
        true => kinds::resolve(path, &arguments.set).map(|(recipe, all)| (recipe, Some(all))),
        false => kinds::load(path, &arguments.set).map(|recipe| (recipe, None)),
    };
    let read = read.and_then(|read| {
        if read.0.has_sweep {
            let sweep = SweepRecipe::open(path, &arguments.set)?;
            let points = sweep.points()?;
            sweep.check_later_rungs(&points)?;
            let batch = Batch::of(&sweep, sweep.variants(points)?)?;
            record.variants = Some(batch.planned.into_iter().map(|one| one.name).collect());
        }
        Ok(read)
    });
    match read {
        Ok((recipe, resolved)) => {
            tell_of_exposure(&recipe.exposure, verbosity);
            record.memory = recipe.memory();
            let names = kinds::nodes_of(&recipe).into_iter().map(|node| node.name);
            record.ok = true;
            record.stages = Some(names.collect());
            record.recipe = Some(recipe.name);
            record.resolved = resolved.as_ref().map(|resolved| resolved.values.clone());
            (record, resolved, None)
        }
        Err(error) => {
            record.errors = diagnostic::records(&error);
            (record, None, Some(error))
        }
    }
}

fn line(record: &RecipeRecord, style: Style) -> String {
    let stages = record.stages.as_deref().unwrap_or_default();
    let variants = match &record.variants {
        Some(variants) => format!(", {} variants", variants.len()),
        None => String::new(),
    };
    let memory = record.memory.iter();
    let memory: String = memory.map(|line| format!("{line}\n")).collect();
    format!(
        "{} {}: {}{variants}, {}: {}\n{memory}",
        style.paint(Tone::Good, "ok"),
        record.path,
        record.recipe.as_deref().unwrap_or_default(),
        counted(stages.len(), "stage"),
        stages.join(", "),
    )
}
