//! Patients and begins of stays that the data tell and the recipe does not take.

use super::event_stays::EventStays;
use super::join::Join;
use super::split::{IDS, has_id};
use super::{Cohort, start};
use crate::draft::Draft;
use crate::layouts::clock::Clock;
use crate::layouts::{long, wide};
use crate::names::{PATIENT, START, STAY, rank};
use crate::table::{Look, Table};
use pipeline_error::listed::{are, first_names, first_of};

/// What a recipe lacks.
struct Lacks {
    patients: bool,
    begins: bool,
}

impl Lacks {
    fn of(stays: &EventStays, used: Option<&Cohort>, clock: &Clock) -> Self {
        let is_by_patient = stays.id.is_some_and(|id| rank(id, &PATIENT).is_some());
        Self {
            patients: !is_by_patient && used.is_none_or(|cohort| cohort.patient.is_none()),
            begins: clock.is_dates && used.is_none_or(|one| start(one.table, clock).is_none()),
        }
    }
}

/// Names the columns of patients and begins that no setting reads although the recipe lacks such, and the files that may
/// have them.
pub fn note(stays: &EventStays, used: Option<&Cohort>, clock: &Clock, draft: &mut Draft) {
    let lacks = Lacks::of(stays, used, clock);
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

/// Names the tables like the one that `stays` reads, as of other sites.
pub fn note_alike(used: Option<&Cohort>, cohorts: &[Cohort], draft: &mut Draft) {
    let Some(used) = used else { return };
    // A copy, or a part that was put aside, leaves no stay out.
    let is_other = |one: &&Cohort| {
        one.is_alike(used) && !std::ptr::eq(one.table, used.table) && one.has_more_than(used)
    };
    let others: Vec<&str> = cohorts
        .iter()
        .filter(is_other)
        .map(|one| one.table.place())
        .collect();
    if !others.is_empty() {
        let (have, their) = match others.len() {
            1 => ("has", "its"),
            _ => ("have", "their"),
        };
        draft.note(format!(
            "`stays` reads one file: {} {have} these columns too, and {their} stays are left out until all are in one file",
            first_of(others, 8)
        ));
    }
}

/// Patients beside ids of stays; a table that joins by the patients themselves says nothing.
fn patients(table: &Table, stays: &EventStays) -> Option<usize> {
    let join = join_column(table, stays);
    let has_stays = has_id(table, stays.id, &[&STAY]);
    let mut patients = table.called(&PATIENT).into_iter();
    patients.find(|at| has_stays && Some(*at) != join && table.look(*at) != Look::Empty)
}

fn begins(table: &Table, stays: &EventStays, clock: &Clock) -> Option<usize> {
    let is_of_events = long::is_long(table) || wide::is_wide(table);
    // `note_other_clock` tells the reason of a table that joins.
    let is_told = join_column(table, stays).is_some() && start(table, clock).is_none();
    let is_fit = !is_of_events && !is_told && has_id(table, stays.id, &IDS);
    let mut starts = table.called(&START).into_iter();
    starts.find(|at| is_fit && !matches!(table.look(*at), Look::Empty | Look::Text))
}

fn join_column(table: &Table, stays: &EventStays) -> Option<usize> {
    match Join::of(table, stays) {
        Join::On { column, .. } if table.files.len() == 1 => Some(column),
        _ => None,
    }
}

fn why(table: &Table, stays: &EventStays, used: Option<&Cohort>) -> String {
    let files = table.files.len();
    match (Join::of(table, stays), used) {
        _ if stays.is_of_events(table) => {
            "its rows are events, and `stays` reads a table with one row a stay".into()
        }
        _ if files > 1 => format!("the table is in {files} files, and `stays` reads one"),
        (Join::Refused(why) | Join::Repeated(why), _) => format!("the table {why}"),
        (Join::On { .. }, Some(used)) => {
            format!("`stays` reads one table, {}", used.table.place())
        }
        (Join::On { .. } | Join::Unfit, _) => {
            "the table has no row of its own for each stay".into()
        }
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
    fn the_patients_of_a_second_table_of_stays_are_named() {
        let first = "stay_id,intime\n1,2150-01-01 07:00\n2,2150-02-01 07:00\n";
        let second = "stay_id,subject_id\n1,7\n2,8\n";
        let notes = notes(&[("a.csv", first), ("b.csv", second)]);
        let why = "`subject_id` of b.csv is not used: `stays` reads one table, a.csv; so ";
        assert!(notes.contains(&format!("{why}{PATIENTS}")), "{notes}");
        assert!(!notes.contains(BEGINS), "{notes}");
    }

    #[test]
    fn of_copies_and_parts_of_one_table_of_stays_the_largest_is_read_in_silence() {
        let part = "stay_id,subject_id,intime\n1,7,2150-01-01 07:00\n";
        let whole = format!("{part}2,7,2150-02-01 07:00\n");
        let events = "stay_id,charttime,item,value\n1,2150-01-01 08:00,HR,70\n1,2150-01-01 09:00,HR,71\n\
                      2,2150-02-01 08:00,HR,72\n2,2150-02-01 09:00,HR,75\n";
        for other in [part, &whole] {
            let files = [
                ("e.csv", events),
                ("archive/st.csv", other),
                ("icu/st.csv", &whole),
            ];
            let draft = look(folder(&files).path(), Looking::default()).unwrap();
            let read = if other == part { "icu" } else { "archive" };
            let read = format!("stays = {{ path = \"${{vars.root}}/{read}/st.csv\"");
            let text = draft.recipe("x", "data");
            assert!(text.contains(&read), "{text}");
            let notes = draft.notes.join("\n");
            assert!(!notes.contains("has these columns too"), "{notes}");
        }
    }

    #[test]
    fn of_stays_of_several_sites_those_with_the_label_are_read_and_the_rest_named() {
        let site =
            |stay: u32, died: &str| format!("stay_id,subject_id,died\n{stay},{stay},{died}\n");
        let stays = |stay: u32| format!("stay_id,subject_id\n{stay},{stay}\n");
        for (one, other, read, left) in [
            (site(1, "0"), site(2, "1\n3,3,0"), "B", "A"),
            (site(1, "1\n3,3,0"), site(2, "0"), "A", "B"),
            (stays(1), stays(2), "A", "B"),
        ] {
            let events = "stay_id,hour,item,value\n1,0,HR,70\n1,1,HR,71\n2,0,HR,72\n2,1,HR,75\n";
            let files = [("e.csv", events), ("A/st.csv", &one), ("B/st.csv", &other)];
            let draft = look(folder(&files).path(), Looking::default()).unwrap();
            let text = draft.recipe("x", "data");
            let read = format!("stays = {{ path = \"${{vars.root}}/{read}/st.csv\"");
            assert!(text.contains(&read), "{text}");
            let why = format!(
                "`stays` reads one file: {left}/st.csv has these columns too, and its stays are left out until"
            );
            let notes = draft.notes.join("\n");
            assert!(notes.contains(&why), "{notes}");
        }
    }
}
