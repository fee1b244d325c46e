//! Small sources for the tests of issue 16: recipes, tables as CSV and Parquet, and events as they came out.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray, UInt32Array,
};
use pipeline_data::parquet_file::{self, Compression, write_nullable};
use serde_json::Value;

use crate::document::{artifact, stage};
use crate::harness::{Outcome, Test};

pub const HOUR: i64 = 3_600_000_000;

/// Four stays, one of them in each of validation and test.
pub const STAYS: &str = "stay_id,intime,fold,died
1,2150-01-01 08:00:00,train,0
2,2150-02-01 09:00:00,train,1
3,2150-03-01 00:00:00,tuning,0
4,2150-04-01 12:00:00,held_out,1
";

/// A recipe of long tables whose `files`, `time` and further lines of the source are these.
pub fn long(file: &str, time: &str, more: &str) -> String {
    format!(
        r#"format = 1
[model]
input_dim = 8
[stages.events]
kind = "data"
split = {{ column = "fold" }}
[stages.events.source]
format = "long"
files = ["{file}"]
id = "stay_id"
time = {time}
variable = "item"
value = "value"
labels = {{ path = "stays.csv", id = "stay_id", column = "died" }}
{more}
"#
    )
}

/// The table of stays, with the times at which they begin.
pub const WITH_START: &str = r#"stays = { path = "stays.csv", id = "stay_id", start = "intime" }"#;
pub const WITHOUT_START: &str = r#"stays = { path = "stays.csv", id = "stay_id" }"#;

/// A heart rate for each stay at these times.
pub fn charts(times: [&str; 4]) -> String {
    let rows = (1..).zip(times);
    let rows = rows.map(|(stay, time)| format!("{stay},{time},HR,{}\n", 70 + stay));
    "stay_id,charttime,item,value\n".to_string() + &rows.collect::<String>()
}

/// The same in Parquet: microseconds since 1970 with or without a zone.
pub fn charts_parquet(path: &Path, times: [i64; 4], zone: Option<&str>) {
    let mut stamps = TimestampMicrosecondArray::from(times.to_vec());
    if let Some(zone) = zone {
        stamps = stamps.with_timezone(zone);
    }
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("stay_id", Arc::new(Int64Array::from(vec![1, 2, 3, 4]))),
        ("charttime", Arc::new(stamps)),
        ("item", Arc::new(StringArray::from(vec!["HR"; 4]))),
        (
            "value",
            Arc::new(Float64Array::from(vec![71.0, 72.0, 73.0, 74.0])),
        ),
    ];
    table(path, columns);
}

pub fn table(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let folder = path.parent().expect("a folder");
    std::fs::create_dir_all(folder).expect("a folder can be made");
    write_nullable(path, columns, Compression::SNAPPY).expect("a table can be written");
}

/// How the program ended, and the folder with what it left.
pub struct Ran {
    pub outcome: Outcome,
    _test: Test,
}

/// Runs the stage `events` of `recipe.toml`.
pub fn run(mut test: Test) -> Ran {
    Ran {
        outcome: test.run_with(["run", "recipe.toml", "events", "--format", "json"]),
        _test: test,
    }
}

impl Ran {
    #[track_caller]
    pub fn success(self) -> Self {
        self.failure(0)
    }

    #[track_caller]
    pub fn failure(self, code: i32) -> Self {
        let outcome = self.outcome.failure(code);
        Self { outcome, ..self }
    }

    /// Standard error contains this.
    #[track_caller]
    pub fn says(self, fragment: &str) -> Self {
        let outcome = self.outcome.stderr_has(fragment);
        Self { outcome, ..self }
    }

    /// Standard error does not.
    #[track_caller]
    pub fn says_nothing_of(self, fragment: &str) -> Self {
        assert!(
            !self.outcome.stderr.contains(fragment),
            "{fragment}{}",
            self.outcome
        );
        self
    }

    /// The document on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        self.outcome.json()
    }
}

/// A count that the stage `events` reports.
#[track_caller]
pub fn count(outcome: &Ran, name: &str) -> u64 {
    let document = outcome.json();
    let metric = &stage(&document, "events")["metrics"][name];
    metric
        .as_u64()
        .unwrap_or_else(|| panic!("no {name}: {metric}"))
}

/// Every event that came out: stay, set, minute, variable and raw value.
#[track_caller]
pub fn events(outcome: &Ran) -> Vec<(String, u32, f64, String, f64)> {
    let document = outcome.json();
    let names = texts(&document, "variables", "name");
    let ids = texts(&document, "stays", "stay_id");
    let path = artifact(&document, "events", "events");
    let columns = ["stay", "set", "minute", "variable", "raw", "value"];
    let mut found = Vec::new();
    for batch in parquet_file::read(&path, &columns).expect("events can be read") {
        let column = |name: &str| batch.column_by_name(name).expect("a column").clone();
        let [stays, sets, variables] = ["stay", "set", "variable"].map(|name| {
            let column = column(name);
            let numbers: &UInt32Array = column.as_any().downcast_ref().expect("u32");
            numbers.clone()
        });
        let [minutes, raw] = ["minute", "raw"].map(|name| {
            let column = column(name);
            let numbers: &Float64Array = column.as_any().downcast_ref().expect("f64");
            numbers.clone()
        });
        assert!(column("value").as_any().is::<Float32Array>());
        for row in 0..batch.num_rows() {
            found.push((
                ids[stays.value(row) as usize].clone(),
                sets.value(row),
                minutes.value(row),
                names[variables.value(row) as usize].clone(),
                raw.value(row),
            ));
        }
    }
    found
}

/// A column of text of an artifact of the stage `events`.
#[track_caller]
pub fn texts(document: &Value, name: &str, column: &str) -> Vec<String> {
    let path = artifact(document, "events", name);
    let batches = parquet_file::read(&path, &[column]).expect("a table can be read");
    let cells = batches.iter().flat_map(|batch| {
        let column = batch.column_by_name(column).expect("a column");
        let cells: &StringArray = column.as_any().downcast_ref().expect("text");
        let cells: Vec<String> = cells.iter().flatten().map(str::to_string).collect();
        cells
    });
    cells.collect()
}
