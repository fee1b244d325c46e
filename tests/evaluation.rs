//! The stage `evaluate`: what it measures beside the main numbers, and what it leaves for others.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::Command;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimeUnit};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::document::{artifact, python_with, repository, stage};
use crate::harness::Test;

/// Everything that an evaluation may have, on the main job with 200 stays.
const ALL: &[&str] = &[
    "vars.stays=200",
    "stages.pretrain.epochs=1",
    "stages.classifier.epochs=8",
    "stages.test.operating_points=[{ kind = 'youden' }, { kind = 'sensitivity', target = 0.8 }]",
    "stages.test.recalibrate='platt'",
    "stages.test.subgroups=['events']",
    "stages.test.baseline='logistic-regression'",
    "stages.test.bootstrap.resamples=200",
];

fn run(test: &mut Test, recipe: &str, changes: &[&str], more: &[&str]) -> Value {
    let recipe = repository(recipe);
    test.run_with(arguments(&recipe, changes, more))
        .success()
        .json()
}

fn arguments<'a>(recipe: &'a str, changes: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["run", recipe, "--format", "json"];
    for change in changes {
        arguments.extend(["--set", change]);
    }
    arguments.extend(more);
    arguments
}

/// A test after the training of the main job with [`ALL`].
fn trained() -> Test {
    let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
    Test::new().warmed(arguments(&recipe, &ALL[..3], &["classifier"]))
}

fn json(document: &Value, stage: &str, name: &str) -> Value {
    let bytes = std::fs::read(artifact(document, stage, name)).expect("an artifact");
    serde_json::from_slice(&bytes).expect("the artifact is JSON")
}

fn table(path: &Path) -> RecordBatch {
    let file = File::open(path).expect("a table");
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
    let mut batches = builder.build().expect("a reader");
    batches.next().expect("a batch").expect("rows")
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

#[test]
fn an_evaluation_says_how_sure_it_is_and_what_a_simple_model_gets() {
    let mut test = trained();
    let document = run(&mut test, "tests/fixtures/recipes/mlp-head.toml", ALL, &[]);
    let metrics = json(&document, "test", "metrics");
    for name in ["auroc", "average_precision", "brier", "ece", "sensitivity"] {
        let interval = &metrics["intervals"][name];
        let (lower, upper) = (number(&interval["lower"]), number(&interval["upper"]));
        let value = number(&metrics[name]);
        assert!(lower <= upper && upper - lower < 1.0, "{name}");
        // Resampling biases the calibration error upwards; the others lie inside.
        assert!(
            name == "ece" || (lower <= value && value <= upper),
            "{name}"
        );
    }
    assert_eq!(metrics["bootstrap"]["resamples"], 200);
    assert_eq!(metrics["subjects"], metrics["n"]);

    let points = metrics["operating_points"].as_array().expect("a list");
    assert_eq!(points.len(), 3);
    assert_eq!(points[0]["threshold"], 0.5);
    assert_eq!(points[0]["chosen_on"], Value::Null);
    assert_eq!(points[0]["accuracy"], metrics["accuracy"]);
    for point in &points[1..] {
        assert_eq!(point["chosen_on"], "validation");
        assert!((0.0..=1.0).contains(&number(&point["threshold"])));
        let cells = [
            "true_positives",
            "false_positives",
            "true_negatives",
            "false_negatives",
        ];
        let sum: f64 = cells
            .iter()
            .map(|cell| number(&point["confusion"][*cell]))
            .sum();
        assert_eq!(sum, number(&metrics["n"]));
    }

    let groups = metrics["subgroups"].as_array().expect("a list");
    assert_eq!(groups.len(), 3);
    let sizes = groups.iter().map(|group| group["scores"]["n"].as_u64());
    assert_eq!(sizes.sum::<Option<u64>>(), metrics["n"].as_u64());
    assert_eq!(groups[0]["up_to"], groups[1]["above"]);

    let recalibrated = &metrics["recalibrated"];
    assert!(number(&recalibrated["slope"]).is_finite());
    assert_eq!(recalibrated["fitted_on"], "validation");
    // A rising line changes no rank.
    if number(&recalibrated["slope"]) > 0.0 {
        let ours = number(&recalibrated["scores"]["auroc"]);
        assert!((ours - number(&metrics["auroc"])).abs() < 1e-12);
    }
    let baseline = &metrics["baseline"];
    assert!(number(&baseline["scores"]["auroc"]) > 0.6);
    let difference = &baseline["differences"]["auroc"];
    let expected = number(&metrics["auroc"]) - number(&baseline["scores"]["auroc"]);
    assert!((number(&difference["difference"]) - expected).abs() < 1e-12);

    let curves = json(&document, "test", "curves");
    for of in ["model", "recalibrated", "baseline"] {
        assert_eq!(curves[of]["decision"].as_array().map(Vec::len), Some(99));
        assert_eq!(curves[of]["roc_band"].as_array().map(Vec::len), Some(51));
    }
    let shown = &stage(&document, "test")["metrics"];
    assert_eq!(shown["baseline.auroc"], baseline["scores"]["auroc"]);
    check_predictions(&document);
}

/// Both tables of predictions tell the same, row by row.
fn check_predictions(document: &Value) {
    let own = table(&artifact(document, "test", "predictions"));
    let meds_path = artifact(document, "test", "meds_predictions");
    let meds = table(&meds_path);
    let columns: Vec<(String, DataType)> = (meds.schema().fields().iter())
        .map(|field| (field.name().clone(), field.data_type().clone()))
        .collect();
    let expected = [
        ("subject_id", DataType::Int64),
        (
            "prediction_time",
            DataType::Timestamp(TimeUnit::Microsecond, None),
        ),
        ("boolean_value", DataType::Boolean),
        ("predicted_boolean_value", DataType::Boolean),
        ("predicted_boolean_probability", DataType::Float64),
    ];
    assert_eq!(columns, expected.map(|(name, of)| (name.to_string(), of)));
    let column = |name: &str| meds.column_by_name(name).expect("the column is there");
    let own_probabilities = own.column_by_name("probability").expect("probabilities");
    let own_probabilities = own_probabilities.as_primitive::<Float64Type>();
    let subjects = column("subject_id").as_primitive::<Int64Type>();
    let probabilities = column("predicted_boolean_probability").as_primitive::<Float64Type>();
    let predicted = column("predicted_boolean_value").as_boolean();
    for row in 0..own.num_rows() {
        let probability = own_probabilities.value(row);
        assert_eq!(probability, probabilities.value(row));
        assert_eq!(predicted.value(row), probability >= 0.5);
    }
    // The synthetic cohort's subjects have names, so they are numbered.
    let different: BTreeSet<i64> = subjects.values().iter().copied().collect();
    assert_eq!(different.len(), own.num_rows());
    for name in ["recalibrated_probability", "baseline_probability"] {
        let column = own.column_by_name(name).expect(name);
        assert_eq!(column.null_count(), 0);
    }
    ask_meds_evaluation(&meds_path, document);
}

/// Reads with the package itself, and compares what it measures.
const PEER: &str = r#"
import json, sys
import polars
from meds_evaluation.evaluate import evaluate_binary_classification as evaluate
found = evaluate(polars.read_parquet(sys.argv[1]))["samples_equally_weighted"]
# Releases up to 0.0.3 know no Brier score.
json.dump({name: float(found[name]) for name in
           ["roc_auc_score", "average_precision_score", "brier_score", "binary_accuracy"] if name in found}, sys.stdout)
"#;

fn ask_meds_evaluation(path: &Path, document: &Value) {
    let Some(python) = python_with("meds_evaluation, polars") else {
        eprintln!("notice: no python3 with meds-evaluation: its reading is not tested");
        return;
    };
    let mut command = Command::new(python);
    command.args(["-W", "ignore", "-c", PEER]).arg(path);
    let output = command.output().expect("Python starts");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let ours = &stage(document, "test")["metrics"];
    for (theirs, name) in [
        ("roc_auc_score", "auroc"),
        ("average_precision_score", "average_precision"),
        ("brier_score", "brier"),
        ("binary_accuracy", "accuracy"),
    ] {
        if name == "brier" && found[theirs].is_null() {
            continue;
        }
        // It narrows probabilities to f32: some that differ for us are ties there.
        let distance = (number(&found[theirs]) - number(&ours[name])).abs();
        assert!(distance < 1e-3, "{name}: {found}");
    }
}

#[test]
fn all_that_an_evaluation_has_is_the_same_on_any_number_of_threads() {
    let outputs = |threads: &str| {
        let document = run(
            &mut Test::new(),
            "tests/fixtures/recipes/mlp-head.toml",
            ALL,
            &["--threads", threads],
        );
        stage(&document, "test")["outputs"]
            .as_object()
            .expect("a table")
            .values()
            .map(|output| output["digest"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(outputs("1"), outputs("2"));
}

#[test]
fn without_resamples_there_are_no_intervals_and_numbered_subjects_keep_their_numbers() {
    let mut test = Test::new();
    let changes = ["stages.test.bootstrap.resamples=0"];
    let document = run(&mut test, "recipes/reference-evaluate.toml", &changes, &[]);
    let metrics = json(&document, "test", "metrics");
    assert_eq!(metrics["intervals"], serde_json::json!({}));
    assert!(metrics["auroc"].is_f64());
    let curves = json(&document, "test", "curves");
    assert_eq!(curves["model"]["roc_band"], serde_json::json!([]));
    // Subjects that are called by whole numbers keep them.
    let own = table(&artifact(&document, "test", "predictions"));
    let meds = table(&artifact(&document, "test", "meds_predictions"));
    let ids = own.column_by_name("stay_id").expect("ids");
    let ids = ids.as_string::<i32>().iter().flatten().map(str::parse);
    let subjects = meds.column_by_name("subject_id").expect("subjects");
    let subjects = subjects.as_primitive::<Int64Type>().values().to_vec();
    assert_eq!(ids.collect::<Result<Vec<i64>, _>>(), Ok(subjects));
}

#[test]
fn a_column_that_is_not_there_is_named_with_those_that_are() {
    let recipe = repository("recipes/reference-evaluate.toml");
    let mut test = Test::new();
    let change = "stages.test.subgroups=['age']";
    let outcome = test.run_with(["run", &recipe, "--set", change]).failure(3);
    outcome
        .stderr_has("the table of stays has no column `age`")
        .stderr_has("subject_id");
}

/// The reference's cohort with labels of three classes.
fn three_classes() -> Test {
    let text = std::fs::read_to_string(repository("tests/fixtures/reference-layout/oc.csv"));
    let text = text.expect("labels");
    let rows = text.lines().skip(1).enumerate().map(|(row, line)| {
        let (id, _) = line.split_once(',').expect("two columns");
        format!("{id},{}\n", row % 3)
    });
    let labels: String = rows.collect();
    Test::new().file("oc.csv", format!("ts_id,in_hospital_mortality\n{labels}"))
}

#[test]
fn more_than_two_classes_are_finetuned_and_measured_each_against_all_others() {
    let mut test = three_classes();
    let labels = test.folder().join("oc.csv").display().to_string();
    let labels = format!("stages.events.source.labels.path={labels}");
    let changes = [
        &labels,
        "model.classifier.num_classes=3",
        "stages.classifier.epochs=2",
        "stages.test.bootstrap.resamples=50",
        "stages.test.baseline='none'",
    ];
    let document = run(&mut test, "recipes/reference-finetune.toml", &changes, &[]);
    let trained = &stage(&document, "classifier")["metrics"];
    assert!(trained["validation_auroc"].is_f64(), "{trained}");
    let metrics = json(&document, "test", "metrics");
    let classes = metrics["classes"].as_array().expect("a list");
    assert_eq!(classes.len(), 3);
    let mean = classes
        .iter()
        .map(|class| number(&class["auroc"]))
        .sum::<f64>()
        / 3.0;
    assert!((mean - number(&metrics["auroc"])).abs() < 1e-12);
    let sizes = classes.iter().map(|class| class["n"].as_u64());
    assert_eq!(sizes.sum::<Option<u64>>(), metrics["n"].as_u64());
    assert_eq!(metrics["sensitivity"], Value::Null);
    assert_eq!(metrics["undefined"]["sensitivity"], "more than two classes");
    assert!(metrics["intervals"]["auroc"].is_object());
    assert_eq!(metrics["class_confusion"].as_array().map(Vec::len), Some(3));
    let predictions = table(&artifact(&document, "test", "predictions"));
    let probabilities = ["probability_0", "probability_1", "probability_2"].map(|name| {
        let column = predictions.column_by_name(name).expect(name);
        column.as_primitive::<Float64Type>().value(0)
    });
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn what_needs_two_classes_is_a_mistake_beside_three() {
    let recipe = repository("recipes/reference-finetune.toml");
    let mut test = Test::new();
    let outcome = test.run_with([
        "check",
        &recipe,
        "--set",
        "model.classifier.num_classes=3",
        "--set",
        "stages.test.recalibrate='isotonic'",
        "--set",
        "stages.test.baseline='logistic-regression'",
    ]);
    outcome
        .failure(2)
        .stderr_has(
            "stages.test.recalibrate needs two classes, and model.classifier.num_classes is 3",
        )
        .stderr_has("stages.test.baseline needs two classes");
}

/// Forty stays of as many people, and `patients` of the test split, every other of whom died; another program knew.
fn scored(patients: &[&str]) -> Value {
    let mut stays = "stay_id,patient,fold,died\n".to_string();
    let mut charts = "stay_id,hour,item,value\n".to_string();
    let mut said = "stay_id,probability\n".to_string();
    for stay in 0..40 + patients.len() {
        let died = stay % 2;
        let (own, fold) = (
            format!("q{stay}"),
            ["train", "tuning"][usize::from(stay >= 20)],
        );
        let test = stay.checked_sub(40).map(|at| (patients[at], "held_out"));
        let (patient, fold) = test.unwrap_or((own.as_str(), fold));
        stays += &format!("s{stay},{patient},{fold},{died}\n");
        charts += &format!("s{stay},0,HR,{}\n", 80 + stay % 7);
        if test.is_some() {
            said += &format!("s{stay},0.{}\n", 3 + 4 * died);
        }
    }
    let recipe = "format = 1\n[stages.events]\nkind = \"data\"\nsplit = { column = \"fold\" }\n\
        [stages.events.source]\nformat = \"long\"\nfiles = [\"charts.csv\"]\nid = \"stay_id\"\n\
        time = { column = \"hour\", as = \"hours\" }\nvariable = \"item\"\nvalue = \"value\"\n\
        stays = { path = \"stays.csv\", id = \"stay_id\", subject = \"patient\" }\n\
        labels = { path = \"stays.csv\", id = \"stay_id\", column = \"died\" }\n\
        [stages.test]\nkind = \"evaluate\"\npredictions = { path = \"said.csv\" }\ndata = \"events\"\n\
        split = \"test\"\nbaseline = \"logistic-regression\"\n";
    let mut test = Test::new()
        .file("stays.csv", stays)
        .file("charts.csv", charts)
        .file("said.csv", said)
        .recipe(recipe);
    let run = test.run_with(["run", "recipe.toml", "--format", "json"]);
    json(&run.success().json(), "test", "metrics")
}

#[test]
fn what_resamples_cannot_tell_is_not_told() {
    let of_one = scored(&["x"; 12]);
    assert_eq!(of_one["intervals"], serde_json::json!({}));
    let difference = &of_one["baseline"]["differences"]["auroc"];
    assert!(difference["interval"].is_null() && difference["difference"].is_f64());
    let caveat = of_one["caveats"][0].as_str().expect("a caveat");
    assert!(caveat.contains("all 12 scored stays of the test split are of one subject"));
    // Half of the resamples of two stays hold one class.
    let of_two = scored(&["x", "y"]);
    let undefined = number(&of_two["intervals"]["auroc"]["undefined"]);
    assert!((400.0..600.0).contains(&undefined), "{undefined}");
    let caveat = of_two["caveats"][0].as_str().expect("a caveat");
    assert!(caveat.contains("too few subjects"), "{caveat}");
}
