//! What columns of ids, and of the numbers of rows, are usually called.

/// Headers that say that ids are those of stays, in lower case and without `_`.
const OF_STAYS: [&str; 13] = [
    "stayid",
    "stay",
    "icustayid",
    "icustay",
    "recordid",
    "hadmid",
    "encounterid",
    "admissionid",
    "visitid",
    "patientunitstayid",
    "encounternum",
    "caseid",
    "transferid",
];
/// The same of patients.
const OF_PATIENTS: [&str; 10] = [
    "subjectid",
    "subject",
    "patientid",
    "patient",
    "personid",
    "person",
    "mrn",
    "uniquepid",
    "patid",
    "patientnbr",
];

fn is_one_of(name: &str, usual: &[&str]) -> bool {
    let plain = name.to_lowercase().replace(['_', ' ', '-'], "");
    usual.contains(&plain.as_str())
}

/// Whether a column of this name usually has ids of stays.
pub(crate) fn names_stays(name: &str) -> bool {
    is_one_of(name, &OF_STAYS)
}

/// Whether a column of this name usually has ids of anything.
pub(crate) fn names_ids(name: &str) -> bool {
    // A bare word may be something else: `stay`, the days of one.
    let is_word = is_one_of(name, &["stay", "icustay", "subject", "patient", "person"]);
    let is_usual = names_stays(name) || names_patients(name);
    is_usual && !is_word || is_one_of(name, &["id", "rowid"])
}

/// Whether a column of this name usually has ids of patients.
pub(crate) fn names_patients(name: &str) -> bool {
    is_one_of(name, &OF_PATIENTS)
}

/// Whether a column is called as tools call the number of a row: pandas `Unnamed: 0`,
/// `__index_level_0__` or nothing at all (as R and Polars do), readr `...1`.
pub(crate) fn counts_rows(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let level = name.strip_prefix("__index_level_");
    let unnamed = name.strip_prefix("Unnamed: ");
    name.is_empty()
        || unnamed.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        || name.strip_prefix("...").is_some_and(digits)
        || level
            .and_then(|level| level.strip_suffix("__"))
            .is_some_and(digits)
}

/// What is wrong with a column that counts rows, as a complaint about its file goes on.
pub(crate) fn index_in_words(name: &str) -> String {
    match name {
        "" => "has a column without a name, as an index has that pandas or R writes".into(),
        _ => format!("column `{name}` is the index of the table that was written"),
    }
}

/// Names that are given to the number of a row where it stands first: by `reset_index`, R, Spark
/// and DuckDB.
pub(crate) fn may_count_rows(name: &str) -> bool {
    [
        "index",
        "level_0",
        "rownames",
        "row_names",
        "_c0",
        "column0",
        "column00",
    ]
    .contains(&name)
}
