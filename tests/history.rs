//! `pipeline runs` and what a run leaves behind.

use crate::harness::Test;
use crate::recipes::PRETRAIN;
use crate::running::{Running, wait_until_under_way};

const RUNS: [&str; 3] = ["runs", "--format", "json"];

#[test]
fn a_store_without_runs_lists_none() {
    let mut test = Test::new();
    assert_eq!(
        test.run_with(RUNS).success().json()["runs"],
        serde_json::json!([])
    );
    test.run_with(["runs"]).success().stdout_is("no runs yet\n");
    assert!(!test.folder().join(".pipeline").exists());
}

#[test]
fn runs_are_listed_latest_first_with_what_they_executed_and_found() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml", "events"]).success();
    test.run_with(["run", "recipe.toml"]).success();
    test.run_with(["run", "recipe.toml"]).success();
    let list = test.run_with(RUNS).success().json();
    let runs = list["runs"].as_array().expect("a list");
    let counts = |index: usize| (&runs[index]["executed"], &runs[index]["cached"]);
    assert_eq!(runs.len(), 3);
    assert_eq!(counts(0), (&0.into(), &2.into()));
    assert_eq!(counts(1), (&1.into(), &1.into()));
    assert_eq!(counts(2), (&1.into(), &0.into()));
    assert_eq!(runs[0]["recipe"], "demo");
    assert_eq!(runs[0]["status"], "done");
    assert!(runs[0]["started"].is_string() && runs[0]["seconds"].is_f64());

    let limited = RUNS.into_iter().chain(["--limit", "1"]);
    let limited = test.run_with(limited).success().json();
    assert_eq!(limited["runs"].as_array().map(Vec::len), Some(1));
    assert_eq!(limited["runs"][0]["run"], runs[0]["run"]);
    test.run_with(["runs"])
        .success()
        .stdout_has("  demo    done  ");
}

#[test]
fn a_run_keeps_the_recipe_its_resolved_form_and_where_it_ran() {
    let mut test = Test::new().recipe(PRETRAIN);
    let run = ["run", "recipe.toml", "events", "--format", "json", "--set"];
    let run = test.run_with(run.into_iter().chain(["stages.events.source.stays=30"]));
    let run = run.success().json();
    let id = run["run"].as_str().expect("an id");
    let show = ["runs", "show", &id[..id.len() - 1], "--format", "json"];
    let record = test.run_with(show).success().json();
    assert_eq!(record["run"], id);
    assert_eq!(record["stages"], run["stages"]);
    assert_eq!(record["recipe_text"], PRETRAIN);
    let events = &record["resolved"]["stages"][0];
    assert_eq!(events["name"], "events");
    assert_eq!(events["kind"], "data");
    assert_eq!(events["source"]["stays"], 30);
    assert_eq!(
        record["resolved"]["set"][0],
        "stages.events.source.stays=30"
    );
    let environment = &record["environment"];
    assert_eq!(
        environment["versions"]["pipeline"],
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(environment["versions"]["fingerprint"], 1);
    let rustc = environment["versions"]["rustc"].as_str();
    assert!(
        rustc.is_some_and(|text| text.starts_with("rustc ")),
        "{environment}"
    );
    assert!(environment["host"]["cpus"].as_u64() > Some(0));
    test.run_with(["runs", "show", id])
        .success()
        .stdout_has("events  data  executed")
        .stdout_has("[stages.events]");
}

#[test]
fn an_id_must_name_one_run() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["runs", "show", "2026"]).failure(2);
    test.run_with(["run", "recipe.toml", "events"]).success();
    test.run_with(["run", "recipe.toml", "events"]).success();
    test.run_with(["runs", "show", "20"])
        .failure(2)
        .stdout_is("")
        .stderr_has("2 runs have ids that start with `20`");
    test.run_with(["runs", "show", "x"])
        .failure(2)
        .stderr_has("`x`");
}

#[test]
fn a_killed_run_is_unfinished_and_keeps_what_ended() {
    let forever = PRETRAIN.replace("epochs = 1", "epochs = 1000000");
    let mut test = Test::new().recipe(&forever).args(["run", "recipe.toml"]);
    let running = Running::start(&test);
    wait_until_under_way(&test, "pretrain");
    running.signal(libc::SIGKILL);
    running.finish();
    let list = test.run_with(RUNS).success().json();
    let run = &list["runs"][0];
    assert_eq!(run["status"], "unfinished");
    assert_eq!(run["recipe"], "demo");
    assert_eq!(run["executed"], 1);
    assert!(run["seconds"].is_null());
    test.run_with(["runs"]).success().stdout_has("unfinished");
}
