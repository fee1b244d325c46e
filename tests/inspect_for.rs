//! `pipeline inspect --for`: whether a recipe could import the file.

use serde_json::{Value, json};

use crate::document::{artifact, repository};
use crate::harness::{Outcome, Test};
use crate::inspect::lightning;

/// What `inspect FILE --for RECIPE …` says.
fn rehearsed(file: &str, recipe: &str, more: &[&str]) -> Outcome {
    let recipe = repository(recipe);
    let arguments = ["inspect", file, "--for", &recipe, "--format", "json"];
    let arguments = arguments.into_iter().chain(more.iter().copied());
    Test::new().args(arguments).run()
}

#[test]
fn a_file_that_a_recipe_can_import_gets_the_audit_that_the_import_leaves() {
    let recipe = "recipes/reference-finetune.toml";
    let document = rehearsed(&lightning(), recipe, &[])
        .success()
        .stderr_is("")
        .json();
    let imports = document["imports"].as_array().expect("imports");
    assert_eq!(imports.len(), 1);
    assert_eq!(imports[0]["stage"], "weights");
    assert_eq!(imports[0]["into"], "classifier");
    assert!(imports[0].get("error").is_none());

    let mut test = Test::new();
    let run = ["run", &repository(recipe), "weights", "--format", "json"];
    let run = test.run_with(run).success().json();
    let audit = std::fs::read(artifact(&run, "weights", "audit")).expect("an audit");
    let mut audit: Value = serde_json::from_slice(&audit).expect("JSON");
    audit["file"] = json!("pretrain.lightning.ckpt");
    assert_eq!(imports[0]["audit"], audit);
    assert!(!test.folder().join("recipe.lock").exists());

    let arguments = ["inspect", &lightning(), "--for", &repository(recipe)];
    test.run_with(arguments)
        .success()
        .stdout_has("stages.weights, into the classifier model: would succeed\n")
        .stdout_has("loaded   89 of 103 parameters")
        .stderr_is("");
}

#[test]
fn a_file_that_a_recipe_cannot_import_exits_4_with_every_offence() {
    let recipe = "recipes/reference-evaluate.toml";
    let outcome = rehearsed(&lightning(), recipe, &[]).failure(4);
    let document = outcome.json();
    assert_eq!(document["tensors"].as_array().map(Vec::len), Some(259));
    let import = &document["imports"][0];
    assert!(import.get("audit").is_none());
    let error = import["error"].as_str().expect("an error");
    assert!(
        error.contains("missing from the checkpoint (14):"),
        "{error}"
    );
    assert!(error.contains("cls_head.12.bias"), "{error}");
    let hint = import["hint"].as_str().expect("a hint");
    assert!(hint.contains("new = [\"cls_head.*\"]"), "{hint}");
    outcome
        .stderr_has("error: stages.weights, into the classifier model: ")
        .stderr_has("cls_head.12.bias")
        .stderr_has("hint: if all of this is meant");
    let other_size = ["--set", "model.ff_dim=20", "--stage", "weights"];
    rehearsed(&lightning(), "recipes/reference-finetune.toml", &other_size)
        .failure(4)
        .stderr_has("different shape (6):");
    let arguments = ["inspect", &lightning(), "--for", &repository(recipe)];
    Test::new()
        .args(arguments)
        .run()
        .failure(4)
        .stdout_has("stages.weights, into the classifier model: would fail\n");
}

#[test]
fn a_recipe_without_imports_tries_both_models_and_one_that_fits_is_enough() {
    let recipe = "recipes/reference-base.toml";
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pretrain.safetensors");
    let pretrain = repository("recipes/reference-pretrain.toml");
    let mut test = Test::new();
    let run = ["run", &pretrain, "weights", "--format", "json"];
    let run = test.run_with(run).success().json();
    std::fs::copy(artifact(&run, "weights", "weights"), &file).expect("a copy");
    let outcome = rehearsed(&file.display().to_string(), recipe, &[]);
    let outcome = outcome.success().stderr_is("");
    let document = outcome.json();
    let of = |index: usize, name: &str| document["imports"][index].get(name).cloned();
    assert_eq!(
        (of(0, "stage"), of(0, "into")),
        (Some(json!(null)), Some(json!("pretrain")))
    );
    assert!(of(0, "audit").is_some() && of(0, "error").is_none());
    assert_eq!(of(1, "into"), Some(json!("classifier")));
    assert!(of(1, "audit").is_none() && of(1, "error").is_some());

    rehearsed(&lightning(), recipe, &[]).failure(4);
    let arguments = ["inspect", &lightning(), "--for", &repository(recipe)];
    let outcome = Test::new().args(arguments).run().failure(4);
    outcome.stdout_has(
        "the recipe has no import stage: both of its models are tried, without rules\n",
    );
}

#[test]
fn a_pin_on_another_file_exits_4_as_the_import_does_and_is_told_beside_the_audit() {
    let base = repository("recipes/reference-finetune.toml");
    let root = repository("tests/fixtures/reference-layout");
    let pin = "0123456789abcdef".repeat(4);
    let mut test = Test::new().recipe(&format!(
        "format = 1\nextends = [\"{base}\"]\nvars.root = \"{root}\"\nstages.weights.from.sha256 = \"{pin}\"\n"
    ));
    let arguments = ["inspect", &lightning(), "--for", "recipe.toml"];
    let outcome = test.run_with(arguments.into_iter().chain(["--format", "json"]));
    let told = format!("the recipe pins {pin}");
    let document = outcome.failure(4).stderr_has(&told).json();
    for field in ["notes", "error"] {
        let text = document["imports"][0][field].to_string();
        assert!(text.contains(&told), "{text}");
    }
    assert!(document["imports"][0]["audit"].is_object());
    test.run_with(arguments)
        .failure(4)
        .stdout_has("stages.weights, into the classifier model: would fail\n")
        .stdout_has(&told);
}

#[test]
fn a_stage_that_is_no_import_and_a_recipe_that_is_wrong_exit_2() {
    let recipe = "recipes/reference-finetune.toml";
    rehearsed(&lightning(), recipe, &["--stage", "weigths"])
        .failure(2)
        .stdout_is("")
        .stderr_has("did you mean `weights`?");
    rehearsed(&lightning(), recipe, &["--stage", "frozen"])
        .failure(2)
        .stderr_has("stage `frozen` is of kind `freeze`, not `import`");
    rehearsed(&lightning(), recipe, &["--set", "model.latent=3"])
        .failure(2)
        .stdout_is("")
        .stderr_has("latent");
    let alone = Test::new().args(["inspect", &lightning(), "--stage", "weights"]);
    alone.run().failure(2).stderr_has("--for");
}
