//! Columns of outcomes: by their names, and those that are no labels although they look like some.

use std::collections::BTreeSet;

use super::{constant, id_of};
use crate::folder::Folder;
use crate::names::{KNOWN_AT_ADMISSION, OUTCOME, plain, rank};
use crate::table::Table;
use pipeline_error::listed::{first_names, first_of};

/// Texts that say of two classes which it is.
const CLASSES: [&str; 12] = [
    "yes", "no", "y", "n", "alive", "living", "survived", "expired", "dead", "died", "deceased",
    "home",
];

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

/// Columns that look like labels and cannot be read as such, and why.
pub fn rejected(folder: &Folder, id: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    for table in &folder.tables {
        let Some(at_id) = id_of(table, id) else {
            continue;
        };
        for at in (0..table.columns.len()).filter(|at| *at != at_id) {
            if rank(&table.columns[at], &KNOWN_AT_ADMISSION).is_none()
                && let Some(why) = why_not(table, at)
            {
                let (name, files) = (&table.columns[at], first_of(&table.files, 4));
                found.push(format!("`{name}` of {files} {why}"));
            }
        }
    }
    found
}

fn why_not(table: &Table, at: usize) -> Option<String> {
    let texts: BTreeSet<&str> = table.cells(at).collect();
    let is_named = is_outcome(&table.columns[at]);
    let is_class = |text: &&str| CLASSES.contains(&&*text.to_lowercase());
    if table.is_binary(at) {
        return match (constant(table, at), &table.files[..]) {
            (Some(text), _) if is_named => Some(format!("is {text} in every row")),
            (None, [_, _, ..]) => Some("is in several files, and `labels` reads one".into()),
            _ => None,
        };
    }
    let are_classes = texts.len() <= 2 && texts.iter().all(is_class);
    let is_number = texts.iter().all(|text| text.parse::<f64>().is_ok());
    if texts.is_empty() || !(are_classes || is_named && !is_number) {
        return None;
    }
    Some(format!(
        "holds {}, and labels are 0 and 1",
        first_names(texts, 3)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::recipe;
    use super::*;

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
}
