//! `pipeline sweep RECIPE`: runs every variant.

use std::process::ExitCode;

use serde::Serialize;

use crate::arguments::{Format, Selection};
use crate::commands::sweep::{ladder, tell_of_repeated_draws};
use crate::display::progress::Progress;
use crate::display::{run_summary, sweep_table};
use crate::experiment::{revision_document, tell_of_exposure};
use crate::interrupt;
use crate::remote::RemoteArguments;
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use crate::terminal::{diagnostic, stdout};
use pipeline_error::Error;
use pipeline_kinds::SweepRecipe;
use pipeline_recipe::recipe_bytes;
use pipeline_runner::event::Event;
use pipeline_runner::sweep::record::{PlannedVariant, SweepRecord};
use pipeline_runner::{self as runner, Documents, RunOptions, RunOutcome};
use pipeline_store::{Store, rows};

/// Runs all variants; a failed one leaves the others alone, and the record goes to standard
/// output all the same.
pub fn execute(
    selection: &Selection,
    mut options: RunOptions,
    remote: &RemoteArguments,
    format: Format,
    verbosity: Verbosity,
) -> Result<ExitCode, Error> {
    let sweep = SweepRecipe::open(&selection.recipe, &selection.overrides)?;
    tell_of_exposure(&sweep.exposure, verbosity);
    tell_of_repeated_draws(&sweep, verbosity);
    let store = Store::open(&selection.store)?;
    options.private = sweep.exposure.holds_environment;
    options.remote = remote.open(sweep.remote.as_ref())?;
    options.continue_trainings = sweep.config.halving.is_some();
    let interrupted = interrupt::listen();
    let progress = Progress::stderr(verbosity);
    let mut runs = Vec::new();
    let mut failures: Vec<Error> = Vec::new();
    let mut objective = Ok(());
    let climbed = ladder::climb(&sweep, |batch| {
        let tell = |events: &[Event]| progress.show(events);
        let outcome = runner::run(
            &sweep.name,
            &batch.nodes,
            &options,
            &|| documents(selection, &batch.planned),
            &store,
            interrupted,
            &tell,
        )?;
        let RunOutcome { record, error } = outcome;
        let (show, found) = batch.ran(&record);
        let goes_on = !matches!(error, Some(Error::Interrupted | Error::Store { .. }));
        failures.extend(
            error
                .iter()
                .flat_map(|error| run_summary::other_failures(&record, error)),
        );
        failures.extend(error);
        objective = found;
        runs.push(record);
        Ok((show, goes_on && objective.is_ok()))
    })?;
    drop(progress);
    if let Some(problem) = climbed.show.cannot_be_ranked() {
        verbosity.note(&problem);
    }
    let record = SweepRecord::of(runs, climbed.show);
    match format {
        Format::Json => stdout::print_json(&record)?,
        Format::Human => stdout::print(&sweep_table::render_run(&record, Style::stdout()))?,
    }
    match failures.pop() {
        Some(last) => {
            for failure in &failures {
                diagnostic::eprint(failure, Style::stderr());
            }
            Err(last)
        }
        None => objective.map(|()| ExitCode::SUCCESS),
    }
}

/// What the run keeps: the recipe as it was given, and what the variants are.
pub fn documents(selection: &Selection, planned: &[PlannedVariant]) -> Result<Documents, Error> {
    let given = recipe_bytes(&selection.recipe);
    let given = given.map_err(|error| Error::file(&selection.recipe, error))?;
    let variants = VariantsDocument {
        variants: planned
            .iter()
            .map(|one| VariantEntry {
                name: &one.name,
                overrides: &one.overrides,
            })
            .collect(),
    };
    let mut text = Vec::new();
    rows::write(&mut text, &variants)
        .map_err(|error| Error::stage(format!("the variants cannot be recorded: {error}")))?;
    let mut documents = vec![("recipe.toml", given), ("variants.json", text)];
    documents.extend(revision_document(&selection.recipe));
    Ok(documents)
}

/// The document `runs/ID/variants.json`.
#[derive(Serialize)]
struct VariantsDocument<'a> {
    variants: Vec<VariantEntry<'a>>,
}

#[derive(Serialize)]
struct VariantEntry<'a> {
    name: &'a str,
    overrides: &'a std::collections::BTreeMap<String, serde_json::Value>,
}
