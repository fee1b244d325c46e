//! `pipeline plan`.

use crate::harness::Test;
use crate::recipes::PRETRAIN;

#[test]
fn a_plan_on_a_fresh_store_runs_everything_and_writes_nothing() {
    let mut test = Test::new().recipe(PRETRAIN);
    let outcome = test.run_with(["plan", "recipe.toml"]).success();
    let outcome = outcome.stdout_has("events    data      run").stderr_is("");
    outcome.stdout_has("pretrain  pretrain  may run");
    assert!(!test.folder().join(".pipeline/runs").exists());

    let json = ["plan", "recipe.toml", "--format", "json"];
    let plan = test.run_with(json).success().json();
    assert_eq!(plan["recipe"], "demo");
    assert_eq!(plan["stages"][0]["name"], "events");
    assert_eq!(plan["stages"][0]["kind"], "data");
    assert_eq!(plan["stages"][0]["status"], "run");
    assert_eq!(plan["stages"][1]["status"], "may-run");
}

#[test]
fn a_plan_of_a_stage_leaves_out_what_it_does_not_need() {
    let mut test = Test::new().recipe(PRETRAIN);
    let json = ["plan", "recipe.toml", "events", "--format", "json"];
    let plan = test.run_with(json).success().json();
    assert_eq!(plan["stages"].as_array().map(Vec::len), Some(1));
}

#[test]
fn check_exits_5_until_everything_is_up_to_date() {
    let mut test = Test::new().recipe(PRETRAIN);
    let check = ["plan", "recipe.toml", "events", "--check"];
    let outcome = test.run_with(check).failure(5);
    outcome.stderr_is("error: out of date: events\nnote: pipeline help error out-of-date\n");
    test.run_with(["run", "recipe.toml", "events"]).success();
    let outcome = test.run_with(check).success().stderr_is("");
    outcome.stdout_has("everything is up to date\n");
}

#[test]
fn an_override_is_planned_like_a_change_of_the_recipe() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml", "events"]).success();
    let stays = "stages.events.source.stays=41";
    let check = ["plan", "recipe.toml", "events", "--check", "--set", stays];
    let outcome = test.run_with(check).failure(5);
    outcome.stdout_has("40").stdout_has("41");
}
