//! Columns of outcomes: by their names, and those that are no labels although they look like some.

use std::collections::BTreeSet;

use super::constant;
use super::event_stays::EventStays;
use super::join::Join;
use crate::draft::Draft;
use crate::layouts::{long, wide};
use crate::names::{KNOWN_AT_ADMISSION, OUTCOME, PATIENT, SPLIT, STAY, plain, rank};
use crate::table::Table;
use pipeline_error::Error;
use pipeline_error::listed::{first_names, first_of};

/// Texts that say of two classes which it is.
const CLASSES: [&str; 12] = [
    "yes", "no", "y", "n", "alive", "living", "survived", "expired", "dead", "died", "deceased",
    "home",
];

/// Why an outcome in the rows of events is no label.
const IN_ROWS: &str =
    "is in the rows of the events, and labels are read of a table with one row a stay";

/// Why an outcome beside the events, in a table that no id joins to them, is no label.
const NO_IDS: &str = "is in a table without a column that is called as ids of stays";

/// Whole numbers of more than so many values are measured, not classes.
const MOST_CLASSES: usize = 10;

/// Whether a name tells of what became of a stay: its length, its end, a death.
pub fn is_outcome(name: &str) -> bool {
    let whole = plain(name);
    let of_whole = [
        "expireflag",
        "lengthofstay",
        "dischargelocation",
        "dischargedisposition",
        "dischargestatus",
    ];
    let lower = name.to_lowercase();
    let mut parts = lower.split(|letter: char| !letter.is_alphanumeric());
    let of_part = |part: &str| {
        matches!(part, "los" | "expire" | "died")
            || part.contains("death")
            || part.starts_with("mort")
            || part.ends_with("mortality")
            || part.starts_with("surviv")
    };
    rank(name, &OUTCOME).is_some()
        || of_whole.iter().any(|part| whole.contains(part))
        || parts.any(of_part)
}

/// How likely a column of 0 and 1 is the label, by its name: the smaller, the likelier.
pub fn place(name: &str) -> usize {
    let of_patients = ["male", "female", "ismale", "isfemale"];
    match rank(name, &OUTCOME) {
        Some(place) => place,
        None if is_outcome(name) => OUTCOME.len(),
        None if rank(name, &of_patients).is_some() => OUTCOME.len() + 2,
        None => OUTCOME.len() + 1,
    }
}

/// Names the columns that look like labels and are none. Where labels were found, only those of stays by other ids.
pub fn note(stays: &EventStays, draft: &mut Draft) {
    let rejected = rejected(stays, None).into_iter();
    match draft.is_labelled {
        true => {
            let by_others = rejected.filter(|one| one.is_by_others);
            by_others.for_each(|one| draft.note(format!("not the label: {}", one.text)));
        }
        false => draft.no_labels(rejected.map(|one| one.text).collect()),
    }
}

/// The complaint about a label that was asked for and cannot be read as one.
pub fn complaint(label: &str, stays: &EventStays) -> Option<Error> {
    let begin = format!("`{label}` of ");
    let mut rejected = rejected(stays, Some(label)).into_iter();
    let found = rejected.find(|one| one.text.starts_with(&begin))?;
    Some(Error::Usage {
        message: format!("--label {label}: {}", found.text),
        hint: Some(
            "labels are in a table with one row a stay: its id, and whole numbers from 0".into(),
        ),
    })
}

/// A column that looks like a label.
struct Rejected {
    /// Which it is, and why it is none.
    text: String,
    /// Whether its rows have ids, but not those of the stays.
    is_by_others: bool,
}

/// Columns that look like labels and are none, and the one that was asked for.
fn rejected(stays: &EventStays, asked: Option<&str>) -> Vec<Rejected> {
    let mut found = Vec::new();
    for table in &stays.folder.tables {
        let join = match stays.is_of_events(table) {
            true => Join::Unfit,
            false => Join::of(table, stays),
        };
        let has_events = stays.is_of_events(table) || long::is_long(table) || wide::is_wide(table);
        for (at, name) in table.columns.iter().enumerate() {
            let is_asked = asked == Some(name);
            let why = match &join {
                Join::On { column, .. } if *column != at => why_not(table, at),
                Join::Refused(why) | Join::Repeated(why)
                    if is_asked || is_outcome(name) || is_class(table, at) =>
                {
                    Some(why.clone())
                }
                Join::Unfit if is_outcome(name) && table.is_binary(at) => match has_events {
                    true => Some(IN_ROWS.into()),
                    false => Some(NO_IDS.into()),
                },
                Join::Unfit if is_asked && !has_events => Some(NO_IDS.into()),
                _ => None,
            };
            if let Some(why) = why {
                let files = first_of(&table.files, 4);
                found.push(Rejected {
                    text: format!("`{name}` of {files} {why}"),
                    is_by_others: matches!(join, Join::Refused(_)),
                });
            }
        }
    }
    found
}

/// Whether a column has two classes in its rows, whatever its name.
fn is_class(table: &Table, at: usize) -> bool {
    let is_in = |list: &[&str]| rank(&table.columns[at], list).is_some();
    let is_other = is_in(&KNOWN_AT_ADMISSION) || is_in(&STAY) || is_in(&PATIENT);
    !is_other && table.is_binary(at) && constant(table, at).is_none()
}

/// Why a column of a table with one row a stay is no label; none where it does not look like one.
fn why_not(table: &Table, at: usize) -> Option<String> {
    let name = &table.columns[at];
    let is_in = |list: &[&str]| rank(name, list).is_some();
    if is_in(&KNOWN_AT_ADMISSION) || is_in(&SPLIT) || is_in(&STAY) || is_in(&PATIENT) {
        return None;
    }
    let texts: BTreeSet<&str> = table.cells(at).collect();
    let is_named = is_outcome(name);
    if table.is_binary(at) {
        return match (constant(table, at), &table.files[..]) {
            (Some(text), _) if is_named => Some(format!("is {text} in every row")),
            (None, [_, _, ..]) => Some("is in several files, and `labels` reads one".into()),
            _ => None,
        };
    }
    let is_class = |text: &&str| CLASSES.contains(&&*text.to_lowercase());
    let are_classes = texts.len() <= 2 && texts.iter().all(is_class);
    if !texts.is_empty() && (are_classes || is_named) {
        let texts = first_names(texts, 3);
        return Some(format!("holds {texts}, and labels are 0 and 1"));
    }
    let classes = table.classes(at).filter(|classes| *classes <= MOST_CLASSES);
    let classes = classes.filter(|_| texts.len() > 1 && !table.is_unique(at))?;
    Some(format!(
        "holds whole numbers to {}: `--label {name}` takes them for classes",
        classes - 1
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{draft, folder, recipe};
    use super::*;
    use crate::layouts::{Looking, look};

    #[test]
    fn outcomes_are_told_by_their_names() {
        for name in [
            "los",
            "los_icu",
            "Length_of_stay",
            "hours_to_death",
            "discharge_location",
            "mort_hosp",
            "in_hospital_death_flag",
            "hospital_expire_flag",
            "survival",
        ] {
            assert!(is_outcome(name), "{name}");
        }
        for name in [
            "glucose",
            "iculos",
            "dead_space",
            "tidal_volume_expired",
            "HR",
        ] {
            assert!(!is_outcome(name), "{name}");
        }
    }

    #[test]
    fn an_outcome_comes_before_a_sex_and_a_constant_is_no_label() {
        let table =
            "stay_id,male,diabetes,in_hospital_death_flag,readmitted\n1,0,1,0,0\n2,1,0,1,0\n";
        let text = recipe(&[("stays.csv", table)]);
        assert!(
            text.contains("column = \"in_hospital_death_flag\""),
            "{text}"
        );
        assert!(!text.contains("readmitted"), "{text}");
        let text = recipe(&[("stays.csv", "stay_id,died\n1,0\n2,0\n")]);
        assert!(text.contains("labels = \"none\""), "{text}");
        assert!(
            text.contains("`died` of stays.csv is 0 in every row"),
            "{text}"
        );
    }

    #[test]
    fn what_is_no_label_is_named() {
        let text = recipe(&[("labels.csv", "stay_id,died\n1,yes\n2,no\n")]);
        let why = "`died` of labels.csv holds `no`, `yes`, and labels are 0 and 1";
        assert!(text.contains(why), "{text}");
        assert!(!text.contains("No labels were found."), "{text}");
        let text = recipe(&[("patient.csv", "stay_id,status\n1,Expired\n2,Alive\n")]);
        assert!(text.contains("`status` of patient.csv holds"), "{text}");
        let text = recipe(&[
            ("labels_train.csv", "stay_id,label\n1,0\n2,1\n"),
            ("labels_test.csv", "stay_id,label\n3,1\n"),
        ]);
        assert!(text.contains("in several files"), "{text}");
        assert!(text.contains("labels = \"none\""), "{text}");
    }

    #[test]
    fn numbers_that_are_not_0_and_1_are_named() {
        for (table, why) in [
            (
                "stay_id,died\n1,1\n2,2\n",
                "`died` of y.csv holds `1`, `2`, and",
            ),
            (
                "stay_id,los_days\n1,1.5\n2,2.5\n",
                "`los_days` of y.csv holds `1.5`, `2.5`",
            ),
            (
                "stay_id,severity\n1,0\n2,2\n3,1\n4,2\n",
                "`severity` of y.csv holds whole numbers to 2: `--label severity` takes them",
            ),
        ] {
            let draft = draft(&[("y.csv", table)]);
            let notes = draft.notes.join("\n");
            assert!(notes.contains(why) && !draft.is_labelled, "{notes}");
        }
        let folder = folder(&[
            (
                "events.csv",
                "stay_id,hour,variable,value\n1,0,HR,7\n1,1,HR,8\n2,0,HR,9\n",
            ),
            ("y.csv", "stay_id,severity\n1,0\n2,2\n"),
        ]);
        let asked = Looking {
            label: Some("severity"),
        };
        let text = look(folder.path(), asked).unwrap().recipe("x", "data");
        assert!(text.contains("\nnum_classes = 3\n"), "{text}");
    }

    #[test]
    fn labels_in_several_files_or_in_the_rows_of_events_are_named() {
        let table = "stay_id,label\n1,0\n2,1\n";
        let text = recipe(&[("y/mortality.csv", table), ("y/readmission.csv", table)]);
        let why = "`label` of y/mortality.csv, y/readmission.csv is in several files";
        assert!(text.contains(why), "{text}");

        let rows = "stay_id,hour,variable,value,DIED\n1,0,HR,70,0\n1,1,HR,71,0\n2,0,HR,75,1\n";
        let folder = folder(&[("events.csv", rows)]);
        let draft = look(folder.path(), Looking::default()).unwrap();
        let notes = draft.notes.join("\n");
        assert!(
            notes.contains("`DIED` of events.csv is in the rows"),
            "{notes}"
        );
    }

    #[test]
    fn a_label_in_a_table_that_does_not_join_is_named_and_not_denied() {
        let events = "stay_id,hour,variable,value\n1,0,HR,7\n1,1,HR,8\n2,0,HR,9\n";
        let repeated = "`died` of y.csv has no row of its own for each";
        for (table, why) in [
            ("stay_id,died\n1,0\n1,0\n2,1\n", repeated),
            ("stay_id,died\n1,0\n,1\n2,1\n", repeated),
            ("hadm_id,stay_id,died\n6,1,0\n7,NA,1\n8,2,1\n", repeated),
            ("icustay_id,died\n1,0\n1,0\n2,1\n", repeated),
            (
                "stay_id,died\n",
                "`died` of y.csv is in a table without rows",
            ),
            (
                "healthsystemstay,died\n71,0\n72,1\n",
                "`died` of y.csv is in a table without a column that is called as ids",
            ),
        ] {
            let folder = folder(&[("events.csv", events), ("y.csv", table)]);
            let draft = look(folder.path(), Looking::default()).unwrap();
            assert!(!draft.is_labelled);
            let text = draft.recipe("x", "data");
            assert!(text.contains(why), "{text}");
            let asked = Looking {
                label: Some("died"),
            };
            let error = look(folder.path(), asked).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_label_of_other_ids_is_named_beside_one_that_is_taken() {
        let events = "subject_id,hadm_id,stay_id,hour,variable,value\n7,8,1,0,HR,70\n7,8,1,1,HR,71\n\
                      9,10,2,0,HR,72\n9,10,2,1,HR,73\n";
        let admissions = "subject_id,hadm_id,hospital_expire_flag\n7,8,0\n9,10,1\n";
        let stays = "stay_id,readmitted\n1,0\n2,1\n";
        for (files, is_labelled) in [
            (
                vec![("events.csv", events), ("admissions.csv", admissions)],
                false,
            ),
            (
                vec![
                    ("events.csv", events),
                    ("admissions.csv", admissions),
                    ("stays.csv", stays),
                ],
                true,
            ),
        ] {
            let draft = look(folder(&files).path(), Looking::default()).unwrap();
            let notes = draft.notes.join("\n");
            let why = "`hospital_expire_flag` of admissions.csv is by `hadm_id`, and stays are by `stay_id`";
            assert!(notes.contains(why), "{notes}");
            assert_eq!(draft.is_labelled, is_labelled);
            let asked = Looking {
                label: Some("hospital_expire_flag"),
            };
            let error = look(folder(&files).path(), asked).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}
