//! `pipeline export --layout pytorch`: what was trained here, as the PyTorch reference loads it.

use std::collections::BTreeMap;
use std::path::Path;

use pipeline_checkpoint::{self as checkpoint, Dtype};
use serde_json::Value;

use crate::document::{artifact, repository, stage};
use crate::harness::Test;
use crate::recipes::PRETRAIN;

/// What the reference's pretraining model has and never uses.
const PRETRAIN_IGNORE: &str =
    r#"["alibi_slope", "set_encoder.decoder_layers.*", "set_encoder.out.*", "time_tau"]"#;
/// The same of its finetuning model.
const CLASSIFIER_IGNORE: &str = r#"["alibi_slope", "decoder.*", "feature_fusion.*", "feature_projection.*", "setvae.setvae.decoder_layers.*", "setvae.setvae.out.*", "time_tau", "vae_feature_fusion.*"]"#;

type Shapes = BTreeMap<String, (Vec<usize>, Dtype)>;

/// Name, shape and type of every tensor.
fn shapes(path: &Path) -> Shapes {
    let checkpoint = checkpoint::read(path).expect("a checkpoint");
    let tensors = checkpoint.tensors.into_iter();
    tensors
        .map(|(name, tensor)| (name, (tensor.shape().to_vec(), tensor.dtype())))
        .collect()
}

/// The digest of every tensor.
fn digests(path: &Path) -> BTreeMap<String, String> {
    let summary = checkpoint::summarise(&checkpoint::read(path).expect("a checkpoint"));
    let tensors = summary.tensors.into_iter();
    tensors.map(|one| (one.name, one.digest)).collect()
}

/// Runs a shipped recipe and exports weights of it to `exported.safetensors`; the run's document.
fn exported(test: &mut Test, recipe: &str, of: [&str; 2], note: &str) -> Value {
    let recipe = repository(recipe);
    let run = test
        .run_with(["run", &recipe, "--format", "json"])
        .success();
    let export = ["export", &recipe, of[0], of[1], "exported.safetensors"];
    let outcome = test.run_with(export.into_iter().chain(["--layout", "pytorch"]));
    let outcome = outcome.success().stdout_is("exported.safetensors\n");
    outcome.stderr_is(note);
    run.json()
}

/// A recipe that imports `exported.safetensors`, and scores it if it is a classifier.
fn importing(into: &str, ignore: &str) -> String {
    let base = repository("recipes/reference-base.toml");
    let root = repository("tests/fixtures/reference-layout");
    let score = "[stages.test]\nkind = \"evaluate\"\nmodel = \"weights\"\ndata = \"events\"\nsplit = \"test\"\nbaseline = \"logistic-regression\"\n";
    format!(
        r#"
format = 1
name = "back"
extends = ["{base}"]
[vars]
root = "{root}"
[stages.weights]
kind = "import"
from = {{ path = "exported.safetensors" }}
into = "{into}"
ignore = {ignore}
{}"#,
        if into == "classifier" { score } else { "" }
    )
}

/// Every parameter that was exported is imported again, and no other.
#[track_caller]
fn assert_round_trip(before: &Path, after: &Path, count: usize) {
    let before = digests(before);
    assert_eq!(before.len(), count);
    assert_eq!(before, digests(after));
}

#[test]
fn a_pretrained_model_has_the_references_tensors_and_comes_back_unchanged() {
    let mut test = Test::new();
    let note = format!(
        "note: the file is for the reference's pretraining model; 86 of 259 tensors are placeholders, which it has and never uses; to import the file here: ignore = {PRETRAIN_IGNORE}\n"
    );
    let of = ["pretrain", "checkpoint"];
    let document = exported(&mut test, "recipes/reference-pretrain.toml", of, &note);
    let path = test.folder().join("exported.safetensors");
    let reference = repository("tests/fixtures/seqsetvae-small/pretrain.weights.safetensors");
    assert_eq!(shapes(&path), shapes(reference.as_ref()));

    let (ours, theirs) = (digests(&path), digests(reference.as_ref()));
    for scalar in ["alibi_slope", "time_tau"] {
        assert_eq!(ours[scalar], theirs[scalar], "{scalar}");
    }
    let trained = "transformer.layers.0.linear1.weight";
    assert_ne!(ours[trained], theirs[trained]);

    let mut test = test.recipe(&importing("pretrain", PRETRAIN_IGNORE));
    let back = test.run_with(["run", "recipe.toml", "weights", "--format", "json"]);
    let back = back.success().json();
    let after = artifact(&back, "weights", "weights");
    assert_round_trip(&artifact(&document, "pretrain", "checkpoint"), &after, 174);
}

#[test]
fn a_finetuned_classifier_has_the_references_tensors_and_scores_the_same() {
    let mut test = Test::new();
    let note = format!(
        "note: the file is for the reference's classification mode; 188 of 291 tensors are placeholders, which it has and never uses; to import the file here: ignore = {CLASSIFIER_IGNORE}\n"
    );
    let of = ["classifier", "weights"];
    let document = exported(&mut test, "recipes/reference-finetune.toml", of, &note);
    let path = test.folder().join("exported.safetensors");
    let reference = repository("tests/fixtures/seqsetvae-small/finetune.weights.safetensors");
    assert_eq!(shapes(&path), shapes(reference.as_ref()));

    let mut test = test.recipe(&importing("classifier", CLASSIFIER_IGNORE));
    let back = test.run_with(["run", "recipe.toml", "--format", "json"]);
    let back = back.success().json();
    let after = artifact(&back, "weights", "weights");
    assert_round_trip(&artifact(&document, "classifier", "weights"), &after, 104);
    let metrics = |document: &Value| stage(document, "test")["metrics"].clone();
    assert_eq!(metrics(&back), metrics(&document));
}

#[test]
fn the_exported_file_is_the_same_every_time_and_says_what_is_no_weight_in_it() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml"]).success();
    let export = ["export", "recipe.toml", "pretrain", "checkpoint"];
    let rest = ["--layout", "pytorch", "--format", "json", "--quiet"];
    let mut export = |target: &str| {
        let arguments = export.into_iter().chain([target]).chain(rest);
        test.run_with(arguments).success().stderr_is("").json()
    };
    let (one, other) = (export("one.safetensors"), export("."));
    assert_eq!(other["path"], "./checkpoint.safetensors");
    assert_eq!(one["digest"], other["digest"]);
    let read = |name: &str| std::fs::read(test.folder().join(name)).expect("a file");
    assert!(read("one.safetensors") == read("checkpoint.safetensors"));
    assert_eq!(one["bytes"], read("one.safetensors").len());

    let path = test.folder().join("one.safetensors");
    let metadata = checkpoint::read_metadata(&path).expect("metadata");
    let stated: Value = serde_json::from_str(&metadata["placeholders"]).expect("a list");
    assert_eq!(stated, one["placeholders"]);
    assert_eq!(metadata["mode"], "\"pretrain\"");
    let again = ["export", "recipe.toml", "pretrain", "checkpoint", "."];
    let again = test.run_with(again.into_iter().chain(["--layout", "pytorch"]));
    again.failure(2).stderr_has("--force");
}

#[test]
fn what_the_reference_cannot_load_is_refused() {
    let recipe = repository("recipes/reference-finetune.toml");
    let mut test = Test::new();
    test.run_with(["run", &recipe, "weights", "events"])
        .success();
    let mut export = |stage: &str, name: &str| {
        let arguments = ["export", &recipe, stage, name, "out", "--layout", "pytorch"];
        test.run_with(arguments).failure(2).stdout_is("")
    };
    let table = export("events", "events").stderr_has("`events events` is no weights");
    table
        .stderr_has(
            "`checkpoint` of a pretrain stage, `weights` of an import, freeze or finetune stage",
        )
        .stderr_has(
            "weights of this recipe: `weights weights`, `frozen weights`, `classifier weights`",
        );
    export("weights", "audit").stderr_has("`weights audit` is no weights");
    export("weights", "weights")
        .stderr_has("the weights lack 14 parameters")
        .stderr_has("cls_head.12.bias")
        .stderr_has("export the finetune stage");
    assert!(!test.folder().join("out").exists());

    let mut test = Test::new().recipe(PRETRAIN);
    let affine = ["--set", "model.value_encoding=affine"];
    let run = ["run", "recipe.toml"].into_iter().chain(affine);
    test.run_with(run).success();
    let export = ["export", "recipe.toml", "pretrain", "checkpoint", "out"];
    let export = export.into_iter().chain(affine);
    test.run_with(export.chain(["--layout", "pytorch"]))
        .failure(2)
        .stderr_has("embed_presence");
}
