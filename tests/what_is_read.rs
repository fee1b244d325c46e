//! The table "How cells are read" of `docs/data.md`, row by row: through the program, in every
//! format and compression that can say so.

mod ids;
mod names;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Decimal128Array, Float32Array, Float64Array, Int64Array,
    StringArray, TimestampMillisecondArray, UInt64Array,
};
use pipeline_data::parquet_file::{Compression, read, write_nullable};

use crate::harness::{Outcome, Test};

const STAYS: &str = "\
stay_id,patient,age,fold,died
1,11,54,train,0
2,12,61,train,1
3,13,71,tuning,0
4,14,80,held_out,1
";
/// An event for each stay.
const EVENTS: [(&str, &str, &str); 4] = [
    ("1", "HR", "80"),
    ("2", "HR", "70"),
    ("3", "HR", "75"),
    ("4", "HR", "102"),
];
const LONG: &str = "\
format = 1
[model]
input_dim = 16
[stages.events]
kind = \"data\"
split = { column = \"fold\" }
[stages.events.source]
format = \"long\"
files = [\"FILE\"]
id = \"stay_id\"
time = { column = \"minute\" }
variable = \"item\"
value = \"value\"
stays = { path = \"stays.csv\", id = \"stay_id\", subject = \"patient\" }
labels = { path = \"stays.csv\", id = \"stay_id\", column = \"died\" }
";
const WIDE: &str = "\
format = 1
[model]
input_dim = 16
[stages.events]
kind = \"data\"
split = { column = \"fold\" }
[stages.events.source]
format = \"wide\"
files = [\"FILE\"]
id = \"stay_id\"
time = { column = \"minute\" }
stays = { path = \"stays.csv\", id = \"stay_id\", subject = \"patient\" }
labels = { path = \"stays.csv\", id = \"stay_id\", column = \"died\" }
";

fn recipe(text: &str, file: &str, more: &str) -> String {
    let recipe = text.replace("FILE", file);
    recipe.replace("split =", &format!("{more}\nsplit ="))
}

/// A test of these events in `file`, which is compressed if its name says so.
fn long(file: &str, stays: &str, events: &[(&str, &str, &str)], more: &str) -> Test {
    let lines: String = (events.iter())
        .map(|(stay, item, value)| format!("{stay},5,{item},{value}\n"))
        .collect();
    let text = format!("stay_id,minute,item,value\n{lines}");
    table(Test::new(), file, &text)
        .file("stays.csv", stays)
        .recipe(&recipe(LONG, file, more))
}

/// A test of this grid.
fn wide(file: &str, text: &str, more: &str) -> Test {
    table(Test::new(), file, text)
        .file("stays.csv", STAYS)
        .recipe(&recipe(WIDE, file, more))
}

/// Writes a text table, as Parquet with text columns where the name says so, or compressed.
fn table(test: Test, file: &str, text: &str) -> Test {
    if file.ends_with(".parquet") {
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        let header = lines.next().expect("a header");
        let rows: Vec<Vec<&str>> = lines.collect();
        let columns = header.iter().enumerate().map(|(at, name)| {
            let cells = rows.iter().map(|row| row[at]);
            let column: ArrayRef = Arc::new(StringArray::from_iter_values(cells));
            (*name, column)
        });
        return parquet(test, file, columns.collect());
    }
    let plain = file.trim_end_matches(".gz");
    let test = test.file(plain, text);
    if plain != file {
        let made = Command::new("gzip").arg(test.folder().join(plain)).status();
        assert!(made.expect("gzip runs").success());
    }
    test
}

fn parquet(test: Test, file: &str, columns: Vec<(&str, ArrayRef)>) -> Test {
    write_nullable(&test.folder().join(file), columns, Compression::SNAPPY).expect("is written");
    test
}

/// Runs the stage; every event as `stay item value`.
#[track_caller]
fn events(mut test: Test) -> Vec<String> {
    test.run_with(["run", "recipe.toml", "events"]).success();
    let mut column = |table: &str, name: &str| {
        let path = test.run_with(["outputs", "recipe.toml", "events", table]);
        let batches = read(Path::new(path.success().stdout.trim()), &[name]).expect("is read");
        let columns = batches.iter().map(|batch| {
            let column = batch.column_by_name(name).expect("is there");
            arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).expect("is text")
        });
        let texts = columns.flat_map(|column| {
            let column = column.as_any().downcast_ref::<StringArray>().cloned();
            let column = column.expect("is text");
            (0..column.len())
                .map(|row| column.value(row).to_string())
                .collect::<Vec<_>>()
        });
        texts.collect::<Vec<String>>()
    };
    let (stays, names) = (column("stays", "stay_id"), column("variables", "name"));
    let of = ["stay", "variable", "raw"].map(|name| column("events", name));
    let index = |text: &String| text.parse::<usize>().expect("an index");
    (0..of[0].len())
        .map(|row| {
            let (stay, name) = (&stays[index(&of[0][row])], &names[index(&of[1][row])]);
            format!("{stay} {name} {}", of[2][row].trim_end_matches(".0"))
        })
        .collect()
}

#[track_caller]
fn refused(mut test: Test, what: &str) -> Outcome {
    let outcome = test.run_with(["run", "recipe.toml", "events"]);
    outcome.failure(3).stderr_has(what)
}

const FORMATS: [&str; 3] = ["charts.csv", "charts.csv.gz", "charts.parquet"];

/// The recipe with one more setting of the source.
fn with_source(test: Test, more: &str) -> Test {
    let path = test.folder().join("recipe.toml");
    let text = std::fs::read_to_string(path).expect("the recipe is there");
    test.recipe(&format!("{text}{more}\n"))
}

fn csv(rows: &[(&str, &str, &str)]) -> String {
    let lines = rows
        .iter()
        .map(|(stay, item, value)| format!("{stay},5,{item},{value}\n"));
    format!("stay_id,minute,item,value\n{}", lines.collect::<String>())
}
