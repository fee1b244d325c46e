//! Issue 17: predictions for stays without labels, and validation on another cohort.

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{Array, BooleanArray, Float64Array, StringArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::document::{artifact, stage};
use crate::harness::Test;
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run, stages};

/// The stage `two`: another cohort as a whole, like `one`; `more` is part of it.
fn external(more: &str) -> String {
    let second = data("two", "two", &["like = \"one\"\n", more].concat());
    second.replace("split = { ratio = [0.6, 0.2, 0.2] }", "split = \"all\"")
}

/// The same without labels.
fn unlabelled() -> String {
    let second = external("labels = \"none\"");
    let (before, after) = second.rsplit_once("labels = { path").expect("labels");
    let rest = after.split_once('\n').map_or("", |(_, rest)| rest);
    [before, rest].concat()
}

const CHOSEN: &str =
    "recalibrate = \"platt\"\noperating_points = [{ kind = \"sensitivity\", target = 0.8 }]\n";

fn predict(format: &str) -> String {
    format!(
        "\n[stages.predictions]\nkind = \"predict\"\nmodel = \"classifier\"\ndata = \"two\"\n{CHOSEN}format = \"{format}\"\n"
    )
}

fn recipe(second: &str, more: &str) -> String {
    let one = data("one", "one", "");
    [MODEL, &one, second, &stages("one", "one", "one"), more].concat()
}

fn two_cohorts() -> Test {
    let test = cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1);
    cohort_of(test, "two", 1000, &VARIABLES, |_| 1)
}

/// Columns of numbers, and the ids.
pub fn read(path: &Path) -> (Vec<String>, BTreeMap<String, Vec<f64>>) {
    let file = std::fs::File::open(path).expect("a file");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("Parquet");
    let mut ids = Vec::new();
    let mut columns: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for batch in reader.build().expect("a reader") {
        let batch = batch.expect("rows");
        for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
            let column = column.as_any();
            if let Some(numbers) = column.downcast_ref::<Float64Array>() {
                columns
                    .entry(field.name().clone())
                    .or_default()
                    .extend(numbers.values());
            } else if let Some(flags) = column.downcast_ref::<BooleanArray>() {
                let flags = flags
                    .iter()
                    .map(|flag| f64::from(u8::from(flag == Some(true))));
                columns
                    .entry(field.name().clone())
                    .or_default()
                    .extend(flags);
            } else if field.name() == "stay_id" {
                let texts = column.downcast_ref::<StringArray>().expect("text");
                ids.extend((0..texts.len()).map(|row| texts.value(row).to_string()));
            }
        }
    }
    (ids, columns)
}

#[test]
fn issue17_stays_without_labels_are_predicted_as_an_evaluation_scores_them() {
    let evaluated = format!(
        "\n[stages.outside]\nkind = \"evaluate\"\nmodel = \"classifier\"\ndata = \"two\"\nsplit = \"test\"\n{CHOSEN}bootstrap = {{ resamples = 0 }}\n"
    );
    let mut test = two_cohorts().recipe(&recipe(&external(""), &evaluated));
    let outcome = run(&mut test, &[]).success();
    let document = outcome.json();
    let (ids, scored) = read(&artifact(&document, "outside", "predictions"));
    let metrics = std::fs::read_to_string(artifact(&document, "outside", "metrics"));
    assert!(
        metrics
            .expect("metrics")
            .contains("on the validation split of the data that the head was trained on")
    );

    let mut test = test.recipe(&recipe(&unlabelled(), &predict("parquet")));
    let document = run(&mut test, &[]).success().json();
    let (predicted_ids, predicted) = read(&artifact(&document, "predictions", "predictions"));
    assert_eq!(ids, predicted_ids);
    assert_eq!(ids.len(), 60);
    assert_eq!(predicted["probability"], scored["probability"]);
    assert_eq!(
        predicted["recalibrated_probability"],
        scored["recalibrated_probability"]
    );
    let thresholds = &stage(&document, "predictions")["metrics"];
    assert_eq!(thresholds["stays"], 60);
    for name in ["predicted", "predicted_1"] {
        let threshold = thresholds[format!("{name}.threshold")]
            .as_f64()
            .expect("a threshold");
        let classes = predicted["probability"]
            .iter()
            .map(|p| f64::from(u8::from(*p >= threshold)));
        assert_eq!(predicted[name], classes.collect::<Vec<_>>(), "{name}");
    }

    let mut test = test.recipe(&recipe(&unlabelled(), &predict("csv")));
    let document = run(&mut test, &[]).success().json();
    let text = std::fs::read_to_string(artifact(&document, "predictions", "predictions"));
    let text = text.expect("a CSV file");
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("stay_id,subject_id,probability,recalibrated_probability,predicted,predicted_1")
    );
    let probabilities = lines.map(|line| line.split(',').nth(2).expect("a number").parse());
    let probabilities: Vec<f64> = probabilities.collect::<Result<_, _>>().expect("numbers");
    assert_eq!(probabilities, predicted["probability"], "to the last bit");
}

#[test]
fn issue17_a_cohort_that_cannot_choose_thresholds_may_be_asked_to() {
    let outside = format!(
        "\n[stages.outside]\nkind = \"evaluate\"\nmodel = \"classifier\"\ndata = \"two\"\nsplit = \"test\"\n{CHOSEN}recalibrate_on = \"data\"\nbootstrap = {{ resamples = 0 }}\n"
    );
    let mut test = two_cohorts().recipe(&recipe(&external(""), &outside));
    run(&mut test, &[])
        .failure(3)
        .stderr_has("the split validation has no stays");
    let second = data("two", "two", "like = \"one\"");
    let mut test = test.recipe(&recipe(&second, &outside));
    run(&mut test, &[]).success();
}

#[test]
fn issue17_predictions_are_refused_for_inputs_of_another_meaning() {
    let second = data("two", "two", "").replace(
        "split = { ratio = [0.6, 0.2, 0.2] }",
        "split = { ratio = [0.2, 0.2, 0.6] }",
    );
    let mut test = two_cohorts().recipe(&recipe(&second, &predict("parquet")));
    run(&mut test, &[])
        .failure(4)
        .stderr_has("stage `predictions`")
        .stderr_has("statistics: `A` (mean ");
    let unknown = predict("parquet").replace("\"parquet\"", "\"xlsx\"");
    let mut test = test.recipe(&recipe(&second, &unknown));
    run(&mut test, &[])
        .failure(2)
        .stderr_has("stages.predictions.format");
}
