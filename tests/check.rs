//! `pipeline check`.

use serde_json::json;

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
        .stdout_is("ok recipe.toml: demo, 2 stages: events, pretrain\n")
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
