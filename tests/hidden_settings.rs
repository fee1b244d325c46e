//! Settings that no shape shows are those the weights were trained with, whatever file they come in.

use std::collections::BTreeMap;
use std::path::Path;

use pipeline_checkpoint::{self as checkpoint, FloatTensor, write_safetensors};

use crate::document::{artifact, repository};
use crate::harness::{Outcome, Test};
use crate::inspect::lightning;
use crate::recipes::PRETRAIN;

type Tensors = BTreeMap<String, FloatTensor>;

/// A recipe that imports `from` into the model of [`PRETRAIN`], for going on.
fn importing(from: &str, more: &str) -> String {
    let model = PRETRAIN.split("[stages.events]").next().expect("a start");
    format!(
        "{model}[stages.weights]\nkind = \"import\"\nfrom = {{ path = {from:?} }}\ninto = \"pretrain\"\n{more}\n"
    )
}

fn run(test: &mut Test, set: &[&str]) -> Outcome {
    let set = set.iter().flat_map(|value| ["--set", *value]);
    test.run_with(["run", "recipe.toml", "weights"].into_iter().chain(set))
}

/// What [`PRETRAIN`] trains: its tensors, and the file with its metadata.
fn trained(test: &mut Test) -> (Tensors, std::path::PathBuf) {
    let document = test.run_with(["run", "recipe.toml", "--format", "json"]);
    let path = artifact(&document.success().json(), "pretrain", "checkpoint");
    let read = checkpoint::read(&path).expect("a checkpoint");
    let tensors = read.tensors.into_iter().map(|(name, tensor)| {
        let shape = tensor.shape().to_vec();
        let values = tensor.into_f32(false).expect("F32");
        (name, FloatTensor { shape, values })
    });
    (tensors.collect(), path)
}

fn write(path: &Path, tensors: &Tensors, metadata: &BTreeMap<String, String>) {
    write_safetensors(path, tensors, metadata).expect("weights can be written");
}

const OTHER_HEADS: &str = "model.heads=4";

#[test]
fn issue16_own_weights_without_their_metadata_want_the_heads_stated() {
    let mut test = Test::new().recipe(PRETRAIN);
    let (tensors, path) = trained(&mut test);
    std::fs::copy(&path, test.folder().join("whole.safetensors")).expect("a copy");
    write(
        &test.folder().join("bare.safetensors"),
        &tensors,
        &BTreeMap::new(),
    );

    let mut test = test.recipe(&importing("whole.safetensors", ""));
    run(&mut test, &[]).success();
    let outcome = run(&mut test, &[OTHER_HEADS]).failure(4);
    outcome.stderr_has("model.heads is 4, the weights were trained with 2");

    let mut test = test.recipe(&importing("bare.safetensors", ""));
    for set in [&[][..], &[OTHER_HEADS]] {
        run(&mut test, set)
            .failure(4)
            .stderr_has("the file does not say what its weights were trained with")
            .stderr_has("model.transformer_heads: unknown; the recipe's is 2")
            .stderr_has(r#"assume = ["heads", "transformer_heads"]"#);
    }
    let assume = r#"assume = ["heads", "transformer_heads"]"#;
    let unknown = format!("{assume}\ninputs = \"unknown\"");
    let mut test = test.recipe(&importing("bare.safetensors", &unknown));
    let outcome = run(&mut test, &[]).success();
    outcome.stderr_has("model.heads = 2 is taken for what the weights were trained with");

    // What a file says counts, whatever the recipe assumes.
    let mut test = test.recipe(&importing("whole.safetensors", assume));
    let outcome = run(&mut test, &[OTHER_HEADS]).failure(4);
    outcome.stderr_has("model.heads is 4, the weights were trained with 2");
    run(&mut test, &[]).success();
}

#[test]
fn issue16_own_weights_behind_an_index_are_compared() {
    let mut test = Test::new().recipe(PRETRAIN);
    let (tensors, path) = trained(&mut test);
    let metadata = checkpoint::read_metadata(&path).expect("metadata");
    let last = tensors.keys().next_back().expect("a tensor").clone();
    let mut first = tensors.clone();
    let second = Tensors::from([(last.clone(), first.remove(&last).expect("it is there"))]);
    let map = tensors.keys().map(|name| {
        let shard = if *name == last { "2" } else { "1" };
        (name.clone(), format!("{shard}.safetensors"))
    });
    let map: BTreeMap<String, String> = map.collect();
    let index = serde_json::json!({ "metadata": { "total_size": 1 }, "weight_map": map });
    let test = test.file("w.safetensors.index.json", index.to_string());
    let mut test = test.recipe(&importing("w.safetensors.index.json", ""));
    write(
        &test.folder().join("2.safetensors"),
        &second,
        &BTreeMap::new(),
    );

    write(&test.folder().join("1.safetensors"), &first, &metadata);
    run(&mut test, &[]).success();
    let outcome = run(&mut test, &[OTHER_HEADS]).failure(4);
    outcome.stderr_has("model.heads is 4, the weights were trained with 2");

    write(
        &test.folder().join("1.safetensors"),
        &first,
        &BTreeMap::new(),
    );
    let outcome = run(&mut test, &[OTHER_HEADS]).failure(4);
    outcome.stderr_has("model.heads: unknown; the recipe's is 4");

    let index =
        serde_json::json!({ "metadata": { "model": metadata["model"] }, "weight_map": map });
    let test = test.recipe(&importing(
        "w.safetensors.index.json",
        "inputs = \"unknown\"",
    ));
    let mut test = test.file("w.safetensors.index.json", index.to_string());
    run(&mut test, &[]).success();
    let outcome = run(&mut test, &[OTHER_HEADS]).failure(4);
    outcome.stderr_has("model.heads is 4, the weights were trained with 2");
}

#[test]
fn issue16_lightning_s_hyper_parameters_are_compared() {
    let recipe = repository("recipes/reference-finetune.toml");
    let mut test = Test::new();
    for (set, found) in [
        (
            "model.heads=4",
            "model.heads is 4, the weights were trained with 2",
        ),
        (
            "model.transformer_heads=2",
            "model.transformer_heads is 2, the weights were trained with 4",
        ),
    ] {
        let run = ["run", &recipe, "weights", "--set", set];
        test.run_with(run).failure(4).stderr_has(found);
        let inspect = ["inspect", &lightning(), "--for", &recipe, "--set", set];
        test.run_with(inspect).failure(4).stderr_has(found);
        let setting = set.split(['.', '=']).nth(1).expect("a name");
        let allowed = format!("stages.weights.model_changes=['{setting}']");
        let run = ["run", &recipe, "weights", "--set", set, "--set", &allowed];
        test.run_with(run)
            .success()
            .stderr_has("as `model_changes` allows");
    }
}

#[test]
fn issue16_a_head_is_not_given_another_fusion_than_it_was_trained_on() {
    let recipe = repository("recipes/reference-evaluate.toml");
    let fusion = "model.classifier.fusion='none'";
    let found = r#"model.classifier.fusion is "none", the weights were trained with "uncertainty""#;
    let mut test = Test::new();
    let run = ["run", &recipe, "weights", "--set", fusion];
    test.run_with(run).failure(4).stderr_has(found);
    let allowed = "stages.weights.model_changes=['fusion']";
    let run = run.into_iter().chain(["--set", allowed]);
    test.run_with(run).success();
    // A new head learns on what it is given.
    let recipe = repository("recipes/reference-finetune.toml");
    let run = ["run", &recipe, "weights", "--set", fusion];
    test.run_with(run).success();
}

#[test]
fn a_file_of_the_reference_s_that_says_nothing_is_imported_with_a_note() {
    let weights = repository("tests/fixtures/seqsetvae-small/pretrain.weights.safetensors");
    let from = format!("stages.weights.from={{ path = {weights:?} }}");
    let recipe = repository("recipes/reference-finetune.toml");
    let mut test = Test::new();
    let run = ["run", &recipe, "weights", "--set", &from];
    let outcome = test.run_with(run).success();
    outcome.stderr_has("model.heads = 2: the reference's file does not say");
    let run = run.into_iter().chain(["--set", "model.latent_norm=true"]);
    let outcome = test.run_with(run).failure(4);
    outcome.stderr_has("model.latent_norm is true, the weights were trained with false");
}
