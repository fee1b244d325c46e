//! Numbers that name variables, and measured ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::layouts::wide::Columns;
use crate::names::{VARIABLE_OR_MEASURED, plain, rank};
use crate::table::Table;

/// How names of columns of codes end.
const OF_CODES: [&str; 5] = ["id", "code", "nr", "no", "item"];

/// From here on whole numbers are codes rather than measured, and so are those as far from each other as the second.
const LEAST_CODE: f64 = 1000.0;
const APART: f64 = 50.0;

/// Whether the numbers of a column are whole, and codes by its name or by their rows. Measured ones are whole too.
pub fn are_codes(table: &Table, columns: &Columns, column: usize) -> bool {
    let name = &table.columns[column];
    let is_called = rank(name, &VARIABLE_OR_MEASURED).is_some()
        || OF_CODES.iter().any(|end| plain(name).ends_with(end));
    let numbers: Option<Vec<f64>> = table.cells(column).map(|text| text.parse().ok()).collect();
    let numbers = numbers.unwrap_or_default();
    numbers.len() == table.rows.len()
        && numbers.iter().all(|number| number.fract() == 0.0)
        && (is_called || are_far_apart(numbers) || are_keys_of_times(table, columns, column))
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
