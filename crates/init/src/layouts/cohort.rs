//! Tables with one row a stay: labels, patients, begins of stays, splits.

mod event_stays;
mod join;
mod label;
pub mod mixed;
pub mod outcomes;
mod split;
mod unused;

use std::cmp::Reverse;
use std::collections::BTreeSet;

pub use event_stays::EventStays;
use join::Join;
pub use label::{Label, label};
pub use split::{draw_splits, split_file_or_draw};

use super::clock::{self, Clock};
use crate::draft::{Draft, Place};
use crate::names::{KNOWN_AT_ADMISSION, PATIENT, SPLIT, START, STAY, plain};
use crate::table::{Look, Table};
use crate::text::{below_root, list};
use pipeline_error::pasted::toml_string;

/// How the ids of stays are called in other tables, where those of the events are names of files.
const USUAL_ID: &str = "stay_id";

/// A table and its columns of ids.
pub struct Cohort<'a> {
    pub table: &'a Table,
    id: usize,
    /// Why the rows are joined by `id`, if that was guessed.
    why_id: Option<String>,
    patient: Option<usize>,
    /// How much it tells of stays: their begins, patients and splits.
    worth: usize,
}

impl Cohort<'_> {
    /// Whether another table tells as much in the same columns.
    fn is_alike(&self, other: &Self) -> bool {
        self.worth == other.worth && self.table.columns == other.table.columns
    }

    /// Whether it has, or may have among the rows that were not looked at, a stay that another lacks.
    fn has_more_than(&self, other: &Self) -> bool {
        let there: BTreeSet<&str> = other.table.cells(other.id).collect();
        let mut here = self.table.cells(self.id);
        !self.table.is_whole || here.any(|stay| !there.contains(stay))
    }
}

/// Where a table has its ids: one that tells its rows apart.
fn id_of(table: &Table, wanted: Option<&str>) -> Option<usize> {
    let mut candidates = table.called(&STAY);
    candidates.extend(table.called(&PATIENT));
    if let Some(wanted) = wanted {
        let same = |at: &usize| plain(&table.columns[*at]) == plain(wanted);
        candidates.sort_by_key(|at| !same(at));
    }
    candidates.into_iter().find(|at| table.is_unique(*at))
}

/// The tables of the folder that have a row a stay. Those that call stays otherwise than the events count only where no
/// other tells of stays.
pub fn cohorts<'a>(tables: &[&'a Table], stays: &EventStays, clock: &Clock) -> Vec<Cohort<'a>> {
    let cohort = |table: &&'a Table| {
        let Join::On { column: id, why } = Join::of(table, stays) else {
            return None;
        };
        let patient = table.called(&PATIENT).into_iter().find(|at| *at != id);
        Some(Cohort {
            table,
            id,
            why_id: why,
            patient,
            worth: 2 * usize::from(start(table, clock).is_some())
                + usize::from(patient.is_some())
                + usize::from(splits(table).is_some()),
        })
    };
    let single = tables.iter().filter(|table| table.files.len() == 1);
    let mut found: Vec<Cohort> = single.filter_map(cohort).collect();
    let is_told = |cohort: &Cohort| cohort.why_id.is_none() && cohort.worth > 0;
    if found.iter().any(is_told) {
        found.retain(|cohort| cohort.why_id.is_none());
    }
    found
}

/// The one text that all rows of a whole table have there. In a part of a table others may come.
fn constant(table: &Table, column: usize) -> Option<&str> {
    let mut cells = table.cells(column);
    let first = cells.next()?;
    (table.is_whole && cells.all(|text| text == first)).then_some(first)
}

/// Writes `stays` and `split`, as far as a table tells them. Returns the table's text columns that became variables.
pub fn write_stays(
    stays: &EventStays,
    cohorts: &[Cohort],
    label: Option<&Table>,
    clock: &Clock,
    draft: &mut Draft,
) -> Vec<String> {
    let (folder, id) = (stays.folder, stays.id.unwrap_or(USUAL_ID));
    outcomes::note(stays, draft);
    for cohort in cohorts {
        note_other_clock(cohort.table, clock, draft);
    }
    let best = best(cohorts, label);
    let categories = best.map(|cohort| write_cohort(cohort, stays, clock, draft));
    match best.and_then(|cohort| Some((cohort.table, splits(cohort.table)?))) {
        Some((table, split)) => {
            let column = toml_string(&table.columns[split]);
            draft.state(Place::Events, "split", format!("{{ column = {column} }}"));
        }
        None => split_file_or_draw(folder, Some(id), draft),
    }
    unused::note(stays, best, clock, draft);
    unused::note_alike(best, cohorts, draft);
    categories.unwrap_or_default()
}

/// The table that tells most of stays. Of several like it, as each site has one, it is the label's, or the one of most
/// rows.
fn best<'c, 'a>(cohorts: &'c [Cohort<'a>], label: Option<&Table>) -> Option<&'c Cohort<'a>> {
    let telling = cohorts.iter().filter(|cohort| cohort.worth > 0);
    let best = telling.max_by_key(|cohort| cohort.worth)?;
    let alike = cohorts.iter().filter(|one| one.is_alike(best));
    alike.min_by_key(|one| {
        let is_of_label = label.is_some_and(|label| std::ptr::eq(label, one.table));
        (!is_of_label, Reverse(one.table.rows.len()))
    })
}

/// Writes `stays` and returns the text columns that became variables.
fn write_cohort(
    cohort: &Cohort,
    stays: &EventStays,
    clock: &Clock,
    draft: &mut Draft,
) -> Vec<String> {
    let table = cohort.table;
    if let Some((one, other)) = stays.spelled_twice(table, cohort.id) {
        draft.compare_ids_as_numbers(&one, &other);
    }
    let name = |at: usize| toml_string(&table.columns[at]);
    let mut value = format!(
        "{{ path = {},{} id = {}",
        below_root(table.place()),
        delimiter(table),
        name(cohort.id)
    );
    let mut why = Vec::new();
    if let Some(why_id) = &cohort.why_id {
        why.push(format!(
            "{why_id}; stays that it does not have are left out"
        ));
    }
    if let Some(patient) = cohort.patient {
        value += &format!(", subject = {}", name(patient));
    }
    if let Some(start) = start(table, clock) {
        value += &format!(", start = {}", name(start));
        why.push("minutes are counted from `start`".to_string());
    }
    let known = table.called(&KNOWN_AT_ADMISSION);
    let of_texts: Vec<usize> = known
        .iter()
        .copied()
        .filter(|at| match mixed::texts_among_numbers(table, *at) {
            Some(texts) => {
                mixed::note_texts(&table.columns[*at], &texts, draft);
                false
            }
            None => table.look(*at) == Look::Text,
        })
        .collect();
    if !known.is_empty() {
        let names: Vec<&str> = known.iter().map(|at| table.columns[*at].as_str()).collect();
        value += &format!(", variables = {}", list(names));
        why.push("`variables` are columns that are known when a stay begins".into());
    }
    value += " }";
    match why.is_empty() {
        true => draft.state(Place::Source, "stays", value),
        false => draft.guess(Place::Source, "stays", value, why.join("; ")),
    }
    of_texts
        .into_iter()
        .map(|at| table.columns[at].clone())
        .collect()
}

/// How many variables the columns make that are known when a stay begins.
pub fn static_variables(cohorts: &[Cohort]) -> usize {
    let of_table = |cohort: &Cohort| -> usize {
        let known = cohort.table.called(&KNOWN_AT_ADMISSION).into_iter();
        known.map(|at| variables_of(cohort.table, at)).sum()
    };
    let read = cohorts
        .iter()
        .filter(|one| one.why_id.is_none() || one.worth > 0);
    read.map(of_table).max().unwrap_or_default()
}

/// How many variables a column makes: one, or one a category.
pub fn variables_of(table: &Table, column: usize) -> usize {
    match table.look(column) {
        Look::Text if mixed::texts_among_numbers(table, column).is_some() => 1,
        Look::Text => table.cells(column).collect::<BTreeSet<_>>().len(),
        _ => 1,
    }
}

/// The begins of stays, which a recipe reads as it reads the times of the events.
fn start(table: &Table, clock: &Clock) -> Option<usize> {
    let is_alike = |at: &usize| {
        let own = clock::of(table, *at).filter(|own| own.is_dates);
        own.is_some_and(|own| {
            own.is_zoned == clock.is_zoned && (!table.is_of_texts(*at) || own.reads_as(clock))
        })
    };
    let starts = table.called(&START).into_iter();
    starts.filter(|_| clock.is_dates).find(is_alike)
}

fn note_other_clock(table: &Table, clock: &Clock, draft: &mut Draft) {
    if start(table, clock).is_some() {
        return;
    }
    let why = |at: usize| match clock::of(table, at).filter(|own| own.is_dates) {
        Some(_) if !clock.is_dates => None,
        Some(own) if own.is_zoned != clock.is_zoned => Some(format!(
            "one of it and the times of the events has a time zone and the other has none; `zone` in `time` says which zone \
             times without one are of, and `start = {}` in `stays` reads it then",
            toml_string(&table.columns[at])
        )),
        Some(_) => Some("its times are written in another way than those of the events".into()),
        None if table.look(at) == Look::Number => Some(match clock.is_dates {
            true => "it holds numbers, and the times of the events are dates".into(),
            false => "the times of the events are taken to count from it".into(),
        }),
        None => None,
    };
    let mut starts = table.called(&START).into_iter();
    if let Some((at, why)) = starts.find_map(|at| Some((at, why(at)?))) {
        draft.note(format!(
            "`{}` of {} is not read as the begin of stays: {why}",
            table.columns[at],
            table.place()
        ));
    }
}

fn splits(table: &Table) -> Option<usize> {
    table
        .called(&SPLIT)
        .into_iter()
        .find(|at| table.tells_splits(*at))
}

/// ` delimiter = ";",` where a table needs it.
pub fn delimiter(table: &Table) -> String {
    match table.delimiter {
        Some('\t') => " delimiter = \"tab\",".into(),
        Some(other) => format!(" delimiter = {},", toml_string(&other.to_string())),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::draft::Draft;
    use crate::layouts::{Looking, look};

    /// A folder of files.
    pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    /// What a long table of two stays and such files beside it come to.
    pub fn draft(files: &[(&str, &str)]) -> Draft {
        let events = "stay_id,hour,variable,value\n1,0,HR,70\n1,1,HR,71\n2,0,HR,72\n2,1,HR,75\n";
        let mut all = vec![("events.csv", events)];
        all.extend_from_slice(files);
        look(folder(&all).path(), Looking::default()).unwrap()
    }

    pub fn recipe(files: &[(&str, &str)]) -> String {
        draft(files).recipe("x", "data")
    }

    #[test]
    fn a_table_under_another_name_of_ids_gives_patients_begins_and_splits() {
        let events = "stay_id,charttime,item,value\n5,2150-01-01 08:00,HR,70\n5,2150-01-01 09:00,HR,71\n\
             6,2150-01-02 08:00,HR,72\n6,2150-01-02 09:00,HR,75\n";
        let own = "icustay_id,subject_id,intime,died,split\n5,7,2150-01-01 07:00,0,train\n\
                   6,8,2150-01-02 07:00,1,test\n";
        let told = "stay_id,subject_id\n5,7\n6,8\n";
        let text_of = |files: &[(&str, &str)]| {
            let draft = look(folder(files).path(), Looking::default()).unwrap();
            draft.recipe("x", "data")
        };
        let text = text_of(&[("events.csv", events), ("y.csv", own)]);
        let stays = "id = \"icustay_id\", subject = \"subject_id\", start = \"intime\" }";
        let why = "`icustay_id` is taken for the `stay_id` of the events: 2 of 2 stays are in it; stays that";
        assert!(text.contains(stays) && text.contains(why), "{text}");
        assert!(text.contains("split = { column = \"split\" }"), "{text}");
        let text = text_of(&[("events.csv", events), ("stays.csv", told), ("y.csv", own)]);
        assert!(text.contains("/stays.csv\", id = \"stay_id\""), "{text}");
    }

    #[test]
    fn a_table_without_a_stay_of_the_events_gives_no_stays() {
        let text = recipe(&[("y.csv", "stay_id,subject_id,died\n8,7,0\n9,8,1\n")]);
        assert!(text.contains("no stay is in both"), "{text}");
        assert!(!text.contains("\nstays = "), "{text}");
    }

    #[test]
    fn begins_are_read_only_if_they_are_written_as_times_of_events_are() {
        let events =
            "stay_id,charttime,item,value\n1,2150-01-31 08:00,HR,70\n1,2150-01-31 09:00,HR,71\n";
        for (begin, is_read) in [("2150-01-31", true), ("31/01/2150", false)] {
            let stays = format!("stay_id,intime\n1,{begin} 07:00\n");
            let folder = folder(&[("events.csv", events), ("stays.csv", &stays)]);
            let draft = look(folder.path(), Looking::default()).unwrap();
            let text = draft.recipe("x", "data");
            assert_eq!(text.contains("start = \"intime\""), is_read, "{text}");
            let why = "`intime` of stays.csv is not read as the begin of stays";
            assert_eq!(draft.notes.join("\n").contains(why), !is_read);
        }
    }

    #[test]
    fn a_begin_of_numbers_or_of_another_zone_is_named() {
        let events = |time: &str| {
            format!("stay_id,charttime,item,value\n1,{time},HR,70\n1,{time},HR,71\n2,{time},HR,7\n")
        };
        for (time, begin, why) in [
            ("2150-01-31 08:00", "91311.5", "it holds numbers"),
            ("5", "91311.5", "the times of the events are taken to count"),
            (
                "2150-01-31 08:00:00Z",
                "2150-01-31 07:00:00",
                "has a time zone and the other has none; `zone` in `time` says",
            ),
        ] {
            let stays = format!("stay_id,intime\n1,{begin}\n2,{begin}\n");
            let folder = folder(&[("events.csv", &events(time)), ("stays.csv", &stays)]);
            let draft = look(folder.path(), Looking::default()).unwrap();
            let notes = draft.notes.join("\n");
            let begin = "`intime` of stays.csv is not read as the begin of stays: ";
            assert!(notes.contains(begin) && notes.contains(why), "{notes}");
            assert!(!draft.recipe("x", "data").contains("start = \"intime\""));
        }
    }
}
