//! Predictions in the schema of meds-evaluation, of labelled data and of times of prediction alone.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow::datatypes::Int64Type;
use pipeline_data::parquet_file::{self, Compression};

use crate::document::{artifact, repository};
use crate::harness::{Outcome, Test};
use crate::meds_layout;

const HOUR: i64 = 3_600_000_000;
const LABELS: &str = "meds/labels/in_hospital_mortality";

/// The stages `asked`, which knows when to predict and no label, and `predictions` of `data`.
fn recipe(data: &str) -> String {
    let base = repository("recipes/meds.toml");
    format!(
        r#"format = 1
extends = ["{base}"]

[stages.pretrain]
epochs = 1

[stages.asked]
kind = "data"
source = {{ format = "meds", path = "meds", prediction_times = "{LABELS}" }}
labels = "none"
like = "events"
split = "all"

[stages.predictions]
kind = "predict"
model = "classifier"
data = "{data}"
format = "meds"
operating_points = [{{ kind = "fixed", threshold = 0.9 }}]
"#
    )
}

fn run(test: &mut Test) -> Outcome {
    test.run_with([
        "run",
        "recipe.toml",
        "predictions",
        "test",
        "--format",
        "json",
    ])
}

fn rows(path: &Path) -> RecordBatch {
    let batches = parquet_file::open(path).expect("a table");
    let mut batches = batches.build().expect("a reader");
    batches.next().expect("rows").expect("rows")
}

fn names(rows: &RecordBatch) -> Vec<String> {
    let schema = rows.schema();
    let fields = schema.fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

#[test]
fn times_of_prediction_and_labels_lead_to_the_same_predictions_but_for_the_label() {
    let mut test = meds_layout::write(Test::new()).recipe(&recipe("events"));
    let document = run(&mut test).success().json();
    let labelled = rows(&artifact(&document, "predictions", "predictions"));
    assert_eq!(labelled.num_rows(), 11);
    assert_eq!(labelled.num_columns(), 5);
    let scored = rows(&artifact(&document, "test", "meds_predictions"));
    assert_eq!(names(&labelled), names(&scored));
    let subjects = |rows: &RecordBatch| rows.column(0).as_primitive::<Int64Type>().clone();
    let row_of = |subject: i64| {
        let of_all = subjects(&labelled);
        of_all.values().iter().position(|other| *other == subject)
    };
    // The evaluation scores the test split: three of the eleven.
    for row in 0..scored.num_rows() {
        let same = row_of(subjects(&scored).value(row)).expect("it is predicted, too");
        for column in 0..5 {
            let one = scored.column(column).slice(row, 1);
            assert_eq!(&one, &labelled.column(column).slice(same, 1), "{column}");
        }
    }

    let mut test = test.recipe(&recipe("asked"));
    let document = run(&mut test).success().json();
    let path = artifact(&document, "predictions", "predictions");
    let asked = rows(&path);
    let with_label = names(&labelled);
    let without: Vec<String> = with_label
        .iter()
        .filter(|name| *name != "boolean_value")
        .cloned()
        .collect();
    assert_eq!(names(&asked), without);
    for name in without {
        assert_eq!(asked.column_by_name(&name), labelled.column_by_name(&name));
    }

    // A bundle says the same without the recipe, to the last byte.
    test.run_with(["bundle", "recipe.toml", "predictions", "bundle"])
        .success();
    let source = |times: &str| {
        format!("format = 1\n\n[source]\nformat = \"meds\"\npath = \"meds\"\n{times}")
    };
    let mut test = test.file(
        "source.toml",
        source(&format!("prediction_times = \"{LABELS}\"\n")),
    );
    let predict = |test: &mut Test, more: &[&str]| {
        let arguments = ["predict", "bundle", "--source", "source.toml", "--force"];
        test.run_with(arguments.iter().chain(more))
    };
    let meds = ["--layout", "meds", "--output", "again.parquet"];
    predict(&mut test, &meds).success();
    let again = std::fs::read(test.folder().join("again.parquet")).expect("a file");
    assert!(again == std::fs::read(path).expect("a file"));

    // Where nothing says when to predict, the schema cannot be filled.
    let mut test = test.file("source.toml", source(""));
    predict(&mut test, &meds)
        .failure(3)
        .stderr_has("no time of prediction is known")
        .stderr_has("`prediction_times`");
    predict(&mut test, &["--layout", "meds", "--output", "again.csv"])
        .failure(2)
        .stderr_has("name a file that ends in .parquet");
    predict(&mut test, &[&meds[..], &["--explain"]].concat())
        .failure(2)
        .stderr_has("the schema of MEDS knows no others");
    what_the_schema_has_no_column_for_is_told(test);
}

/// By a note of the stage, and of a prediction with its bundle.
fn what_the_schema_has_no_column_for_is_told(mut test: Test) {
    let told = "the schema of MEDS has no such column: `predicted_1`";
    let again = [
        "run",
        "recipe.toml",
        "predictions",
        "--refresh",
        "predictions",
    ];
    test.run_with(again).success().stderr_has(told);
    test.run_with(["bundle", "recipe.toml", "predictions", "chosen"])
        .success();
    let source = format!(
        "format = 1\n\n[source]\nformat = \"meds\"\npath = \"meds\"\nprediction_times = \"{LABELS}\"\n"
    );
    let mut test = test.file("source.toml", source);
    let predict = ["predict", "chosen", "--source", "source.toml"];
    let meds = ["--layout", "meds", "--output", "chosen.parquet"];
    test.run_with(predict.iter().chain(&meds))
        .success()
        .stderr_has(told);
}

#[test]
fn a_time_without_a_patient_is_told_and_one_beside_labels_a_mistake() {
    let mut test = meds_layout::write(Test::new()).recipe(&recipe("asked"));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("subject_id", Arc::new(Int64Array::from(vec![3, 99]))),
        (
            "prediction_time",
            Arc::new(TimestampMicrosecondArray::from(vec![40 * HOUR; 2])),
        ),
    ];
    let times = test.folder().join("times.parquet");
    parquet_file::write(&times, columns, Compression::SNAPPY).expect("a table can be written");
    let other = "stages.asked.source.prediction_times='times.parquet'";
    let outcome = test.run_with(["run", "recipe.toml", "asked", "--set", other]);
    outcome
        .success()
        .stderr_has("1 of 2 times of prediction are of patients without an event")
        .stdout_has("source_stays 1 ");

    let labels = format!("stages.events.source.prediction_times='{LABELS}'");
    let outcome = test.run_with(["check", "recipe.toml", "--set", &labels]);
    outcome
        .failure(2)
        .stderr_has("stages.events.source.prediction_times is stated")
        .stderr_has("the labels say when a prediction is made");
    let both = format!("stages.asked.source.labels='{LABELS}'");
    test.run_with(["check", "recipe.toml", "--set", &both])
        .failure(2)
        .stderr_has("labels = \"none\"");
}
