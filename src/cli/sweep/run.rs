//! `pipeline sweep RECIPE`: runs every variant.

use std::fs;
use std::process::ExitCode;

use serde::Serialize;

use super::batch::Batch;
use crate::cli::arguments::{Format, Selection};
use crate::cli::display::progress::Progress;
use crate::cli::display::{run_summary, sweep_table};
use crate::cli::style::Style;
use crate::cli::verbosity::Verbosity;
use crate::cli::{diagnostic, interrupt, stdout};
use crate::error::Error;
use crate::exec::sweep::record::{PlannedVariant, SweepRecord};
use crate::exec::{self, RunOptions, RunOutcome};
use crate::recipe::SweepRecipe;
use crate::store::{Store, rows};

/// Runs all variants; a failed one leaves the others alone, and the record goes to standard
/// output all the same.
pub fn execute(
    selection: &Selection,
    mut options: RunOptions,
    format: Format,
    verbosity: Verbosity,
) -> Result<ExitCode, Error> {
    let sweep = SweepRecipe::open(&selection.recipe, &selection.overrides)?;
    let batch = Batch::of_space(&sweep)?;
    let store = Store::open(&selection.store)?;
    options.documents = documents(selection, &batch.planned)?;
    let interrupted = interrupt::listen();

    let progress = Progress::stderr(verbosity);
    let outcome = exec::run(
        &sweep.name,
        &batch.nodes,
        &options,
        &store,
        interrupted,
        &|events| progress.show(events),
    )?;
    drop(progress);
    let RunOutcome { record: run, error } = outcome;
    let (show, objective) = batch.ran(&run);
    let failures = error
        .iter()
        .flat_map(|error| run_summary::other_failures(&run, error));
    let failures: Vec<Error> = failures.collect();
    let record = SweepRecord::of(run, show);
    match format {
        Format::Json => stdout::print_json(&record)?,
        Format::Human => stdout::print(&sweep_table::render_run(&record, Style::stdout()))?,
    }
    for other in &failures {
        diagnostic::eprint(other, Style::stderr());
    }
    match error {
        Some(error) => Err(error),
        None => objective.map(|()| ExitCode::SUCCESS),
    }
}

/// What the run keeps: the recipe as it was given, and what the variants are.
fn documents(
    selection: &Selection,
    planned: &[PlannedVariant],
) -> Result<Vec<(&'static str, Vec<u8>)>, Error> {
    let given =
        fs::read(&selection.recipe).map_err(|error| Error::file(&selection.recipe, error))?;
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
    Ok(vec![("recipe.toml", given), ("variants.json", text)])
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
