//! Numbers that name variables, and measured ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::layouts::wide::Columns;
use crate::names::{VARIABLE, VARIABLE_OR_MEASURED, plain, rank};
use crate::table::Table;

/// Beginnings of names of ids in one word, beside those that name variables alone.
const OF_IDS: [&str; 3] = ["data", "param", "lab"];

/// From here on whole numbers are codes rather than measured, and so are those as far from each other as the second.
const LEAST_CODE: f64 = 1000.0;
const APART: f64 = 50.0;

/// Whether the numbers of a column are whole, and codes by its name or by their rows. Measured ones are whole too.
pub fn are_codes(table: &Table, columns: &Columns, column: usize) -> bool {
    let name = &table.columns[column];
    let is_called = rank(name, &VARIABLE_OR_MEASURED).is_some() || is_called_code(name);
    let numbers: Option<Vec<f64>> = table.cells(column).map(|text| text.parse().ok()).collect();
    let numbers = numbers.unwrap_or_default();
    numbers.len() == table.rows.len()
        && numbers.iter().all(|number| number.fract() == 0.0)
        && (is_called || are_far_apart(numbers) || are_keys_of_times(table, columns, column))
}

/// Whether a column is called like codes. `fluid`, `INR` and `inhaled_no` are measured.
fn is_called_code(name: &str) -> bool {
    ["code", "item"]
        .iter()
        .any(|end| plain(name).ends_with(end))
        || ["id", "nr"].contains(&last_word(name).as_str())
        || ["id", "nr", "no"]
            .iter()
            .any(|end| is_of_variable(name, end))
}

/// Whether a column is called like ids; in one word only if it is of variables, or another in every row.
pub fn is_id(table: &Table, column: usize) -> bool {
    let name = &table.columns[column];
    last_word(name) == "id"
        || is_of_variable(name, "id")
        || plain(name).ends_with("id") && table.is_unique(column)
}

/// Whether a name is one of variables but for its end, as `itemid` is.
fn is_of_variable(name: &str, end: &str) -> bool {
    let name = plain(name);
    let begin = name.strip_suffix(end);
    begin.is_some_and(|begin| rank(begin, &VARIABLE).or(rank(begin, &OF_IDS)).is_some())
}

/// The last word of a name, in small letters: `id` of `order_id` and of `orderId`.
fn last_word(name: &str) -> String {
    let name = name.trim_end_matches(|letter: char| !letter.is_alphanumeric());
    let (mut word, mut before) = (String::new(), ' ');
    for letter in name.chars() {
        if !letter.is_alphanumeric() || before.is_lowercase() && letter.is_uppercase() {
            word.clear();
        }
        word.extend(
            letter
                .to_lowercase()
                .filter(|letter| letter.is_alphanumeric()),
        );
        before = letter;
    }
    word
}

/// Whether numbers come again often, and are large or no neighbours.
fn are_far_apart(mut numbers: Vec<f64>) -> bool {
    let rows = numbers.len();
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    let mut gaps: Vec<f64> = numbers.windows(2).map(|two| two[1] - two[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let median = gaps.get(gaps.len().saturating_sub(1) / 2);
    4 * numbers.len() <= rows
        && (numbers.first().is_some_and(|least| *least >= LEAST_CODE)
            || median.is_some_and(|gap| *gap >= APART))
}

/// Whether a stay has the texts of a column again and again, but nearly never twice at one time.
fn are_keys_of_times(table: &Table, columns: &Columns, column: usize) -> bool {
    let times = times(table, columns, column);
    let several = times.iter().filter(|time| time.0 > 1).count();
    let repeated = times.iter().filter(|time| time.1 < time.0).count();
    let texts = table.rows.iter().enumerate();
    let texts = texts.map(|(at, row)| (table.stay_of(columns.id, at), &row[column]));
    let texts: BTreeSet<(String, &String)> = texts.collect();
    10 * several > times.len() && 50 * repeated <= several && 2 * texts.len() <= table.rows.len()
}

/// How many rows each time of a stay has, and how many texts these have in a column.
pub fn times(table: &Table, columns: &Columns, column: usize) -> Vec<(usize, usize)> {
    let mut times: BTreeMap<(String, &str), (usize, BTreeSet<&str>)> = BTreeMap::new();
    for (at, row) in table.rows.iter().enumerate() {
        let time = (table.stay_of(columns.id, at), row[columns.time].as_str());
        let (rows, texts) = times.entry(time).or_default();
        *rows += 1;
        texts.insert(&row[column]);
    }
    let times = times.into_values();
    times.map(|(rows, texts)| (rows, texts.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layouts::unnamed::tests::looked;

    #[test]
    fn codes_are_called_so_by_whole_words() {
        for name in [
            "order_id", "orderId", "Param-Nr", "itemid", "ITEMID", "dataid", "itemNo", "test_no",
            "labcode", "paramnr", "lab id ",
        ] {
            assert!(is_called_code(name), "{name}");
        }
        for name in [
            "fluid",
            "uric_acid",
            "LIPID",
            "INR",
            "ino",
            "inhaled_no",
            "monocyte.no",
        ] {
            assert!(!is_called_code(name), "{name}");
        }
    }

    #[test]
    fn a_measured_column_may_end_as_ids_do() {
        for name in ["fluid", "uric_acid", "lipid", "inhaled_no", "ino"] {
            let cell = |at: u32| [5, 10, 20, 40][(at * at % 7 % 4) as usize];
            let row = |at: u32| format!("{},{at}.5", cell(at));
            let found = looked(&["a.csv"], &format!("{name},value"), row);
            assert_eq!(found.unwrap(), "wide", "{name}");
            let row = |at: u32| format!("{}.5,{},{at}.5", 60 + at, cell(at));
            let found = looked(&["a.csv"], &format!("HR,{name},value"), row);
            assert_eq!(found.unwrap(), "wide", "{name}");
            let files = ["icu_a.csv", "icu_b.csv"];
            let row = |at: u32| format!("{},{at}.5", cell(at));
            let found = looked(&files, &format!("{name},value"), row);
            assert_eq!(found.unwrap(), "wide", "{name}");
        }
    }
}
