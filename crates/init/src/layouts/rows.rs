//! Tables of rows, long or wide: their files, the ids of their stays, and those that are not read.

use super::clock::Clock;
use super::cohort::EventStays;
use super::{long, wide};
use crate::draft::{Draft, Place};
use crate::names::{PATIENT, STAY, rank};
use crate::table::{Look, Table};
use crate::text::{below_root, list};
use pipeline_error::listed::{first_names, first_of};
use pipeline_error::pasted::toml_string;

/// From so many rows on, a column that repeats nothing tells rows apart, not stays.
const ENOUGH_ROWS: usize = 8;

/// A draft of tables of rows: their files, and which columns tell stays and times.
pub fn of_rows(
    format: &'static str,
    first: &Table,
    tables: &[&Table],
    id: Option<&str>,
    clock: &Clock,
) -> Draft {
    let mut draft = Draft::new(format);
    draft.state(Place::Source, "files", files(tables));
    if let Some(character) = first.delimiter {
        let text = if character == '\t' {
            "tab".into()
        } else {
            character.to_string()
        };
        draft.state(Place::Source, "delimiter", toml_string(&text));
    }
    if let Some(id) = id {
        match first.position(id).and_then(|at| why_id(first, at)) {
            Some(why) => draft.guess(Place::Source, "id", toml_string(id), why),
            None => draft.state(Place::Source, "id", toml_string(id)),
        }
    }
    match &clock.why {
        Some(why) => draft.guess(Place::Source, "time", clock.value.clone(), why.clone()),
        None => draft.state(Place::Source, "time", clock.value.clone()),
    }
    draft
}

/// The column that tells the stays of events apart.
pub fn id_of(table: &Table, taken: &[usize]) -> Option<usize> {
    let mut candidates = ids(table);
    candidates.retain(|at| !taken.contains(at) && table.look(*at) != Look::Empty);
    let mut of_stays = candidates.iter().copied();
    of_stays
        .find(|at| why_no_id(table, *at).is_none())
        .or(candidates.first().copied())
}

/// Columns that are called like ids of stays, then those of patients.
fn ids(table: &Table) -> Vec<usize> {
    let mut ids = table.called(&STAY);
    ids.extend(table.called(&PATIENT));
    ids
}

/// What speaks against a column as the id of stays: it numbers rows, or begins anew with each patient.
pub fn why_no_id(table: &Table, column: usize) -> Option<String> {
    let name = &table.columns[column];
    if table.rows.len() >= ENOUGH_ROWS && table.is_unique(column) {
        return Some(format!("`{name}` is another in every row"));
    }
    let is_of_stays = rank(name, &STAY).is_some();
    let mut patients = table.called(&PATIENT).into_iter();
    let shared =
        patients.find(|patient| is_of_stays && !table.is_constant_by(Some(column), *patient))?;
    let patient = &table.columns[shared];
    Some(format!("a `{name}` has several of `{patient}`"))
}

/// Why the id is this one and not a likelier column; None if it is the likeliest.
fn why_id(table: &Table, id: usize) -> Option<String> {
    let likelier = ids(table).into_iter().take_while(|at| *at != id);
    let reasons: Vec<String> = likelier.filter_map(|at| why_no_id(table, at)).collect();
    let of_patient = rank(&table.columns[id], &PATIENT).is_some();
    let merged = of_patient.then_some("; all events of a patient are then one stay");
    (!reasons.is_empty()).then(|| reasons.join("; ") + merged.unwrap_or_default())
}

/// The files of the tables; of a folder that holds nothing else of the kind, the folder's pattern.
pub fn files(tables: &[&Table]) -> String {
    let mut paths = Vec::new();
    for table in tables {
        match (&table.files[..], table.is_all_of_folder) {
            ([_, _, ..], true) if table.folder.is_empty() => {
                paths.push(format!("*.{}", table.ending))
            }
            ([_, _, ..], true) => paths.push(format!("{}/*.{}", table.folder, table.ending)),
            (files, _) => paths.extend(files.iter().cloned()),
        }
    }
    let paths: Vec<String> = paths.iter().map(|path| below_root(path)).collect();
    format!("[{}]", paths.join(", "))
}

pub fn window(draft: &mut Draft) {
    draft.guess(
        Place::Events,
        "hours",
        "48",
        "the window from the begin of a stay; what comes after it is not seen, which keeps the outcome itself out",
    );
}

pub fn write_categorical(names: &[String], draft: &mut Draft) {
    if !names.is_empty() {
        let why = "their values are texts: each becomes a variable, `name=text`";
        let names = list(names.iter().map(String::as_str));
        draft.guess(Place::Events, "categorical", names, why);
    }
}

/// Names the tables of events that the recipe does not read.
pub fn note_unread(
    tables: &[&Table],
    stays: &EventStays,
    why: impl Fn(&Table) -> String,
    draft: &mut Draft,
) {
    let is_of_events = |table: &&&Table| {
        !stays.have_rows_in(table) && (long::is_long(table) || wide::is_wide(table))
    };
    for table in tables.iter().filter(is_of_events) {
        draft.note(format!(
            "{} has events too and is not read: {}",
            first_of(&table.files, 4),
            why(table)
        ));
    }
}

/// Why a table is not read with those that have these columns.
pub fn why_unread(table: &Table, wanted: &[&str]) -> String {
    let missing: Vec<&&str> = wanted.iter().filter(|name| !table.has(&[**name])).collect();
    match missing.is_empty() {
        true => "its rows, times or separators are of another kind".into(),
        false => format!(
            "it has no column {}, which every table of events needs",
            first_names(missing, 4)
        ),
    }
}
