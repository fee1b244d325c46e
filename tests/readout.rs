//! The readout from pretraining to evaluation: trained by tasks, bound to its variables, imported under the audit.

use std::collections::BTreeMap;

use pipeline_checkpoint as checkpoint;
use pipeline_data::feature_table::FeatureTable;
use serde_json::Value;

use crate::document::{artifact, kinds_in_store, repository, stage};
use crate::harness::{Outcome, Test};
use crate::partial_freeze::pretrained;

const READOUT: [&str; 2] = [
    "model.classifier.pooling='readout'",
    "model.classifier.fusion='none'",
];
const TASKS: [&str; 2] = [
    "stages.pretrain.tasks={ summary = 1.0, forecast = { hours = 6 } }",
    "stages.weights.ignore=['decoder.*', 'summary_decoder.*', 'forecast_decoder.*']",
];

/// The main job on a small cohort, with settings changed.
fn run(test: &mut Test, changes: &[&[&str]], more: &[&str]) -> Outcome {
    let mut arguments = vec![
        "run".to_string(),
        repository("tests/fixtures/recipes/mlp-head.toml"),
    ];
    let small = [
        "vars.stays=120",
        "stages.pretrain.epochs=1",
        "stages.classifier.epochs=2",
        "stages.frozen.max_trainable_fraction=0.9",
    ];
    for change in small.iter().chain(changes.iter().copied().flatten()) {
        arguments.extend(["--set".to_string(), change.to_string()]);
    }
    arguments.extend(more.iter().map(ToString::to_string));
    test.run_with(arguments)
}

/// Digests of the tensors of an artifact.
fn digests(document: &Value, stage: &str, name: &str) -> BTreeMap<String, String> {
    let path = artifact(document, stage, name);
    let summary = checkpoint::summarise(&checkpoint::read(&path).expect("weights"));
    let tensors = summary.tensors.into_iter();
    tensors.map(|one| (one.name, one.digest)).collect()
}

#[test]
fn a_pretrained_readout_is_imported_whole_and_read_by_the_head() {
    let mut test = Test::new();
    let outcome = run(&mut test, &[&READOUT, &TASKS], &["--format", "json"]).success();
    let document = outcome
        .stderr_has("readout: queries of their own for all")
        .json();
    let metrics = &stage(&document, "pretrain")["metrics"];
    assert!(metrics["validation_summary"].is_f64() && metrics["validation_forecast"].is_f64());
    assert!(stage(&document, "test")["metrics"]["auroc"].is_f64());
    let pretrained = digests(&document, "pretrain", "checkpoint");
    let classifier = digests(&document, "classifier", "weights");
    for name in ["query", "decay", "project", "key.weight", "key.bias"] {
        let name = format!("readout.{name}");
        assert_eq!(pretrained[&name], classifier[&name], "{name}");
    }
    let features = artifact(&document, "classifier:features", "features");
    let features = FeatureTable::read(&features).expect("features");
    let query = &checkpoint::read(&artifact(&document, "pretrain", "checkpoint"))
        .expect("weights")
        .tensors["readout.query"];
    assert_eq!(features.width, 12 * query.shape()[0]);
    let export = [
        "classifier",
        "weights",
        "x.safetensors",
        "--layout",
        "pytorch",
    ];
    let mut arguments = vec![
        "export".to_string(),
        repository("tests/fixtures/recipes/mlp-head.toml"),
    ];
    arguments.extend(export.map(String::from));
    let small = [
        "vars.stays=120",
        "stages.pretrain.epochs=1",
        "stages.classifier.epochs=2",
    ];
    let small = small
        .into_iter()
        .chain(["stages.frozen.max_trainable_fraction=0.9"]);
    for change in small.chain(READOUT).chain(TASKS) {
        arguments.extend(["--set".to_string(), change.to_string()]);
    }
    let refused = test.run_with(arguments).failure(2);
    refused.stderr_has("the reference has no readout");
}

#[test]
fn variables_without_queries_of_their_own_are_told_and_share_some() {
    let mut test = Test::new();
    let few = "model.classifier.readout={ max_variables = 3, shared_queries = 2, value_dim = 4 }";
    let open = "stages.frozen.trainable=['cls_head.*', 'readout.*']";
    let changes: [&[&str]; 3] = [&READOUT, &TASKS, &[few, open]];
    let outcome = run(&mut test, &changes, &["--format", "json"]).success();
    let document = outcome
        .stderr_has("queries of their own for the 3 variables that most training stays have")
        .stderr_has("all from the pooling on runs in every step")
        .json();
    let audit = artifact(&document, "weights", "audit");
    let audit = std::fs::read_to_string(audit).expect("an audit");
    assert!(
        audit.contains("others share 2 groups of queries"),
        "{audit}"
    );
    let features =
        checkpoint::read(&artifact(&document, "classifier", "weights")).expect("weights");
    assert_eq!(features.tensors["cls_head.0.weight"].shape(), [32, 5 * 12]);
    let (frozen, trained) = (
        digests(&document, "frozen", "weights"),
        digests(&document, "classifier", "weights"),
    );
    assert_ne!(frozen["readout.query"], trained["readout.query"]);
    let layer = "transformer.layers.0.linear1.weight";
    assert_eq!(frozen[layer], trained[layer]);
}

#[test]
fn a_readout_that_was_never_pretrained_is_refused() {
    let mut test = pretrained();
    let outcome = run(&mut test, &[&READOUT], &[]).failure(4);
    outcome
        .stderr_has("the weights have no readout")
        .stderr_has("set `tasks` in the pretrain stage");
    assert_eq!(kinds_in_store(&test), ["data", "pretrain"]);
}

#[test]
fn tasks_that_nobody_can_answer_are_mistakes() {
    let mut test = Test::new();
    run(&mut test, &[&TASKS], &[])
        .failure(2)
        .stderr_has("asked of a readout, and the model has none");
    let none = "stages.pretrain.tasks={}";
    run(&mut test, &[&READOUT, &[none]], &[])
        .failure(2)
        .stderr_has("sets no task");
    let sizes = "model.classifier.readout.heads=8";
    run(&mut test, &[&[sizes]], &[])
        .failure(2)
        .stderr_has("has no effect without pooling");
}
