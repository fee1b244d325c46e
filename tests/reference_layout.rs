//! Checkpoints and cohort of the PyTorch reference: the numbers that it computed, and a finetuning of its backbone.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Float32Type, Float64Type, UInt32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use crate::document::{artifact, digests, repository, stage, statuses};
use crate::harness::Test;

const TOLERANCE: f64 = 1e-4;

/// What was predicted for a stay.
struct Prediction {
    label: u32,
    probability: f64,
    logits: [f64; 2],
}

fn predictions(path: &Path) -> BTreeMap<String, Prediction> {
    let file = File::open(path).expect("predictions");
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
    let batches = builder.build().expect("a reader");
    let mut predictions = BTreeMap::new();
    for batch in batches {
        add(&batch.expect("rows"), &mut predictions);
    }
    predictions
}

fn add(rows: &RecordBatch, predictions: &mut BTreeMap<String, Prediction>) {
    let column = |name: &str| rows.column_by_name(name).expect("the column is there");
    let ids = column("stay_id").as_string::<i32>();
    let labels = column("label").as_primitive::<UInt32Type>();
    let probabilities = column("probability").as_primitive::<Float64Type>();
    let logits = ["logit_0", "logit_1"].map(|name| column(name).as_primitive::<Float32Type>());
    for row in 0..rows.num_rows() {
        let prediction = Prediction {
            label: labels.value(row),
            probability: probabilities.value(row),
            logits: logits.map(|logit| f64::from(logit.value(row))),
        };
        let twice = predictions.insert(ids.value(row).to_string(), prediction);
        assert!(twice.is_none(), "one row a stay");
    }
}

fn expected() -> Value {
    let path = repository("tests/fixtures/reference-layout/expected.json");
    let bytes = std::fs::read(path).expect("the fixture is there");
    serde_json::from_slice(&bytes).expect("the fixture is JSON")
}

fn run(test: &mut Test, recipe: &str) -> Value {
    let recipe = repository(recipe);
    let outcome = test.run_with(["run", &recipe, "--format", "json"]);
    outcome.success().json()
}

#[track_caller]
fn assert_near(what: &str, ours: f64, reference: &Value) {
    let reference = reference.as_f64().expect("a number");
    let off = (ours - reference).abs();
    assert!(
        off <= TOLERANCE,
        "{what}: {ours}, the reference has {reference}"
    );
}

#[test]
fn a_finetuned_checkpoint_gives_the_references_predictions_and_metrics() {
    let mut test = Test::new();
    let document = run(&mut test, "recipes/reference-evaluate.toml");
    let expected = expected();
    let stays = expected["patients"].as_object().expect("a table");
    let mut compared = 0;
    for (split, stage_name) in [
        ("train", "train"),
        ("valid", "validation"),
        ("test", "test"),
    ] {
        let predictions = predictions(&artifact(&document, stage_name, "predictions"));
        let of_split = stays.iter().filter(|(_, stay)| stay["split"] == split);
        let of_split: Vec<_> = of_split.collect();
        assert_eq!(predictions.len(), of_split.len(), "{split}");
        for (id, stay) in of_split {
            let ours = &predictions[id.trim_end_matches(".0")];
            assert_eq!(stay["label"], ours.label, "stay {id}");
            assert_near(id, ours.probability, &stay["probability"]);
            assert_near(id, ours.logits[0], &stay["logits"][0]);
            assert_near(id, ours.logits[1], &stay["logits"][1]);
            compared += 1;
        }
    }
    assert_eq!(compared, 48);

    let metrics = &stage(&document, "test")["metrics"];
    for name in ["auroc", "average_precision"] {
        let ours = metrics[name].as_f64().expect(name);
        assert_near(name, ours, &expected["test"][name]);
    }
    assert_eq!(metrics["n"], expected["test"]["n"]);
    assert_eq!(metrics["positives"], expected["test"]["positives"]);
}

#[test]
fn a_pretraining_checkpoint_lends_exactly_its_backbone_and_is_finetuned() {
    let mut test = Test::new();
    let document = run(&mut test, "recipes/reference-finetune.toml");
    assert_eq!(document["status"], "done");
    assert!(
        statuses(&document)
            .iter()
            .all(|(_, status)| *status == "executed")
    );
    assert!(stage(&document, "test")["metrics"]["auroc"].is_f64());

    let audit = std::fs::read(artifact(&document, "weights", "audit")).expect("an audit");
    let audit: Value = serde_json::from_slice(&audit).expect("the audit is JSON");
    let names = |list: &str, name: &str| -> Vec<String> {
        let entries = audit[list].as_array().expect("a list").iter();
        let names = entries.map(|entry| entry[name].as_str().expect("a name").to_string());
        names.collect()
    };
    let loaded = names("loaded", "target");
    assert_eq!(loaded.len(), 89);
    let backbone = [
        "setvae.setvae.",
        "transformer.",
        "post_transformer_norm.",
        "rel_time_bucket_embed.",
    ];
    for name in &loaded {
        assert!(backbone.iter().any(|part| name.starts_with(part)), "{name}");
    }
    for part in backbone {
        assert!(loaded.iter().any(|name| name.starts_with(part)), "{part}");
    }
    let new = names("new", "target");
    assert_eq!(new.len(), 14);
    assert!(
        new.iter().all(|name| name.starts_with("cls_head.")),
        "{new:?}"
    );
}

/// The reference's command line names a pickled dict where others have a CSV file.
#[test]
fn pickled_statistics_give_the_tables_that_the_csv_file_gives() {
    let mut test = Test::new();
    let recipe = repository("recipes/reference-base.toml");
    let pickle = repository("tests/fixtures/params-map/numpy2-protocol5.pkl");
    let pickle = format!("stages.events.statistics.path={pickle}");
    let csv = test.run_with(["run", &recipe, "--format", "json"]);
    let run = ["run", &recipe, "--set", &pickle, "--format", "json"];
    let (csv, pickled) = (csv.success().json(), test.run_with(run).success().json());
    assert_eq!(statuses(&pickled), [("events", "executed")]);
    assert_eq!(digests(&csv).len(), 4);
    assert_eq!(digests(&csv), digests(&pickled));
}

/// Going on from the checkpoint's weights is not the same as starting afresh.
#[test]
fn a_pretraining_checkpoint_is_pretrained_further() {
    let loss = |document: &Value| {
        let loss = stage(document, "pretrain")["metrics"]["validation_loss"].as_f64();
        loss.expect("a validation loss")
    };
    let mut test = Test::new();
    let document = run(&mut test, "recipes/reference-pretrain.toml");
    assert_eq!(document["status"], "done");
    let metrics = &stage(&document, "weights")["metrics"];
    assert_eq!(
        (metrics["loaded"].as_u64(), metrics["new"].as_u64()),
        (Some(173), Some(0))
    );

    let recipe = std::fs::read_to_string(repository("recipes/reference-pretrain.toml"));
    let fresh = recipe
        .expect("the recipe")
        .replace("init = \"weights\"", "");
    let base = repository("recipes/reference-base.toml");
    let fresh = fresh.replace("reference-base.toml", &base);
    let root = format!(
        "vars.root={}",
        repository("tests/fixtures/reference-layout")
    );
    let mut test = Test::new().recipe(&fresh);
    let arguments = ["run", "recipe.toml", "--set", &root, "--format", "json"];
    let fresh = test.run_with(arguments).success().json();
    assert_ne!(loss(&document), loss(&fresh));
}
