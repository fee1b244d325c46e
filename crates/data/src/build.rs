//! The data stage: from a source to its artifacts.

mod count;
mod empty_splits;
mod no_inputs;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::assemble::{Cleaning, Loss};
use super::attributes::Attributes;
use super::config::{DataConfig, Labels, SplitRule, StayPolicy};
use super::contract::settings_of;
use super::dataset::Split;
use super::embedding::of_variables;
use super::fit::Material;
use super::go_on;
use super::ingest::Ingested;
use super::join_columns::JoinColumn;
use super::like::Like;
use super::matched;
use super::missing::note_of_unfound;
use super::names::quoted;
use super::notes::{tell, tell_of_categories, tell_skipped};
use super::profile;
use super::report::DataReport;
use super::score::Scored;
use super::settings::{check_gap, check_settings};
use super::shift::{Shift, shifts};
use super::source::{self, Start, StayRow, StayTable};
use super::spelling_check::refuse_two_spellings;
use super::split::{SplitAssigner, refuse_straddling};
use super::tables;
use super::target_values::TargetValues;
use super::warnings;
use count::count;
use pipeline_error::listed::{are, counted};
use pipeline_error::{Code, Error};

/// Reads the source and writes `events.parquet`, `stays.parquet`, `variables.parquet`, `profile.json` and, if the
/// stage names targets, `targets.parquet` into `work`. `seed` is the stage's resolved seed; `notes` receives what is worth
/// reading.
///
/// It works in the current rayon pool; no thread count changes a byte. Errors name the file,
/// line or row, stay and variable. [`Error::Interrupted`] soon after `interrupted` is set.
pub fn build(
    config: &DataConfig,
    seed: u64,
    work: &Path,
    interrupted: &AtomicBool,
    notes: &mut dyn FnMut(String),
) -> Result<DataReport, Error> {
    build_from(config, None, seed, work, interrupted, notes)
}

/// As [`build()`], with the inputs of another data stage; how they differ from those is in `profile.json`.
pub fn build_like(
    config: &DataConfig,
    like: &Like,
    seed: u64,
    work: &Path,
    interrupted: &AtomicBool,
    notes: &mut dyn FnMut(String),
) -> Result<DataReport, Error> {
    let config = like.settings(config)?;
    like.tell_cuts(&config, notes);
    build_from(&config, Some(like), seed, work, interrupted, notes)
}

fn build_from(
    config: &DataConfig,
    like: Option<&Like>,
    seed: u64,
    work: &Path,
    interrupted: &AtomicBool,
    notes: &mut dyn FnMut(String),
) -> Result<DataReport, Error> {
    check_settings(config)?;
    go_on(interrupted)?;
    let source = source::open(config, like, seed)?;
    let categorical: BTreeSet<String> = config.categorical.iter().cloned().collect();
    let ingested = Ingested::read(&*source, work, config.memory.0, &categorical, interrupted)?;
    let mut table = source.stays(&ingested)?;
    for column in JoinColumn::stated(config) {
        column.refuse_patients_of_meds(config, &table)?;
        let note = column.check(config, &*source, interrupted)?;
        table.notes.extend(note);
    }
    let alike = refuse_two_spellings(&*source, &ingested, config)?;
    table.notes.extend(alike);
    tell_of_categories(config, &ingested, notes);
    std::mem::take(&mut table.notes)
        .into_iter()
        .for_each(&mut *notes);
    let mut report = DataReport::default();
    report.set("source_rows", ingested.counts.rows);
    report.set("source_stays", table.rows.len() as u64);
    report.set("missing_markers", ingested.counts.missing);
    report.set("rows_of_other_stays", ingested.counts.of_others);
    report.set("rows_without_variable", ingested.counts.unnamed);
    report.set("times_in_a_fold", ingested.counts.folded);
    report.set("stays_without_series", table.without_series);
    report.set("unused_labels", table.unused_labels);
    report.set("lines_in_quotes", table.lines_in_quotes);
    tell_skipped(config, &table.skipped_files, &mut report, notes);
    for &(name, count) in &table.counts {
        report.set(name, count);
    }
    match config.labels {
        Labels::Source => {
            if like.is_none() {
                refuse_odd_classes(&table.rows)?;
            }
            drop_without_label(config, &ingested, &mut table, &mut report, notes)?;
        }
        // What a source cannot help knowing, as the synthetic one does.
        Labels::None => table.rows.iter_mut().for_each(|stay| stay.label = None),
    }

    let assigner = SplitAssigner::new(config, seed, &table.rows)?;
    if let Some(column) = JoinColumn::of_assigner(&assigner) {
        let note = column.check(config, &*source, interrupted)?;
        note.into_iter().for_each(&mut *notes);
    }
    report.set("unused_splits", assigner.unused(&table.rows));
    if config.without_split == StayPolicy::Drop {
        drop_without_split(&assigner, &mut table, &mut report, notes);
    }
    let targets = read_targets(config, &mut table, &mut report, notes)?;
    let attributes = read_attributes(config, &table, &mut report, notes)?;
    let splits = split_all(&assigner, &ingested, &table.rows)?;
    empty_splits::refuse(config, &report, splits.iter().copied())?;
    if config.source.has_matched_negatives() {
        matched::cut(&mut table.rows, &splits, seed)?;
    }
    check_gap(config, &table.rows)?;
    let mut known = source.known_variables().to_vec();
    known.extend(like.iter().flat_map(|like| like.names()));
    let material = Material {
        config,
        cleaning: &Cleaning::new(&config.cleaning, &ingested.variables, &known)?,
        like,
        ingested: &ingested,
        stays: &table.rows,
        splits: &splits,
        interrupted,
    };
    let fitted = material.fit()?;
    no_inputs::refuse(config, &table.outcomes, &fitted)?;
    let place = tables::place(work, "variables");
    match (like, &config.embeddings) {
        (Some(like), _) => like.write_variables(&place, config)?,
        (None, Some(embeddings)) => {
            let names: Vec<&str> = fitted.variables.iter().map(|v| v.name.as_str()).collect();
            let rows = of_variables(embeddings, &names, seed, interrupted, notes)?;
            tables::write_variables(&place, &fitted.variables, &rows, &settings_of(config))?;
        }
        (None, None) => return Err(Error::stage("the data stage states no embeddings")),
    }
    go_on(interrupted)?;
    let scored = material.score(&fitted, &tables::place(work, "events"))?;
    report.set("stays_without_events", scored.empty.len() as u64);
    // Before stays are missed, whose absence it may explain.
    let by_first_event = table
        .rows
        .iter()
        .any(|stay| stay.start == Start::FirstEvent);
    let outside = scored.losses.outside(match config.split {
        SplitRule::All => Split::Test,
        _ => Split::Train,
    });
    warnings::window(config, outside, by_first_event)
        .into_iter()
        .for_each(&mut *notes);
    refuse_or_tell_empty(&material, &scored, notes)?;
    empty_splits::refuse(config, &report, scored.kept.iter().map(|kept| kept.split))?;
    count(&mut report, config, &fitted, &scored);
    tell(&material, &fitted, &scored, notes);
    let kept: Vec<usize> = scored.kept.iter().map(|kept| kept.row).collect();
    let columns = attributes.columns(&kept);
    // Of a variable that a model does not have, no cell is read.
    if like.is_none() {
        let note = note_of_unfound("source.missing", &table.missing);
        note.into_iter().for_each(&mut *notes);
    }
    tables::write_stays(
        &tables::place(work, "stays"),
        &scored.kept,
        config.labels,
        table.is_dated,
        &columns,
    )?;
    if !config.targets.is_empty() {
        let columns = targets.columns(&kept);
        tables::write_targets(&tables::place(work, "targets"), &scored.kept, &columns)?;
    }
    let shifts = like.map(|like| shifts(like, &fitted, &scored));
    let told = shifts.iter().flatten().filter_map(Shift::warning);
    told.for_each(&mut *notes);
    let place = work.join("profile.json");
    let names = (ingested.variables.as_slice(), config.categorical.as_slice());
    profile::write(&place, &report, names, &fitted, &scored, shifts.as_deref())?;
    Ok(report)
}

/// More classes than this are rare, and numbers have as many values.
const MANY_CLASSES: usize = 20;

/// Fails if labels are classes that count from 1, so that all stays would be positive, or if most stays have a class of
/// their own.
fn refuse_odd_classes(stays: &[StayRow]) -> Result<(), Error> {
    let classes: BTreeSet<u32> = stays.iter().filter_map(|stay| stay.label).collect();
    if classes.len() > MANY_CLASSES && 2 * classes.len() > stays.len() {
        let what = format!(
            "the labels are {} classes of {} stays",
            classes.len(),
            stays.len()
        );
        return Err(Error::stage(what).with_hint(
            "is the column of labels the intended one? A number is learned as a target with task = \"regression\"",
        ));
    }
    if classes.len() < 2 || classes.contains(&0) {
        return Ok(());
    }
    let shown: Vec<String> = classes.iter().take(5).map(u32::to_string).collect();
    let what = format!(
        "the labels are {}, and none is 0: classes count from 0",
        shown.join(", ")
    );
    Err(Error::stage(what)
        .with_hint("write 0 for the first class, 1 for the next; of two classes, 1 is the event"))
}

fn drop_without_label(
    config: &DataConfig,
    ingested: &Ingested,
    table: &mut StayTable,
    report: &mut DataReport,
    notes: &mut dyn FnMut(String),
) -> Result<(), Error> {
    let without = || table.rows.iter().filter(|stay| stay.label.is_none());
    if config.without_label == StayPolicy::Error {
        refuse(ingested, without(), "no label", "without_label")
            .map_err(|error| error.coded(Code::MissingLabel))?;
    }
    let count = without().count();
    report.set("stays_without_label", count as u64);
    if count > 0 {
        let stays = counted(count, "stay");
        notes(format!("{stays} without a label {} dropped", are(count)));
        table.rows.retain(|stay| stay.label.is_some());
    }
    Ok(())
}

fn drop_without_split(
    assigner: &SplitAssigner,
    table: &mut StayTable,
    report: &mut DataReport,
    notes: &mut dyn FnMut(String),
) {
    let before = table.rows.len();
    table.rows.retain(|stay| assigner.tells(stay));
    let count = before - table.rows.len();
    report.set("stays_without_split", count as u64);
    if count > 0 {
        let stays = counted(count, "stay");
        notes(format!("{stays} without a split {} dropped", are(count)));
    }
}

/// What the targets say of the stays. Their columns are outcomes, which are no inputs.
fn read_targets(
    config: &DataConfig,
    table: &mut StayTable,
    report: &mut DataReport,
    notes: &mut dyn FnMut(String),
) -> Result<TargetValues, Error> {
    let mut targets = TargetValues::read(config, table)?;
    if !config.targets.is_empty() {
        report.set("unused_target_rows", targets.unused);
    }
    table.outcomes.append(&mut targets.outcomes);
    std::mem::take(&mut targets.notes)
        .into_iter()
        .for_each(notes);
    Ok(targets)
}

fn read_attributes(
    config: &DataConfig,
    table: &StayTable,
    report: &mut DataReport,
    notes: &mut dyn FnMut(String),
) -> Result<Attributes, Error> {
    let Some(described) = &config.attributes else {
        return Ok(Attributes::default());
    };
    let attributes = Attributes::read(described, &config.source, table)?;
    report.set("stays_without_attributes", attributes.without);
    if attributes.without > 0 {
        let (without, all) = (attributes.without, table.rows.len());
        notes(format!(
            "{without} of {all} stays are not in the table of attributes"
        ));
    }
    Ok(attributes)
}

fn split_all(
    assigner: &SplitAssigner,
    ingested: &Ingested,
    stays: &[StayRow],
) -> Result<Vec<Split>, Error> {
    let split_of = |stay: &StayRow| {
        let series = &ingested.series[stay.series];
        assigner.split_of(stay, ingested.origin(series), &|| ingested.title(series))
    };
    let splits = stays
        .iter()
        .map(split_of)
        .collect::<Result<Vec<Split>, Error>>()?;
    refuse_straddling(stays, &splits)?;
    Ok(splits)
}

fn refuse_or_tell_empty(
    material: &Material,
    scored: &Scored,
    notes: &mut dyn FnMut(String),
) -> Result<(), Error> {
    if scored.empty.is_empty() {
        return Ok(());
    }
    let config = material.config;
    let losses = &scored.losses;
    let mut lack = match (config.hours, config.last_hours) {
        (Some(hours), _) => format!("no event in the first {hours} hours"),
        (_, Some(hours)) => format!("no event in the last {hours} hours"),
        _ if losses.total(Loss::AfterPrediction) > 0 => match config.gap_hours {
            Some(gap) if gap > 0.0 => format!("no event before the gap of {gap} hours"),
            _ => "no event up to the prediction".into(),
        },
        _ => "no event".into(),
    };
    if losses.total(Loss::Unseen) > 0 {
        let names = &material.ingested.variables;
        let unseen = (0..names.len()).filter(|&index| losses.has(index, Loss::Unseen));
        let unseen = quoted(unseen.map(|index| &names[index]));
        lack += &format!(" of a variable that the training split shows (others are {unseen})");
    }
    if losses.total(Loss::OutOfRange) > 0 {
        lack += " whose value lies in the `range` of `cleaning`";
    }
    let empty = scored.empty.iter().map(|&index| &material.stays[index]);
    if config.without_events == StayPolicy::Error {
        refuse(material.ingested, empty, &lack, "without_events")?;
    }
    let count = scored.empty.len();
    let stays = counted(count, "stay");
    notes(format!("{stays} with {lack} {} dropped", are(count)));
    Ok(())
}

fn refuse<'a>(
    ingested: &Ingested,
    mut stays: impl Iterator<Item = &'a StayRow>,
    lack: &str,
    setting: &str,
) -> Result<(), Error> {
    let Some(first) = stays.next() else {
        return Ok(());
    };
    let more = match stays.count() {
        0 => String::new(),
        others => format!(" (and {others} more)"),
    };
    let title = ingested.title(&ingested.series[first.series]);
    Err(
        Error::stage(format!("{title} has {lack}{more}")).with_hint(format!(
            "{setting} = \"drop\" leaves such stays out and counts them"
        )),
    )
}
