//! Patients, begins and splits of stays that the data tell and the recipe does not take.

use super::event_stays::EventStays;
use super::join::Join;
use super::{Cohort, start};
use crate::draft::Draft;
use crate::layouts::clock::Clock;
use crate::layouts::{long, wide};
use crate::names::{PATIENT, SPLIT, START, STAY, plain, rank};
use crate::table::{Look, Table};
use pipeline_error::listed::{are, first_names, first_of};

/// What a recipe lacks, and what follows from it.
struct Lacks {
    patients: bool,
    begins: bool,
    splits: bool,
}

impl Lacks {
    fn of(stays: &EventStays, used: Option<&Cohort>, clock: &Clock, draft: &Draft) -> Self {
        let is_by_patient = stays.id.is_some_and(|id| rank(id, &PATIENT).is_some());
        let is_drawn = |setting: &str| setting == "stages.events.split";
        Self {
            patients: !is_by_patient && used.is_none_or(|cohort| cohort.patient.is_none()),
            begins: clock.is_dates && used.is_none_or(|one| start(one.table, clock).is_none()),
            splits: draft.guesses().iter().any(|one| is_drawn(&one.setting)),
        }
    }
}

/// Names the columns of patients, begins and splits that no setting reads although the recipe lacks such, and the files
/// that may have them.
pub fn note(stays: &EventStays, used: Option<&Cohort>, clock: &Clock, draft: &mut Draft) {
    let lacks = Lacks::of(stays, used, clock, draft);
    for table in &stays.folder.tables {
        let mut columns = Vec::new();
        let mut follows = Vec::new();
        for (found, follow) in [
            (
                lacks.patients.then(|| patients(table, stays)),
                "stays of one patient may come into several splits",
            ),
            (
                lacks.begins.then(|| begins(table, stays, clock)),
                "minutes are counted from the first event of a stay",
            ),
            (
                lacks.splits.then(|| splits_of(table, stays)),
                "splits are drawn",
            ),
        ] {
            if let Some(at) = found.flatten() {
                columns.push(table.columns[at].as_str());
                follows.push(follow);
            }
        }
        if !columns.is_empty() {
            draft.note(format!(
                "{} of {} {} not used: {}; so {}",
                first_names(&columns, 3),
                first_of(&table.files, 2),
                are(columns.len()),
                why(table, stays, used),
                follows.join(", ")
            ));
        }
    }
    if lacks.patients && !stays.folder.unread.is_empty() {
        draft.note(
            "the files that were not looked at may say which stays are of one patient: without, stays of one patient may \
             come into several splits",
        );
    }
}

/// Patients beside the ids of their stays. Those of rows that no stay is told of say nothing.
fn patients(table: &Table, stays: &EventStays) -> Option<usize> {
    let join = join_column(table, stays);
    let has_stays = has_ids(table, stays, &[&STAY]);
    let mut patients = table.called(&PATIENT).into_iter();
    patients.find(|at| has_stays && Some(*at) != join && table.look(*at) != Look::Empty)
}

fn begins(table: &Table, stays: &EventStays, clock: &Clock) -> Option<usize> {
    let is_of_events = long::is_long(table) || wide::is_wide(table);
    // Of a table that joins and begins otherwise the reason is told with its column.
    let is_told = join_column(table, stays).is_some() && start(table, clock).is_none();
    let is_fit = !is_of_events && !is_told && has_ids(table, stays, &[&STAY, &PATIENT]);
    let mut starts = table.called(&START).into_iter();
    starts.find(|at| is_fit && !matches!(table.look(*at), Look::Empty | Look::Text))
}

fn splits_of(table: &Table, stays: &EventStays) -> Option<usize> {
    let has_ids = has_ids(table, stays, &[&STAY, &PATIENT]);
    let mut splits = table.called(&SPLIT).into_iter();
    splits.find(|at| has_ids && table.look(*at) != Look::Empty)
}

fn has_ids(table: &Table, stays: &EventStays, lists: &[&[&str]]) -> bool {
    let is_own = |name: &String| stays.id.is_some_and(|id| plain(id) == plain(name));
    let mut names = table.columns.iter().chain(&table.range_index);
    names.any(|name| is_own(name) || lists.iter().any(|list| rank(name, list).is_some()))
}

fn join_column(table: &Table, stays: &EventStays) -> Option<usize> {
    match Join::of(table, stays) {
        Join::On { column, .. } if table.files.len() == 1 => Some(column),
        _ => None,
    }
}

fn why(table: &Table, stays: &EventStays, used: Option<&Cohort>) -> String {
    let files = table.files.len();
    let is_used = used.is_some_and(|used| std::ptr::eq(used.table, table));
    match (Join::of(table, stays), used) {
        _ if stays.is_of_events(table) => {
            "its rows are events, and `stays` reads a table with one row a stay".into()
        }
        _ if files > 1 => format!("the table is in {files} files, and `stays` reads one"),
        (Join::Refused(why) | Join::Repeated(why), _) => format!("the table {why}"),
        (Join::On { .. }, Some(used)) if !is_used => {
            format!("`stays` reads one table, {}", used.table.place())
        }
        (Join::On { .. }, _) => "its cells are not train, validation and test".into(),
        (Join::Unfit, _) => "the table has no row of its own for each stay".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::folder;
    use crate::layouts::{Looking, look};

    const PATIENTS: &str = "stays of one patient may come into several splits";
    const BEGINS: &str = "minutes are counted from the first event of a stay";

    /// The notes on two stays of one patient with such files beside their events.
    fn notes(files: &[(&str, &str)]) -> String {
        let events = "stay_id,charttime,item,value\n1,2150-01-01 08:00,HR,70\n1,2150-01-01 09:00,HR,71\n\
                      2,2150-02-01 08:00,HR,72\n2,2150-02-01 09:00,HR,75\n";
        let mut all = vec![("events.csv", events)];
        all.extend_from_slice(files);
        let draft = look(folder(&all).path(), Looking::default()).unwrap();
        draft.notes.join("\n")
    }

    #[test]
    fn a_table_of_stays_that_is_not_used_is_named_with_what_follows() {
        let header = "stay_id,subject_id,intime\n";
        let one = format!("{header}1,7,2150-01-01 07:00\n");
        let other = format!("{header}2,7,2150-02-01 07:00\n");
        let whole = format!("{one}2,7,2150-02-01 07:00\n");
        let twice = format!("{whole}2,7,2150-02-03 07:00\n");
        let blank = format!("{whole},,\n");
        for (files, why) in [
            (
                vec![("icu/part-0.csv", &one), ("icu/part-1.csv", &other)],
                "the table is in 2 files, and `stays` reads one",
            ),
            (vec![("icu.csv", &twice)], "has no row of its own for each"),
            (vec![("icu.csv", &blank)], "has no row of its own for each"),
        ] {
            let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (*a, b.as_str())).collect();
            let notes = notes(&files);
            for part in [
                "`subject_id`, `intime` of icu",
                "are not used",
                why,
                PATIENTS,
                BEGINS,
            ] {
                assert!(notes.contains(part), "{part}: {notes}");
            }
        }
        assert_eq!(notes(&[("icu.csv", &whole)]), "");
    }

    #[test]
    fn a_file_of_another_program_may_have_the_patients() {
        let notes = notes(&[("stays.xlsx", "PK")]);
        assert!(notes.contains(PATIENTS), "{notes}");
    }

    #[test]
    fn a_split_that_is_not_used_is_named() {
        let first = "stay_id,subject_id,intime\n1,7,2150-01-01 07:00\n2,8,2150-02-01 07:00\n";
        let second = "stay_id,age,split\n1,40,train\n2,50,test\n";
        let notes = notes(&[("a.csv", first), ("b.csv", second)]);
        let why =
            "`split` of b.csv is not used: `stays` reads one table, a.csv; so splits are drawn";
        assert!(notes.contains(why), "{notes}");
        assert!(!notes.contains(PATIENTS), "{notes}");
        let folds =
            "stay_id,subject_id,intime,fold\n1,7,2150-01-01 07:00,0\n2,8,2150-02-01 07:00,2\n";
        let notes = self::notes(&[("a.csv", folds)]);
        let why = "`fold` of a.csv is not used: its cells are not train, validation and test";
        assert!(notes.contains(why), "{notes}");
    }
}
