//! `pipeline check`.

use serde_json::json;

use crate::document::repository;
use crate::harness::Test;
use crate::recipes::PRETRAIN;

fn bad() -> String {
    PRETRAIN.replace("epochs = 1", "epoch = 1")
}

#[test]
fn a_good_recipe_has_a_line() {
    let outcome = Test::new()
        .recipe(PRETRAIN)
        .args(["check", "recipe.toml"])
        .run()
        .success();
    outcome
        .stdout_has("ok recipe.toml: demo, 2 stages: events, pretrain\nmemory: the model of `pretrain` has ")
        .stderr_is("");
}

#[test]
fn a_mistake_is_shown_with_its_place_and_a_hint() {
    let outcome = Test::new()
        .recipe(&bad())
        .args(["check", "recipe.toml"])
        .run();
    outcome
        .failure(2)
        .stdout_is("")
        .stderr_has("error: ")
        .stderr_has("epoch = 1")
        .stderr_has("recipe.toml:27:")
        .stderr_has("epochs");
}

#[test]
fn all_recipes_are_checked_though_one_is_bad() {
    let test = Test::new().recipe(PRETRAIN).file("bad.toml", bad());
    let mut test = test.args(["check", "bad.toml", "recipe.toml", "nowhere.toml"]);
    let outcome = test.run().failure(2).stdout_has("ok recipe.toml");
    outcome.stderr_has("bad.toml").stderr_has("nowhere.toml");

    let json = ["check", "bad.toml", "recipe.toml", "--format", "json"];
    let document = test.run_with(json).failure(2).json();
    let recipes = &document["recipes"];
    assert_eq!(recipes[0]["path"], "bad.toml");
    assert_eq!(recipes[0]["ok"], false);
    assert_eq!(recipes[0]["errors"][1]["line"], 27, "{document:#}");
    assert_eq!(
        recipes[1],
        json!({
            "path": "recipe.toml",
            "ok": true,
            "recipe": "demo",
            "stages": ["events", "pretrain"],
            "errors": [],
        })
    );
}

#[test]
fn issue16_a_misspelt_stage_is_named_with_the_one_that_is_meant() {
    let test = Test::new().recipe(PRETRAIN);
    let args = ["check", "recipe.toml", "--set", "stages.pretrian.epochs=3"];
    let outcome = test.args(args).run().failure(2);
    outcome.stderr_has("did you mean the stage `pretrain`?");
    let more = "format = 1\nextends = [\"recipe.toml\"]\n[stages.event]\nhours = 24\n";
    let test = Test::new().recipe(PRETRAIN).file("more.toml", more);
    let outcome = test.args(["check", "more.toml"]).run().failure(2);
    outcome.stderr_has("did you mean the stage `events`?");
    let far = [
        "check",
        "recipe.toml",
        "--set",
        "stages.nothing_like_it.epochs=3",
    ];
    let outcome = Test::new().recipe(PRETRAIN).args(far).run().failure(2);
    assert!(!outcome.stderr.contains("did you mean"), "{outcome}");
}

#[test]
fn issue16_how_many_numbers_an_embedding_has_is_said_once() {
    let once = PRETRAIN.replace("input_dim = 16\n", "");
    let args = ["check", "recipe.toml", "--resolved"];
    let outcome = Test::new().recipe(&once).args(args).run().success();
    outcome.stdout_has("input_dim = 16 ");
    let other = PRETRAIN.replace("embeddings = { orthonormal = 16 }\n", "");
    let outcome = Test::new().recipe(&other).args(args).run().success();
    outcome.stdout_has("embeddings.orthonormal = 16 ");
    let twice = PRETRAIN.replace("orthonormal = 16", "orthonormal = 20");
    let outcome = Test::new()
        .recipe(&twice)
        .args(["check", "recipe.toml"])
        .run();
    outcome
        .failure(2)
        .stderr_has("stages.events.embeddings.orthonormal is 20, but model.input_dim is 16")
        .stderr_has("set both to 20, or state one and leave the other out");
}

#[test]
fn issue16_the_width_of_a_table_of_embeddings_is_known_before_anything_runs() {
    let table = "orthonormal = 16";
    let recipe = PRETRAIN.replace(table, "table = \"e.csv\"");
    let test = Test::new().recipe(&recipe);
    let mut test = test.file("e.csv", "Key,0,1,2\nHR,0.5,0.25,1\n");
    let found =
        "stages.events.embeddings.table has embeddings of length 3, but model.input_dim is 16";
    for command in ["check", "plan", "run"] {
        let outcome = test.run_with([command, "recipe.toml"]).failure(2);
        outcome
            .stderr_has(found)
            .stderr_has("set model.input_dim = 3");
    }
    let unstated = recipe.replace("input_dim = 16\n", "");
    let mut test = test.recipe(&unstated);
    let outcome = test.run_with(["check", "recipe.toml"]).failure(2);
    outcome.stderr_has("model.input_dim is not stated, and 768 without that");
    assert!(!test.folder().join(".pipeline").exists());
}

/// A classifier on the model that [`PRETRAIN`] trains.
const CLASSIFIER: &str = r#"
[stages.weights]
kind = "import"
from = "pretrain"
into = "classifier"
new = ["cls_head.*"]
ignore = ["decoder.*"]

[stages.frozen]
kind = "freeze"
model = "weights"
trainable = ["*"]
max_trainable_fraction = 0.3

[stages.classifier]
kind = "finetune"
model = "frozen"
data = "events"
"#;

#[test]
fn issue16_how_much_is_trainable_is_known_before_anything_runs() {
    let mut test = Test::new().recipe(&format!("{PRETRAIN}{CLASSIFIER}"));
    for command in ["check", "plan", "run"] {
        test.run_with([command, "recipe.toml"])
            .failure(2)
            .stderr_has("stages.frozen.max_trainable_fraction allows less than that: 100.0 %")
            .stderr_has("the limit is 30 %")
            .stderr_has("max_trainable_fraction = 1");
    }
    assert!(!test.folder().join(".pipeline").exists());
    let enough = "stages.frozen.max_trainable_fraction=1.0";
    let outcome = test.run_with(["check", "recipe.toml", "--set", enough]);
    outcome.success();
}

#[test]
fn issue16_a_finetuning_that_states_no_loss_has_cross_entropy() {
    let unstated = CLASSIFIER.replace("= 0.3", "= 1.0");
    let args = ["check", "recipe.toml", "--resolved"];
    let test = Test::new().recipe(&format!("{PRETRAIN}{unstated}"));
    let outcome = test.args(args).run().success();
    outcome.stdout_has("loss.kind = \"cross-entropy\"");
    let reference = repository("recipes/reference-finetune.toml");
    let args = ["check", &reference, "--resolved"];
    let outcome = Test::new().args(args).run().success();
    outcome
        .stdout_has("loss.kind = \"focal\"")
        .stdout_has("loss.alpha = 0.25")
        .stdout_has("loss.gamma = 2.0");
}

#[test]
fn resolved_shows_every_value_with_its_origin() {
    let base = "[model]\nlatent_dim = 12\n";
    let recipe = r#"
format = 1
extends = ["base.toml"]

[vars]
stays = 40

[stages.events]
kind = "data"
source = { format = "synthetic", stays = "${vars.stays}" }
split = { ratio = [0.6, 0.2, 0.2] }
embeddings = { orthonormal = 16 }
"#;
    let test = Test::new().file("base.toml", base).recipe(recipe);
    let set = ["--set", "model.input_dim=16", "--set", "model.heads=3"];
    let set = set
        .into_iter()
        .chain(["--set", "model.transformer_heads=4"]);
    let args = ["check", "recipe.toml", "--resolved"];
    let outcome = test.args(args.into_iter().chain(set)).run().success();
    outcome
        .stdout_has("latent_dim = 12                    # base.toml:2\n")
        .stdout_has("input_dim = 16                     # --set model.input_dim=16\n")
        .stdout_has("ff_dim = 512                       # default\n")
        .stdout_has("[stages.events]\nkind = \"data\"                      # recipe.toml:9\n")
        .stdout_has("source.stays = 40                  # recipe.toml:10, from recipe.toml:6\n")
        .stdout_has("split.ratio = [0.6, 0.2, 0.2]      # recipe.toml:11\n");
}

/// What `--resolved` prints is a recipe, and it resolves to itself.
#[test]
fn a_resolved_recipe_runs_as_the_one_it_was_made_of() {
    let mut test = Test::new().recipe(PRETRAIN);
    let resolved = |test: &mut Test, file: &str| {
        let json = ["check", file, "--resolved", "--format", "json"];
        let record = test.run_with(json).success().json();
        let values = record["recipes"][0]["resolved"]
            .as_array()
            .expect("values")
            .clone();
        let value = |v: &serde_json::Value| json!([v["table"], v["key"], v["value"]]);
        values.iter().map(value).collect::<Vec<_>>()
    };
    let before = resolved(&mut test, "recipe.toml");
    let text = test
        .run_with(["check", "recipe.toml", "--resolved"])
        .success()
        .stdout;
    let mut test = test.file("again.toml", text);
    assert_eq!(resolved(&mut test, "again.toml"), before);
}

/// What TOML or the reader of recipes would take for something else is written so that it is not.
#[test]
fn a_resolved_recipe_has_every_string_as_it_was() {
    let recipe = PRETRAIN.replace("\"demo\"", "\"a$${b}\\u007f\\u0000\"");
    let mut test = Test::new().recipe(&recipe);
    let set = "stages.pretrain.epochs=\n3";
    let args = ["check", "recipe.toml", "--resolved", "--set", set];
    let text = test.run_with(args).success().stdout;
    let mut test = test.file("again.toml", text);
    let json = ["check", "again.toml", "--resolved", "--format", "json"];
    let record = test.run_with(json).success().json();
    let values = record["recipes"][0]["resolved"].as_array().expect("values");
    let value = |key: &str| {
        let found = values.iter().find(|value| value["key"] == key);
        found.map(|value| value["value"].clone())
    };
    assert_eq!(value("name"), Some(json!("a${b}\u{7f}\0")));
    assert_eq!(value("epochs"), Some(json!(3)));
}
