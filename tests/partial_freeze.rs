//! Finetuning that opens parts of the backbone, and fusions and poolings with parameters.

use std::collections::BTreeMap;
use std::path::Path;

use pipeline_checkpoint::{self as checkpoint, FloatTensor};
use pipeline_data::feature_table::FeatureTable;
use serde_json::Value;

use crate::document::{artifact, digests, kinds_in_store, repository, stage, statuses};
use crate::harness::{Outcome, Test};

/// The main job on a small cohort, with settings changed.
fn run(test: &mut Test, changes: &[&str], more: &[&str]) -> Outcome {
    of_recipe(test, "run", changes, more)
}

/// The classifier of such a run, written for the reference.
fn exported(test: &mut Test, changes: &[&str]) -> Outcome {
    let places = ["classifier", "weights", "out.safetensors"];
    let layout = ["--layout", "pytorch"];
    of_recipe(test, "export", changes, &[&places[..], &layout].concat())
}

fn of_recipe(test: &mut Test, command: &str, changes: &[&str], more: &[&str]) -> Outcome {
    let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
    let mut arguments = vec![command.to_string(), recipe];
    let small = [
        "vars.stays=120",
        "stages.pretrain.epochs=1",
        "stages.classifier.epochs=2",
        "stages.frozen.max_trainable_fraction=0.5",
    ];
    for change in small.iter().chain(changes) {
        arguments.extend(["--set".to_string(), change.to_string()]);
    }
    arguments.extend(more.iter().map(ToString::to_string));
    test.run_with(arguments)
}

/// A test after the pretraining that most have in common.
pub fn pretrained() -> Test {
    let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
    let set = [
        "--set",
        "vars.stays=120",
        "--set",
        "stages.pretrain.epochs=1",
    ];
    Test::new().warmed(["run", &recipe, "pretrain"].into_iter().chain(set))
}

const JSON: [&str; 2] = ["--format", "json"];

fn tensors(path: &Path) -> BTreeMap<String, FloatTensor> {
    let checkpoint = checkpoint::read(path).expect("weights");
    let parameters = checkpoint.tensors.into_iter();
    let parameters = parameters.filter(|(name, _)| name != "inputs.embeddings");
    let read = parameters.map(|(name, tensor)| {
        let shape = tensor.shape().to_vec();
        let values = tensor.into_f32(false).expect("F32");
        (name, FloatTensor { shape, values })
    });
    read.collect()
}

/// Exactly the frozen parameters that are not `open` are what they were.
#[track_caller]
fn assert_trained(document: &Value, open: impl Fn(&str) -> bool) {
    let before = tensors(&artifact(document, "frozen", "weights"));
    let after = tensors(&artifact(document, "classifier", "weights"));
    let mut frozen = 0;
    for (name, tensor) in &after {
        let is_same = before
            .get(name)
            .is_some_and(|b| b.digest() == tensor.digest());
        assert_eq!(is_same, !open(name), "{name}");
        frozen += usize::from(is_same);
    }
    let proved = &stage(document, "classifier")["metrics"]["frozen_parameters_verified"];
    assert_eq!(*proved, frozen);
}

const OPEN_LAYER: [&str; 2] = [
    "stages.frozen.trainable=['cls_head.*', 'transformer.layers.1.*', 'post_transformer_norm.*']",
    "stages.classifier.transformer_dropout=0.1",
];

#[test]
fn an_opened_layer_is_trained_and_the_rest_stays_as_it_was() {
    let mut test = pretrained();
    let outcome = run(
        &mut test,
        &OPEN_LAYER,
        &[&JSON[..], &["--threads", "1"]].concat(),
    );
    let outcome = outcome.success().stderr_has(
        "all from transformer layer 1 on runs in every step; what it reads was computed once for ",
    );
    let document = outcome.json();
    let names: Vec<&str> = statuses(&document)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let stages = [
        "events",
        "pretrain",
        "weights",
        "frozen",
        "classifier",
        "test",
    ];
    assert_eq!(names, stages);
    assert_trained(&document, |name| {
        let open = [
            "cls_head.",
            "transformer.layers.1.",
            "post_transformer_norm.",
        ];
        open.iter().any(|prefix| name.starts_with(prefix))
    });
    let metrics = &stage(&document, "test")["metrics"];
    assert_eq!(
        metrics["n"],
        stage(&document, "events")["metrics"]["test.stays"]
    );

    let two = [&JSON[..], &["--threads", "2"]].concat();
    let again = run(&mut Test::new(), &OPEN_LAYER, &two).success().json();
    assert_eq!(digests(&again), digests(&document));

    let without = [
        "stages.frozen.trainable=['cls_head.*', 'transformer.layers.1.*', 'post_transformer_norm.*']",
    ];
    let other = run(&mut test, &without, &JSON).success().json();
    let weights = ("classifier".to_string(), "weights".to_string());
    assert_ne!(digests(&other)[&weights], digests(&document)[&weights]);
    let executed = statuses(&other)
        .into_iter()
        .filter(|(_, status)| *status == "executed");
    let executed: Vec<&str> = executed.map(|(name, _)| name).collect();
    assert_eq!(executed, ["classifier", "test"]);
}

#[test]
fn the_whole_encoder_can_be_opened() {
    let changes = [
        "stages.frozen.trainable=['*']",
        "stages.frozen.max_trainable_fraction=1.0",
        "stages.classifier.epochs=1",
    ];
    let mut test = pretrained();
    let outcome = run(&mut test, &changes, &JSON).success();
    let outcome = outcome.stderr_has("the whole backbone runs in every step");
    assert_trained(&outcome.json(), |_| true);
}

const LEARNED: [&str; 2] = [
    "model.classifier.fusion='gated'",
    "model.classifier.pooling='multiscale'",
];
const NEW: &str =
    "['cls_head.*', 'vae_feature_fusion.*', 'feature_fusion.*', 'feature_projection.*']";

#[test]
fn a_gated_fusion_and_a_multiscale_pooling_are_new_and_trained() {
    let new = format!("stages.weights.new={NEW}");
    let trainable = format!("stages.frozen.trainable={NEW}");
    let changes = [LEARNED[0], LEARNED[1], &new, &trainable];
    let mut test = pretrained();
    let outcome = run(&mut test, &changes, &JSON).success();
    let document = outcome
        .stderr_has("all from the fusion on runs in every step")
        .json();
    assert_trained(&document, |name| {
        let new = [
            "cls_head.",
            "vae_feature_fusion.",
            "feature_fusion.",
            "feature_projection.",
        ];
        new.iter().any(|prefix| name.starts_with(prefix))
    });
    assert!(stage(&document, "test")["metrics"]["auroc"].is_f64());
    exported(&mut test, &changes)
        .success()
        .stderr_has("the file is for the reference's full mode; ");
}

#[test]
fn parameters_of_a_fusion_that_no_import_declares_new_are_named() {
    let mut test = pretrained();
    let outcome = run(&mut test, &LEARNED, &[]).failure(4);
    outcome
        .stderr_has("vae_feature_fusion.fusion_gate.0.weight")
        .stderr_has("feature_fusion.attention_pool.in_proj_weight")
        .stderr_has("feature_projection.1.bias");
    assert_eq!(kinds_in_store(&test), ["data", "pretrain"]);
}

#[test]
fn parameters_of_a_fusion_that_would_be_frozen_at_random_are_named() {
    let new = format!("stages.weights.new={NEW}");
    let changes = [LEARNED[0], LEARNED[1], &new];
    let mut test = pretrained();
    let outcome = run(&mut test, &changes, &[]).failure(4);
    let outcome = outcome
        .stderr_has("are new and would be frozen at random values")
        .stderr_has("vae_feature_fusion.mean_projection.weight")
        .stderr_has("feature_projection.0.weight");
    assert!(!outcome.stderr.contains("  cls_head."), "{outcome}");
    assert_eq!(kinds_in_store(&test), ["data", "import", "pretrain"]);
}

#[test]
fn concat_gives_the_head_five_vectors_a_stay() {
    let mut test = pretrained();
    let document = run(&mut test, &["model.classifier.fusion='concat'"], &JSON);
    let document = document.success().json();
    let features = artifact(&document, "classifier:features", "features");
    let features = FeatureTable::read(&features).expect("features");
    assert_eq!(features.width, 5 * 32);
    let weights = tensors(&artifact(&document, "classifier", "weights"));
    assert_eq!(weights["cls_head.0.weight"].shape, [32, 5 * 32]);
    assert_trained(&document, |name| name.starts_with("cls_head."));
}

#[test]
fn only_fusions_and_poolings_of_a_mode_of_the_reference_are_exported_to_it() {
    let mut test = pretrained();
    for fusion in ["concat", "none"] {
        let changes = [&*format!("model.classifier.fusion='{fusion}'")];
        run(&mut test, &changes, &[]).success();
        let pair = format!("model.classifier.fusion = \"{fusion}\" with pooling = \"recency\"");
        exported(&mut test, &changes)
            .failure(2)
            .stderr_has(&pair)
            .stderr_has("\"uncertainty\" and pooling = \"recency\" (its classification mode)")
            .stderr_has("\"gated\" and \"multiscale\" (its full mode)");
    }
}

#[test]
fn too_much_that_is_open_is_refused() {
    let changes = [
        "stages.frozen.trainable=['cls_head.*', 'transformer.*']",
        "stages.frozen.max_trainable_fraction=0.1",
    ];
    let outcome = run(&mut Test::new(), &changes, &[]).failure(2);
    outcome.stderr_has("max_trainable_fraction");
}

#[test]
fn a_dropout_that_acts_on_no_layer_is_refused() {
    let changes = [
        OPEN_LAYER[1],
        "stages.frozen.trainable=['cls_head.*', 'post_transformer_norm.*']",
    ];
    let mut test = Test::new();
    let outcome = run(&mut test, &changes, &[]).failure(2);
    outcome
        .stderr_has("stages.classifier.transformer_dropout acts on no layer")
        .stderr_has("open some of `transformer.layers.N.*`");
    assert!(kinds_in_store(&test).is_empty());
}
