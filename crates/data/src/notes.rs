//! What a data stage has to tell besides its tables.

use crate::assemble::Loss;
use crate::config::DataConfig;
use crate::fit::{Fitted, Material};
use crate::ingest::{Ingested, variable_of_category};
use crate::long_stays;
use crate::missing::is_missing;
use crate::names::quoted;
use crate::report::DataReport;
use crate::score::Scored;
use crate::source::SkippedFile;
use crate::warnings;
use pipeline_error::listed::{are, counted, first_names};
use pipeline_files::DataFile;

/// One of so many events may be a duplicate and untold.
const MANY_DUPLICATES: u64 = 20;

/// Files that a note names.
const NAMED: usize = 5;

/// Names the categories that are called as missing values often are.
pub(super) fn tell_of_categories(
    config: &DataConfig,
    ingested: &Ingested,
    notes: &mut dyn FnMut(String),
) {
    let idle = config.categorical.iter();
    let idle = quoted(idle.filter(|name| config.cleaning.contains_key(*name)));
    if !idle.is_empty() {
        notes(format!(
            "warning: `cleaning` changes nothing of {idle}, whose values are names: `categorical` says so. \
             variables.drop leaves a category out, and source.missing lists texts that say nothing"
        ));
    }
    let category = |name: &&String| {
        let base = variable_of_category(name, &config.categorical);
        base.is_some_and(|base| is_missing(&name[base.len() + 1..]))
    };
    let called_so = quoted(ingested.variables.iter().filter(category));
    if !called_so.is_empty() {
        notes(format!(
            "categories that are called like a missing value: {called_so}; if they are none, list the text \
             in source.missing"
        ));
    }
}

/// Tells which files of the source's folders are not read, but for those that the recipe names
/// elsewhere: labels may lie beside the records.
pub(super) fn tell_skipped(
    config: &DataConfig,
    skipped: &[SkippedFile],
    report: &mut DataReport,
    notes: &mut dyn FnMut(String),
) {
    let mut config = config.clone();
    let named: Vec<_> = (config.paths().into_iter())
        .filter_map(|(_, path)| DataFile::at((*path).as_ref()).ok())
        .map(|file| file.identity)
        .collect();
    let skipped = skipped
        .iter()
        .filter(|file| !named.contains(&file.identity));
    report.skipped_files = skipped.map(|file| file.name.clone()).collect();
    report.skipped_files.sort();
    let count = report.skipped_files.len();
    report.set("skipped_files", count as u64);
    if count > 0 {
        let first = first_names(&report.skipped_files, NAMED);
        let others = match count > NAMED {
            true => " (the profile names them)",
            false => "",
        };
        notes(format!(
            "files in the source's folders that are not read: {first}{others}"
        ));
    }
}

pub(super) fn tell(
    material: &Material,
    fitted: &Fitted,
    scored: &Scored,
    notes: &mut dyn FnMut(String),
) {
    let names = &material.ingested.variables;
    let lost = |loss: Loss| {
        let has = move |index: &usize| scored.losses.has(*index, loss);
        quoted((0..names.len()).filter(has).map(|index| &names[index]))
    };
    for (loss, what) in [
        (
            Loss::Unseen,
            match material.like {
                Some(_) => "of variables that the stage that this one is like does not have",
                None => "of variables that the training split never shows",
            },
        ),
        (
            Loss::Rare,
            "of variables that too few stays of the training split have",
        ),
        (
            Loss::NoValue,
            "without a value, of variables that have values in the training split",
        ),
    ] {
        let events = scored.losses.total(loss);
        if events > 0 {
            let are = are(events as usize);
            let events = counted(events as usize, "event");
            notes(format!("{events} {are} dropped, {what}: {}", lost(loss)));
        }
    }
    let (merged, kept) = (
        scored.losses.total(Loss::Merged),
        scored
            .kept
            .iter()
            .map(|kept| u64::from(kept.events))
            .sum::<u64>(),
    );
    // With wider sets, events of different times are meant to meet.
    let is_plain = material.config.set_minutes.is_none();
    if is_plain && merged * MANY_DUPLICATES > merged + kept {
        notes(format!(
            "{merged} of {} events have the stay, the time and the variable of another one, and are merged as `duplicates` \
             says: {}",
            merged + kept,
            lost(Loss::Merged)
        ));
    }
    let constant = fitted.variables.iter().filter(|variable| variable.constant);
    if constant.clone().next().is_some() {
        let names = quoted(constant.map(|variable| &variable.name));
        notes(format!(
            "constant in the training split, so they count as presence (1): {names}"
        ));
    }
    if let Some(&first) = scored.too_long.first() {
        let first = &material.ingested.series[material.stays[first].series];
        let first = material.ingested.title(first);
        notes(long_stays::warning(
            material.config,
            scored.too_long.len(),
            &first,
        ));
    }
    for leak in scored.suspicions.leaks() {
        let name = &fitted.variables[leak.variable].name;
        notes(warnings::variable(name, &leak));
    }
    for leak in scored.suspicions.shape_leaks() {
        notes(warnings::shape(material.config, &leak));
    }
}
