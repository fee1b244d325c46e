//! `pipeline cache`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::document::{artifact, kinds_in_store, statuses};
use crate::harness::Test;
use crate::recipes::PRETRAIN;
use crate::running::{Running, wait_until_under_way};

const RUN: [&str; 4] = ["run", "recipe.toml", "--format", "json"];
const VERIFY: [&str; 2] = ["cache", "verify"];
const KEEP: [&str; 4] = ["cache", "gc", "--keep-recipe", "recipe.toml"];

/// A store with both stages of the recipe.
fn ran() -> (Test, Value) {
    let mut test = Test::new().recipe(PRETRAIN);
    let record = test.run_with(RUN).success().json();
    (test, record)
}

fn overwrite(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).expect("it is there");
    fs::write(path, bytes).expect("it can be written");
}

fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    overwrite(path, &bytes);
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = vec![];
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => files.extend(files_below(&path)),
            path => files.push(path),
        }
    }
    files.sort();
    files
}

#[test]
fn a_flipped_byte_is_found_and_the_next_run_makes_the_artifact_again() {
    for repair in [false, true] {
        let (mut test, record) = ran();
        test.run_with(VERIFY).success().stdout_has("all sound");
        let blob = artifact(&record, "pretrain", "checkpoint");
        flip_a_byte(&blob);
        let name = blob.file_name().and_then(|name| name.to_str());
        let option = repair.then_some("--repair");
        let outcome = test.run_with(VERIFY.into_iter().chain(option));
        if repair {
            outcome.success().stdout_has(name.expect("a digest"));
            test.run_with(VERIFY).success().stdout_has("all sound");
        } else {
            let outcome = outcome.failure(6).stdout_is("");
            outcome
                .stderr_has(name.expect("a digest"))
                .stderr_has("pretrain checkpoint")
                .stderr_has("run the recipes again");
            let aside = test.folder().join(".pipeline/damaged");
            assert_eq!(files_below(&aside).len(), 1);
            test.run_with(VERIFY).failure(6).stderr_has("is missing");
        }
        let again = test.run_with(RUN).success().json();
        let expected = [("events", "cached"), ("pretrain", "executed")];
        assert_eq!(statuses(&again), expected);
        assert_eq!(artifact(&again, "pretrain", "checkpoint"), blob);
        test.run_with(VERIFY).success();
    }
}

#[test]
fn an_action_cut_short_is_found_and_its_stage_runs_again() {
    let (mut test, _) = ran();
    let actions = files_below(&test.folder().join(".pipeline/actions/v1"));
    for action in &actions {
        overwrite(action, b"{\"key\":");
    }
    test.run_with(["cache", "gc"]).failure(6);
    let json = VERIFY.into_iter().chain(["--format", "json"]);
    let document = test.run_with(json).failure(6).json();
    assert_eq!(document["damage"].as_array().map(Vec::len), Some(2));
    assert_eq!(document["damage_is"], "moved-aside");
    let again = test.run_with(RUN).success().json();
    let expected = [("events", "executed"), ("pretrain", "executed")];
    assert_eq!(statuses(&again), expected);
}

#[test]
fn collecting_keeps_what_a_recipe_needs_and_a_dry_run_removes_nothing() {
    let (mut test, _) = ran();
    let other = ["--set", "seed=2"];
    test.run_with(RUN.into_iter().chain(other)).success();
    assert_eq!(kinds_in_store(&test).len(), 4);
    let store = test.folder().join(".pipeline");
    let before = files_below(&store.join("blobs"));

    let json = ["--format", "json"];
    let dry = KEEP.into_iter().chain(json).chain(["--dry-run"]);
    let dry = test.run_with(dry).success().json();
    assert_eq!(files_below(&store.join("blobs")), before);
    assert_eq!(kinds_in_store(&test).len(), 4);

    let collected = test.run_with(KEEP.into_iter().chain(json)).success().json();
    assert_eq!(collected["removed"], dry["removed"]);
    assert_eq!(kinds_in_store(&test), ["data", "pretrain"]);
    assert!(files_below(&store.join("blobs")).len() < before.len());
    let again = test.run_with(RUN).success().json();
    let expected = [("events", "cached"), ("pretrain", "cached")];
    assert_eq!(statuses(&again), expected);
    test.run_with(VERIFY).success();
}

#[test]
fn results_go_by_age_and_by_size() {
    let (mut test, _) = ran();
    let young = ["cache", "gc", "--older-than", "1"];
    test.run_with(young).success().stdout_has("0 removed");
    let fits = ["cache", "gc", "--max-size", "1GB"];
    test.run_with(fits).success().stdout_has("0 removed");
    let none = ["cache", "gc", "--max-size", "0"];
    let kept = none.into_iter().chain(["--keep-recipe", "recipe.toml"]);
    let kept = test.run_with(kept).success().stdout_has("0 removed");
    kept.stderr_has("more than --max-size");
    test.run_with(none).success();
    assert!(kinds_in_store(&test).is_empty());
    assert!(files_below(&test.folder().join(".pipeline/blobs")).is_empty());
}

/// Ids of the runs in the test's store, the latest first.
fn runs(test: &mut Test) -> Vec<Value> {
    let list = ["runs", "--format", "json"];
    let document = test.run_with(list).success().json();
    let runs = document["runs"].as_array().expect("a list");
    runs.iter().map(|run| run["run"].clone()).collect()
}

/// A folder like that of a run long ago.
fn with_an_old_run(test: Test) -> Test {
    let old = ".pipeline/runs/20200102T030405Z-0000/events.jsonl";
    test.file(old, "{}\n")
}

#[test]
fn runs_go_by_count_and_by_age_and_a_dry_run_lists_them() {
    let (mut test, _) = ran();
    test.run_with(RUN).success();
    let latest = runs(&mut test);
    let mut test = with_an_old_run(test);
    assert_eq!(runs(&mut test).len(), 3);

    let old = ["cache", "gc", "--older-than", "30"];
    let kept = old.into_iter().chain(["--keep-runs", "3"]);
    test.run_with(kept).success().stdout_has("0 removed");
    let dry = old.into_iter().chain(["--dry-run"]);
    let outcome = test.run_with(dry.clone()).success();
    let outcome = outcome.stdout_has("1 would be").stdout_has("run       1 ");
    assert!(
        !outcome.stdout.contains("20200102T030405Z-0000"),
        "{outcome}"
    );
    let verbose = test.run_with(dry.chain(["-v"])).success();
    verbose
        .stdout_is(&outcome.stdout)
        .stderr_has("20200102T030405Z-0000: ");
    assert_eq!(runs(&mut test).len(), 3);
    test.run_with(old).success().stdout_has("1 removed");
    assert_eq!(runs(&mut test), latest);

    let count = ["cache", "gc", "--keep-runs", "1", "--format", "json"];
    let document = test.run_with(count).success().json();
    assert_eq!(document["removed"][0]["what"], "run");
    assert_eq!(runs(&mut test), latest[..1]);
    assert_eq!(kinds_in_store(&test), ["data", "pretrain"]);
    test.run_with(["cache", "gc"])
        .success()
        .stdout_has("0 removed");
    assert_eq!(runs(&mut test).len(), 1);
}

#[test]
fn what_a_store_holds_is_listed_by_kind() {
    let (mut test, _) = ran();
    let list = ["cache", "ls", "--format", "json"];
    let document = test.run_with(list).success().json();
    assert_eq!(document["kinds"]["data"]["entries"], 1);
    assert_eq!(document["kinds"]["data"]["blobs"], 4);
    assert_eq!(document["unreferenced"]["blobs"], 0);
    let blobs = files_below(&test.folder().join(".pipeline/blobs"));
    assert_eq!(document["total"]["blobs"], blobs.len());
    test.run_with(["cache", "ls"])
        .success()
        .stdout_has("pretrain ");
}

#[test]
fn a_running_process_keeps_what_it_holds_and_a_dead_one_does_not() {
    let forever = PRETRAIN.replace("epochs = 1", "epochs = 1000000");
    let mut test = Test::new().recipe(&forever).args(["run", "recipe.toml"]);
    let running = Running::start(&test);
    wait_until_under_way(&test, "pretrain");
    let work = test.folder().join(".pipeline/work");
    let collect = ["cache", "gc", "--older-than", "0"];
    test.run_with(collect)
        .success()
        .stdout_has("0 removed")
        .stderr_has("a run is going on");
    let runs = ["cache", "gc", "--keep-runs", "0"];
    test.run_with(runs).success().stdout_has("0 removed");
    assert_eq!(fs::read_dir(&work).expect("work").count(), 1);
    assert_eq!(kinds_in_store(&test), ["data"]);
    running.signal(libc::SIGKILL);
    running.finish();
    test.run_with(KEEP).success().stdout_has("0 removed");
    test.run_with(["cache", "gc"])
        .success()
        .stdout_has("1 removed");
    assert_eq!(fs::read_dir(&work).expect("work").count(), 0);
}
