//! What columns of ids, and of the numbers of rows, are usually called.

use arrow::datatypes::Schema;
use serde_json::Value;

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

/// Words that may be called so whatever they are: `stay`, the days of one.
const WORDS: [&str; 5] = ["stay", "icustay", "subject", "patient", "person"];

fn plain(name: &str) -> String {
    name.to_lowercase().replace(['_', ' ', '-'], "")
}

fn is_one_of(name: &str, usual: &[&str]) -> bool {
    usual.contains(&plain(name).as_str())
}

/// Whether two names of columns of stays are two kinds of ids. A stay's own id has several names; `stay_id` is what tables of
/// this program call any.
pub(crate) fn are_two_kinds_of_stays(one: &str, other: &str) -> bool {
    let is_own = |name| is_one_of(name, &["stayid", "stay", "icustayid", "icustay"]);
    let both = [one, other];
    both.iter().all(|name| names_stays(name))
        && plain(one) != plain(other)
        && plain(one) != "stayid"
        && !both.into_iter().all(is_own)
}

/// Whether a column of this name may be anything: a word, or an `id` that does not say of what.
pub(crate) fn says_nothing_of_ids(name: &str) -> bool {
    is_one_of(name, &WORDS) || is_one_of(name, &["id"])
}

/// Whether a column of this name usually has the numbers of rows.
pub(crate) fn numbers_rows(name: &str) -> bool {
    is_one_of(name, &["rowid", "rownumber", "rownum"])
}

/// Whether a column of this name usually has ids of stays.
pub(crate) fn names_stays(name: &str) -> bool {
    is_one_of(name, &OF_STAYS)
}

/// Whether a column of this name usually has ids of anything.
pub(crate) fn names_ids(name: &str) -> bool {
    let is_word = is_one_of(name, &WORDS);
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

/// The columns that pandas notes as the index of its table.
pub(crate) fn pandas_index(schema: &Schema) -> Vec<String> {
    let note = schema.metadata().get("pandas");
    let note = note.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let columns = note
        .as_ref()
        .and_then(|note| note["index_columns"].as_array());
    // An index that only counts rows is no column, and described by an object.
    let names = columns.into_iter().flatten().filter_map(Value::as_str);
    names.map(String::from).collect()
}
