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
