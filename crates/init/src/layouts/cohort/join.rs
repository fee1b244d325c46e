//! How the rows of a table beside the events find their stays.

use std::cmp::Reverse;

use super::event_stays::EventStays;
use super::outcomes::is_outcome;
use crate::layouts::{long, wide};
use crate::names::{KNOWN_AT_ADMISSION, PATIENT, STAY, plain, rank};
use crate::table::{Look, Table};

/// Names that ids of stays and of patients share.
const OF_EITHER: [&str; 2] = ["id", "stay"];

/// How the rows of a table find their stays.
pub enum Join {
    /// By the ids in a column.
    On {
        column: usize,
        /// Why this one, if it is not called as the ids of the events are.
        why: Option<String>,
    },
    /// Its ids are others than those of the stays, and why.
    Refused(String),
    /// Its ids do not tell its rows apart, and why.
    Repeated(String),
    /// It has no ids of stays, or rows of events.
    Unfit,
}

impl Join {
    pub fn of(table: &Table, stays: &EventStays) -> Self {
        if table.rows.is_empty() {
            return Join::Repeated("is in a table without rows".into());
        }
        let is_same = |name: &String| stays.id.is_some_and(|id| plain(id) == plain(name));
        if let Some(column) = table.columns.iter().position(is_same) {
            if !table.is_unique_in_files(column) {
                return repeated(table, column);
            }
            return match strangers(table, column, stays) {
                Some(why) => Join::Refused(why),
                None => Join::On { column, why: None },
            };
        }
        let candidates = (0..table.columns.len()).filter(|at| may_be_id(table, *at, stays));
        let best = candidates.min_by_key(|at| {
            let name = &table.columns[*at];
            let found = Reverse(stays.found_in(table, *at));
            (
                counts_rows(table, *at),
                found,
                is_other_kind(name, stays),
                place(name),
            )
        });
        if let Some(column) = best {
            return under_another_name(table, column, stays);
        }
        let mut ids = table.called(&STAY);
        ids.extend(table.called(&PATIENT));
        ids.first().map_or(Join::Unfit, |id| repeated(table, *id))
    }
}

fn repeated(table: &Table, id: usize) -> Join {
    if long::is_long(table) || wide::is_wide(table) {
        return Join::Unfit;
    }
    let id = &table.columns[id];
    Join::Repeated(format!(
        "has no row of its own for each `{id}`: an id is blank or comes twice"
    ))
}

fn under_another_name(table: &Table, column: usize, stays: &EventStays) -> Join {
    let name = &table.columns[column];
    let (found, count) = (stays.found_in(table, column), stays.count());
    let is_of_either = |name: &str| is_called(name, &OF_EITHER);
    // A stay that a part of the table does not have may be in the rest.
    let misses_some = table.is_whole && found < count;
    if let Some(id) = stays.id
        && (stays.stand_beside(name)
            || misses_some
                && is_other_kind(name, stays)
                && !is_of_either(name)
                && !is_of_either(id))
    {
        return Join::Refused(format!(
            "is by `{name}`, and stays are by `{id}`: a table of stays or labels needs one row a stay, with its `{id}`"
        ));
    }
    if let Some(why) = strangers(table, column, stays) {
        return Join::Refused(why);
    }
    // A few numbers are in both by chance.
    let least = match stays.all_seen_with(table) {
        true => count.min(table.rows.len()).div_ceil(2),
        false => 1,
    };
    if found < least {
        let id = stays.id.map(|id| format!("its `{id}`"));
        let id = id.unwrap_or_else(|| "the name of its file".into());
        return Join::Refused(format!(
            "is by `{name}`, which has {found} of the {count} stays that were looked at: a table of stays or \
             labels needs one row a stay, with {id}"
        ));
    }
    let counts = match counts_rows(table, column) {
        true => ", and it counts the rows of its table",
        false => "",
    };
    let why = stays.id.map(|id| {
        format!("`{name}` is taken for the `{id}` of the events: {found} of {count} stays are in it{counts}")
    });
    Join::On { column, why }
}

fn strangers(table: &Table, column: usize, stays: &EventStays) -> Option<String> {
    let (own, other) = stays.strangers(table, column)?;
    let ending = table.cells(column).find_map(|id| stays.ending_of(id));
    let mend = ending.map(|ending| format!("; write the ids without `{ending}`"));
    Some(format!(
        "has ids such as `{other}`, and the events such as `{own}`: no stay is in both{}",
        mend.unwrap_or_default()
    ))
}

/// Whether a column tells rows apart and is called like ids, or has the ids of all stays.
fn may_be_id(table: &Table, column: usize, stays: &EventStays) -> bool {
    let name = &table.columns[column];
    if table.is_row_number(column) || !table.is_unique_in_files(column) {
        return false;
    }
    let is_known = rank(name, &KNOWN_AT_ADMISSION).is_some() || is_outcome(name);
    let has_all = || {
        matches!(table.look(column), Look::Number | Look::Text)
            && !is_known
            && !counts_rows(table, column)
            && stays.found_in(table, column) == stays.count()
    };
    is_called(name, &STAY) || is_called(name, &PATIENT) || has_all()
}

/// Whether a column numbers the rows of its table, from 0 or from 1.
fn counts_rows(table: &Table, column: usize) -> bool {
    let number = |row: &Vec<String>| row[column].trim().parse::<f64>().ok();
    let Some(first) = table.rows.first().and_then(number) else {
        return false;
    };
    let mut rows = (0_u32..).zip(&table.rows);
    (first == 0.0 || first == 1.0)
        && rows.all(|(at, row)| number(row) == Some(first + f64::from(at)))
}

fn is_called(name: &str, list: &[&str]) -> bool {
    rank(name, list).is_some()
}

/// Whether a column is called like ids of patients where the events have those of stays, or the reverse.
fn is_other_kind(name: &str, stays: &EventStays) -> bool {
    let apart = |one: &str, other: &str| is_called(one, &STAY) && is_called(other, &PATIENT);
    stays
        .id
        .is_some_and(|id| apart(id, name) || apart(name, id))
}

/// The place of a name among those of ids: the smaller, the likelier.
fn place(name: &str) -> usize {
    let of_patients = || rank(name, &PATIENT).map(|place| STAY.len() + place);
    let place = rank(name, &STAY).or_else(of_patients);
    place.unwrap_or(STAY.len() + PATIENT.len())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{folder, recipe};
    use crate::layouts::{Looking, look};

    /// The labels of events of these columns of ids, with a table of labels beside them; and the notes.
    fn joined(ids: &str, rows: &[&str], table: &str) -> (String, String) {
        let mut events = format!("{ids},hour,variable,value\n");
        for row in rows {
            events += &format!("{row},0,HR,70\n{row},1,HR,71\n{row},2,HR,75\n");
        }
        let folder = folder(&[("events.csv", &events), ("labels.csv", table)]);
        let draft = look(folder.path(), Looking::default()).unwrap();
        let text = draft.recipe("x", "data");
        let line = text.lines().find(|line| line.starts_with("labels = "));
        (line.unwrap_or_default().into(), draft.notes.join("\n"))
    }

    #[test]
    fn labels_of_patients_are_no_labels_of_admissions() {
        let rows = ["1,2", "2,1", "3,3", "4,3"];
        let (labels, notes) = joined(
            "hadm_id,subject_id",
            &rows,
            "subject_id,expire_flag\n1,0\n2,1\n3,1\n",
        );
        assert_eq!(labels, "labels = \"none\"");
        let why = "`expire_flag` of labels.csv is by `subject_id`, and stays are by `hadm_id`";
        assert!(notes.contains(why), "{notes}");
    }

    #[test]
    fn a_number_of_rows_is_not_preferred_to_an_id() {
        for (events, table, id) in [
            (
                "patient_id",
                "id,subject_id,died\n1,3,1\n2,1,0\n3,2,1\n",
                "subject_id",
            ),
            (
                "patient_id",
                "record_id,mrn,died\n1,3,1\n2,1,0\n3,2,1\n",
                "mrn",
            ),
            (
                "stay_id",
                "id,ICU_stay,died\n1,3,1\n2,1,0\n3,2,1\n",
                "ICU_stay",
            ),
            (
                "stay_id",
                "row,ICU_stay,died\n7,3,1\n9,1,0\n8,2,1\n",
                "ICU_stay",
            ),
        ] {
            let (labels, notes) = joined(events, &["1", "2", "3"], table);
            assert!(labels.contains(&format!("id = \"{id}\"")), "{labels}");
            let why = format!("`{id}` is taken for the `{events}` of the events: 3 of 3 stays");
            assert!(notes.contains(&why), "{notes}");
        }
        let (labels, notes) = joined("stay_id", &["1", "2"], "id,died\n1,0\n2,1\n");
        assert!(labels.contains("id = \"id\""), "{labels}");
        assert!(notes.contains("it counts the rows"), "{notes}");
        let (labels, notes) = joined("stay_id", &["1", "2"], "stay_id,died\n1,0\n2,1\n");
        assert!(
            labels.contains("id = \"stay_id\"") && notes.is_empty(),
            "{notes}"
        );
    }

    #[test]
    fn ids_of_a_patient_are_those_of_stays_only_if_all_are_there() {
        let table = "subject_id,died\n1,0\n2,1\n";
        let (all, _) = joined("stay_id", &["1", "2"], table);
        assert!(all.contains("id = \"subject_id\""), "{all}");
        let (some, notes) = joined("stay_id", &["1", "2", "3"], table);
        assert_eq!(some, "labels = \"none\"", "{notes}");
    }

    #[test]
    fn ids_of_which_a_few_are_those_of_stays_are_refused() {
        let ids: Vec<String> = (1..=30).map(|id| id.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let table = |from: u32, to: u32| -> String {
            let rows = (from..=to).rev().map(|id| format!("{id},{}\n", id % 2));
            format!("hadm_id,died\n{}", rows.collect::<String>())
        };
        let (labels, notes) = joined("stay_id", &ids, &table(25, 60));
        assert_eq!(labels, "labels = \"none\"");
        let why = "`died` of labels.csv is by `hadm_id`, which has 6 of the 30 stays";
        assert!(notes.contains(why), "{notes}");
        for (from, to) in [(1, 8), (16, 60), (1, 90)] {
            let (labels, notes) = joined("stay_id", &ids, &table(from, to));
            assert!(labels.contains("id = \"hadm_id\""), "{labels}");
            assert!(notes.contains("`hadm_id` is taken for"), "{notes}");
        }
    }

    #[test]
    fn a_bare_id_may_be_that_of_patients_of_whom_some_have_no_label() {
        for (events, id) in [("patient_id", "id"), ("id", "patient_id")] {
            let table = format!("{id},died\n7,0\n9,1\n");
            let (labels, notes) = joined(events, &["7", "8", "9"], &table);
            assert!(labels.contains(&format!("id = \"{id}\"")), "{labels}");
            let why = format!("`{id}` is taken for the `{events}` of the events: 2 of 3 stays");
            assert!(notes.contains(&why), "{notes}");
        }
    }

    /// Rows of so many cells that about a thousand of them are looked at.
    #[test]
    fn stays_may_be_in_rows_that_were_not_looked_at() {
        let columns: String = (0..1000).map(|column| format!(",c{column}")).collect();
        let mut table = format!("record_id,died{columns}\n");
        for id in 1..=1100 {
            table += &format!("{id},{}{}\n", id % 2, ",".repeat(1000));
        }
        let (labels, notes) = joined("patient_id", &["1", "2", "1090"], &table);
        assert!(labels.contains("id = \"record_id\""), "{notes}");
        assert!(notes.contains("2 of 3 stays are in it"), "{notes}");
        let (labels, notes) = joined("patient_id", &["1089", "1090"], &table);
        assert_eq!(labels, "labels = \"none\"");
        let why = "is by `record_id`, which has 0 of the 2 stays that were looked at";
        assert!(notes.contains(why), "{notes}");
    }

    #[test]
    fn ids_that_are_names_of_files_are_named() {
        let grid = "hour,HR\n0,70\n1,71\n";
        let folder = folder(&[
            ("ts/7.csv", grid),
            ("ts/8.csv", grid),
            ("list.csv", "stay,y_true\n7.csv,0\n8.csv,1\n"),
        ]);
        let draft = look(folder.path(), Looking::default()).unwrap();
        let notes = draft.notes.join("\n");
        let why = "`y_true` of list.csv has ids such as `7.csv`, and the events such as `7`: no stay is in both; \
                   write the ids without `.csv`";
        assert!(notes.contains(why), "{notes}");
        assert!(!draft.is_labelled);
    }

    #[test]
    fn two_spellings_of_a_number_are_compared_by_value() {
        let text = recipe(&[("labels.csv", "stay_id,died\n001,0\n002,1\n")]);
        assert!(text.contains("\nids = \"number\"\n"), "{text}");
        let text = recipe(&[("labels.csv", "stay_id,died\n1.0,0\n2.0,1\n")]);
        assert!(!text.contains("\nids = "), "{text}");
    }
}
