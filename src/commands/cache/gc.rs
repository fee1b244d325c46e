//! `pipeline cache gc`: what nothing needs any more goes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use serde::Serialize;

use crate::arguments::{Format, Selection};
use crate::commands::runs::SharedArguments;
use crate::commands::sweep;
use crate::display::table::{Align, Table};
use crate::experiment::Experiment;
use crate::submission::collecting;
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use crate::terminal::{stderr, stdout};
use pipeline_error::{Error, size};
use pipeline_page::number;
use pipeline_runner::{self as runner, RunOptions};
use pipeline_store::Store;
use pipeline_store::collect::{Collected, Collection};

/// Device classes whose results a kept recipe may have.
const DEVICES: [&str; 2] = ["cpu", "cuda:0"];

#[derive(Debug, Args)]
pub struct GcArguments {
    /// Also remove results that were not made or used for this many days, and runs from the
    /// history that are older; younger work folders stay
    #[arg(long, value_name = "DAYS")]
    older_than: Option<u32>,

    /// Also remove the oldest results until the rest is this small: bytes, or e.g. 20GB, 512MiB
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    max_size: Option<u64>,

    /// Keep the results of this recipe's plan; without the two options above, remove all other results; repeatable
    #[arg(long, value_name = "RECIPE")]
    keep_recipe: Vec<PathBuf>,

    /// Keep the latest N runs (a submitted run and the runs of its jobs count as one) and all submitted runs with queued
    /// jobs; without --older-than, remove all others
    #[arg(long, value_name = "N")]
    keep_runs: Option<usize>,

    /// Print how much would be removed, and remove nothing; --verbose lists every path
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    shared: SharedArguments,
}

fn bytes(text: &str) -> Result<u64, String> {
    size::parse(text).ok_or_else(|| format!("a size is {}", size::FORM))
}

/// The document of `cache gc --format json`.
#[derive(Serialize)]
struct GcRecord<'a> {
    dry_run: bool,
    #[serde(flatten)]
    collected: &'a Collected,
}

/// Removes, and says what went.
pub fn collect(gc: &GcArguments, verbosity: Verbosity) -> Result<(), Error> {
    let store = gc.shared.store.open()?;
    // Before the plans: no run may finish between them and the removal.
    let alone = store.hold_alone()?;
    let age = |days| Duration::from_secs(u64::from(days) * 24 * 60 * 60);
    let since = |days| SystemTime::now().checked_sub(age(days));
    let of_runs = gc.older_than.is_some() || gc.keep_runs.is_some();
    let (part_of, (living, unknown)) = match of_runs {
        true => (collecting::parts(&store)?, collecting::living(&store)?),
        false => Default::default(),
    };
    for why in unknown {
        verbosity.note(&why);
    }
    let collection = Collection {
        part_of,
        living,
        unused_since: gc.older_than.and_then(since),
        max_bytes: gc.max_size,
        keep_runs: gc.keep_runs,
        keep: match gc.keep_recipe.as_slice() {
            [] => None,
            recipes => Some(keys_of(recipes, &store, verbosity)?),
        },
    };
    let collected = store.collect(&collection, alone.as_ref(), gc.dry_run)?;
    if collected.busy {
        verbosity.note("a run is going on in this store: only work folders were looked at");
    }
    if gc
        .max_size
        .is_some_and(|max| collected.remaining_bytes > max)
    {
        let left = number::bytes(collected.remaining_bytes);
        verbosity.note(&format!(
            "{left} remain, more than --max-size: the rest is kept"
        ));
    }
    let record = GcRecord {
        dry_run: gc.dry_run,
        collected: &collected,
    };
    match gc.shared.format {
        Format::Json => stdout::print_json(&record),
        Format::Human => {
            if verbosity == Verbosity::Verbose {
                stderr::print(&paths(&collected));
            }
            stdout::print(&removals(&record))
        }
    }
}

/// Keys that the recipes' plans refer to, on any device, whether there is a result or not.
fn keys_of(
    recipes: &[PathBuf],
    store: &Store,
    verbosity: Verbosity,
) -> Result<BTreeSet<String>, Error> {
    let mut keys = BTreeSet::new();
    for recipe in recipes {
        let experiment = Experiment::load(recipe, &[])?;
        for device in DEVICES {
            let options = RunOptions {
                device: device.into(),
                ..RunOptions::default()
            };
            let surveyed = runner::survey(&experiment.nodes, &options, store)?;
            let known = surveyed.iter().filter_map(|stage| stage.key);
            keys.extend(known.map(|key| key.to_string()));
            let unknown = surveyed.iter().filter(|stage| stage.key.is_none());
            let unknown: Vec<&str> = unknown.map(|stage| stage.planned.name.as_str()).collect();
            if !unknown.is_empty() && device == DEVICES[0] {
                verbosity.note(&format!(
                    "{} is out of date: results of {} are not known, so not kept",
                    recipe.display(),
                    unknown.join(", ")
                ));
            }
            if experiment.recipe.has_sweep {
                let selection = Selection {
                    recipe: recipe.clone(),
                    overrides: vec![],
                    store: store.root().to_path_buf(),
                    device: device.into(),
                };
                keys.extend(sweep::keys_of(&selection, store)?);
            }
        }
    }
    Ok(keys)
}

/// A row for each reason, with how much goes: paths are told to those who ask for more.
fn removals(record: &GcRecord) -> String {
    let mut reasons: BTreeMap<(&str, &str), (usize, u64)> = BTreeMap::new();
    for removed in &record.collected.removed {
        let counted = reasons
            .entry((removed.what, removed.why.as_str()))
            .or_default();
        counted.0 += 1;
        counted.1 += removed.bytes;
    }
    let mut table = Table::new(&[
        ("what", Align::Left),
        ("count", Align::Right),
        ("size", Align::Right),
        ("why", Align::Left),
    ]);
    for ((what, why), (count, bytes)) in &reasons {
        table.push(vec![
            (*what).into(),
            count.to_string().into(),
            match *what {
                // Its artifacts are counted by themselves.
                "action" => "".into(),
                _ => number::bytes(*bytes).into(),
            },
            (*why).into(),
        ]);
    }
    let table = match table.is_empty() {
        true => String::new(),
        false => table.render(Style::stdout()),
    };
    let (count, freed) = (record.collected.removed.len(), record.collected.bytes);
    let freed = number::bytes(freed);
    match record.dry_run {
        true => format!("{table}{count} would be removed, {freed}\n"),
        false => format!("{table}{count} removed, {freed}\n"),
    }
}

/// What goes, path by path.
fn paths(collected: &Collected) -> String {
    let lines = collected.removed.iter().map(|removed| {
        format!(
            "{} {}: {}\n",
            removed.what,
            removed.path.display(),
            removed.why
        )
    });
    lines.collect()
}
