//! A data stage whose embeddings a sentence model makes: `tests/fixtures/text-embedding`.

use std::fs;

use crate::document::{artifact, repository, statuses};
use crate::harness::Test;
use crate::recipes::PRETRAIN;

const RUN: [&str; 4] = ["run", "recipe.toml", "--format", "json"];

/// The small recipe, with the model beside it in `bert` and its own settings in `text`.
fn with_model(text: &str) -> Test {
    let embeddings = format!("embeddings = {{ text = {{ model = \"bert\"{text} }} }}");
    let recipe = PRETRAIN.replace("embeddings = { orthonormal = 16 }", &embeddings);
    assert_ne!(recipe, PRETRAIN);
    let mut test = Test::new().recipe(&recipe);
    for name in [
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "1_Pooling/config.json",
    ] {
        let path = repository(&format!("tests/fixtures/text-embedding/model/{name}"));
        let contents = fs::read(path).expect("the fixture is there");
        test = test.file(&format!("bert/{name}"), contents);
    }
    test
}

#[test]
fn a_model_trains_on_text_embeddings_and_only_files_that_are_read_make_it_run_again() {
    let mut test = with_model("");
    let first = test.run_with(RUN).success().json();
    let variables = fs::read(artifact(&first, "events", "variables")).expect("an artifact");

    test = test.file("bert/README.md", "Not read.");
    test = test.file("bert/pytorch_model.bin", "Not read either.");
    let again = test.run_with(RUN).success().json();
    let cached = [("events", "cached"), ("pretrain", "cached")];
    assert_eq!(statuses(&again), cached);

    let path = test.folder().join("bert/tokenizer.json");
    let text = fs::read_to_string(&path).expect("it was written");
    fs::write(&path, text + "\n").expect("it can be written");
    test.run_with(["explain", "recipe.toml", "events"])
        .success()
        .stdout_has("embeddings.text.model.tokenizer");

    let path = test.folder().join("bert/modules.json");
    fs::write(&path, "[]").expect("it can be written");
    let with_modules = test.run_with(RUN).success().json();
    assert_eq!(statuses(&with_modules)[0], ("events", "executed"));
    let made = fs::read(artifact(&with_modules, "events", "variables")).expect("an artifact");
    assert_eq!(made, variables);
}

#[test]
fn a_model_folder_that_lacks_a_file_is_refused_before_anything_runs() {
    let mut test = with_model("");
    fs::remove_file(test.folder().join("bert/tokenizer.json")).expect("it was written");
    test.run_with(["run", "recipe.toml"])
        .failure(2)
        .stderr_has("embeddings.text.model.tokenizer: bert/tokenizer.json: does not exist");
}

#[test]
fn another_pooling_than_the_models_is_refused_and_names_the_setting() {
    let mut test = with_model(", pooling = \"cls\"");
    test.run_with(["run", "recipe.toml"])
        .failure(3)
        .stderr_has("the model's pooling is mean, the recipe's cls")
        .stderr_has("pooling = \"mean\"");
}

#[test]
fn a_rule_for_missing_descriptions_needs_descriptions() {
    let mut test = with_model(", missing = \"name\"");
    test.run_with(["check", "recipe.toml"])
        .failure(2)
        .stderr_has("embeddings.text.missing needs `descriptions`");
    let mut test = with_model(", missing = \"name\", descriptions = \"descriptions.csv\"")
        .file("descriptions.csv", "variable,description\nx,no one's\n");
    test.run_with(["run", "recipe.toml"]).success();
}
