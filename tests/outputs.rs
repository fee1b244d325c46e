//! `pipeline outputs`.

use std::path::Path;

use crate::harness::Test;
use crate::recipes::PRETRAIN;

#[test]
fn a_stage_that_never_ran_exits_5_with_what_to_run() {
    let mut test = Test::new().recipe(PRETRAIN);
    let outcome = test.run_with(["outputs", "recipe.toml", "events", "stays"]);
    outcome.failure(5).stdout_is("").stderr_is(
        "error: out of date: events; `pipeline run recipe.toml events` brings it up to date\n\
         note: pipeline help error out-of-date\n",
    );
}

#[test]
fn the_command_that_is_named_is_of_the_same_store_and_the_same_changes() {
    let mut test = Test::new().recipe(PRETRAIN);
    let outcome = test.run_with([
        "outputs",
        "recipe.toml",
        "events",
        "--store",
        "my store",
        "--set",
        "seed=2",
    ]);
    outcome.failure(5).stderr_has(
        "`pipeline run recipe.toml events --set seed=2 --store 'my store'` brings it up to date",
    );
}

#[test]
fn an_artifact_s_path_is_all_that_is_printed() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml", "events"]).success();
    let outcome = test.run_with(["outputs", "recipe.toml", "events", "stays"]);
    let outcome = outcome.success().stderr_is("");
    let path = outcome.stdout.strip_suffix('\n').expect("one line");
    assert!(Path::new(path).is_file(), "{path}");
}

#[test]
fn an_unknown_artifact_exits_2_and_is_answered_with_the_nearest() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml", "events"]).success();
    let outcome = test.run_with(["outputs", "recipe.toml", "events", "stay"]);
    outcome.failure(2).stdout_is("").stderr_is(
        "\
error: stage `events` has no artifact `stay`
hint: did you mean `stays`?
",
    );
}

#[test]
fn what_is_up_to_date_is_listed_though_something_is_not() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml", "events"]).success();
    let outcome = test.run_with(["outputs", "recipe.toml"]).failure(5);
    outcome
        .stdout_has("events stays ")
        .stderr_has("out of date: pretrain; `pipeline run recipe.toml` ");

    let json = ["outputs", "recipe.toml", "events", "--format", "json"];
    let document = test.run_with(json).success().json();
    assert_eq!(document["recipe"], "demo");
    assert_eq!(document["stages"][0]["name"], "events");
    assert!(document["stages"][0]["outputs"]["stays"]["path"].is_string());
}
