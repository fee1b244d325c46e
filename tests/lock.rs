//! `pipeline lock` and `pipeline run --locked`.

use std::collections::BTreeSet;

use crate::document::statuses;
use crate::harness::Test;
use crate::recipes::PRETRAIN;

const LOCK: [&str; 2] = ["lock", "recipe.toml"];
const LOCKED: [&str; 3] = ["run", "recipe.toml", "--locked"];

/// A recipe that ran and was locked.
fn locked() -> Test {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml"]).success();
    let outcome = test.run_with(LOCK).success().stderr_is("");
    outcome.stdout_is("locked 2 stages in recipe.lock\n");
    test
}

fn text(test: &Test) -> String {
    std::fs::read_to_string(test.folder().join("recipe.lock")).expect("a lock is text")
}

/// Replaces the value of `key` in a table of the lock.
#[track_caller]
fn tamper(test: Test, table: &str, key: &str, value: &str) -> Test {
    let (mut inside, mut changed) = (false, false);
    let lines = text(&test);
    let lines = lines.lines().map(|line| {
        if line.starts_with('[') {
            inside = line == format!("[{table}]");
        }
        match line.split_once(" = ") {
            Some((found, _)) if inside && found == key => {
                changed = true;
                format!("{key} = {value}\n")
            }
            _ => format!("{line}\n"),
        }
    });
    let lines: String = lines.collect();
    assert!(changed, "no {key} in [{table}] of\n{lines}");
    test.file("recipe.lock", lines)
}

fn append(test: Test, addition: &str) -> Test {
    let text = text(&test) + addition;
    test.file("recipe.lock", text)
}

fn runs(test: &Test) -> BTreeSet<std::ffi::OsString> {
    let folder = std::fs::read_dir(test.folder().join(".pipeline/runs"));
    let entries = folder.into_iter().flatten();
    entries.map(|run| run.expect("a run").file_name()).collect()
}

/// `value` of the lock's `key` in `table`.
fn value(test: &Test, table: &[&str], key: &str) -> String {
    let lock: toml::Value = toml::from_str(&text(test)).expect("a lock is TOML");
    let place = table.iter().fold(&lock, |place, name| &place[*name]);
    place[key].to_string()
}

const OTHER: &str = "\"00000000000000000000000000000000000000000000000000000000000000ff\"";

#[test]
fn a_locked_run_of_what_was_locked_executes_nothing_and_is_done() {
    let mut test = locked();
    let run = ["run", "recipe.toml", "--locked", "--format", "json"];
    let document = test.run_with(run).success().json();
    assert_eq!(
        statuses(&document),
        [("events", "cached"), ("pretrain", "cached")]
    );
    assert_eq!(document["lock"]["drift"], serde_json::json!([]));
    assert_eq!(document["lock"]["notes"], serde_json::json!([]));
}

#[test]
fn a_locked_run_on_an_empty_store_gives_what_was_locked() {
    let mut test = locked();
    let other = ["run", "recipe.toml", "--locked", "--store", "other"];
    test.run_with(other).success();
}

#[test]
fn a_lock_written_again_is_the_same_and_has_one_value_a_line() {
    let mut test = locked();
    let first = text(&test);
    assert!(first.ends_with('\n') && !first.contains('{'), "{first}");
    std::fs::remove_file(test.folder().join("recipe.lock")).expect("the lock is there");
    test.run_with(LOCK).success();
    assert_eq!(text(&test), first);
}

#[test]
fn what_was_written_can_be_had_as_a_document() {
    let mut test = locked();
    let json = LOCK.into_iter().chain(["--format", "json"]);
    let document = test.run_with(json).success().json();
    assert_eq!(document["path"], "recipe.lock");
    assert_eq!(document["lock"]["format"], 1);
    let written: toml::Value = toml::from_str(&text(&test)).expect("a lock is TOML");
    let stages = serde_json::to_value(&written["stages"]).expect("a table");
    assert_eq!(document["lock"]["stages"], stages);
}

#[test]
fn a_recipe_that_is_not_up_to_date_cannot_be_locked() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(["run", "recipe.toml", "events"]).success();
    test.run_with(LOCK).failure(5).stdout_is("").stderr_is(
        "error: out of date: pretrain; `pipeline run recipe.toml` brings it up to date\n\
         note: pipeline help error out-of-date\n",
    );
    assert!(!test.folder().join("recipe.lock").exists());
}

#[test]
fn without_a_lock_a_locked_run_exits_2_and_says_how_to_make_it() {
    let mut test = Test::new().recipe(PRETRAIN);
    test.run_with(LOCKED).failure(2).stdout_is("").stderr_is(
        "\
error: recipe.lock: there is no such lock
hint: `pipeline lock recipe.toml` makes it from results that are up to date
",
    );
    assert!(runs(&test).is_empty());
}

#[test]
fn a_changed_setting_exits_5_with_stage_and_keys_before_anything_runs() {
    let test = locked();
    let before = runs(&test);
    let key = value(&test, &["stages", "pretrain"], "key");
    let mut test = test.recipe(&PRETRAIN.replace("epochs = 1", "epochs = 2"));
    let outcome = test.run_with(LOCKED).failure(5).stdout_is("");
    let outcome = outcome.stderr_has("stage `pretrain` has other settings");
    let outcome = outcome.stderr_has(&format!("in the lock  {}", key.trim_matches('"')));
    assert!(!outcome.stderr.contains("`events`"), "{outcome}");
    assert_eq!(runs(&test), before);
}

#[test]
fn a_changed_setting_far_down_is_found_before_anything_runs_in_an_empty_store() {
    let mut test = locked();
    let epochs = "stages.pretrain.epochs=2";
    let outcome = test.run_with([
        "run",
        "recipe.toml",
        "--locked",
        "--store",
        "other",
        "--set",
        epochs,
    ]);
    let outcome = outcome.failure(5).stdout_is("");
    outcome.stderr_has("stage `pretrain` has other settings");
    assert!(!test.folder().join("other/runs").exists());
}

#[test]
fn another_digest_in_the_lock_exits_5_naming_stage_and_artifact() {
    let mut test = tamper(locked(), "stages.pretrain.outputs", "history", OTHER);
    let outcome = test.run_with(LOCKED).failure(5).stdout_is("");
    outcome
        .stderr_has("stage `pretrain` gave another history")
        .stderr_has(OTHER.trim_matches('"'))
        .stderr_has("validation_loss: ");

    // Nothing is known of the artifact beforehand in an empty store.
    let other = ["run", "recipe.toml", "--locked", "--store", "other"];
    let outcome = test.run_with(other).failure(5);
    outcome
        .stderr_has("stage `pretrain` gave another history")
        .stdout_has("pretrain");
}

#[test]
fn issue16_a_metric_changed_in_the_lock_exits_5_though_every_artifact_is_the_same() {
    let mut test = tamper(
        locked(),
        "stages.pretrain.metrics",
        "validation_loss",
        "0.99",
    );
    let refused = |outcome: crate::harness::Outcome| {
        let outcome = outcome.failure(5);
        let outcome = outcome.stderr_has(
            "stage `pretrain` gave the locked artifacts, but other metrics\n    validation_loss: 0.99 in the lock",
        );
        assert!(!outcome.stderr.contains("best_epoch"), "{outcome}");
    };
    refused(test.run_with(LOCKED));
    refused(test.run_with(["run", "recipe.toml", "--locked", "--store", "other"]));

    let mut test = append(
        test,
        "\n[stages.pretrain.tolerances]\nvalidation_loss = 1e9\n",
    );
    let outcome = test.run_with(LOCKED).success();
    outcome
        .stderr_has("note: stage `pretrain` gave the locked artifacts, but other metrics")
        .stderr_has("within its tolerance 1000000000");
}

#[test]
fn issue16_a_metric_that_is_missing_from_the_lock_or_one_too_many_exits_5() {
    let test = locked();
    let whole = text(&test);
    let lines = whole
        .lines()
        .filter(|line| !line.starts_with("validation_loss"));
    let mut test = test.file("recipe.lock", lines.collect::<Vec<_>>().join("\n") + "\n");
    let outcome = test.run_with(LOCKED).failure(5);
    outcome.stderr_has("validation_loss: absent in the lock");
    let more = whole.replace(
        "[stages.pretrain.metrics]\n",
        "[stages.pretrain.metrics]\nmore = 1\n",
    );
    let mut test = test.file("recipe.lock", more);
    let outcome = test.run_with(LOCKED).failure(5);
    outcome.stderr_has("more: 1 in the lock, absent now");
}

#[test]
fn another_artifact_with_metrics_within_their_tolerance_is_a_note() {
    let test = tamper(locked(), "stages.events.outputs", "stays", OTHER);
    let test = tamper(test, "stages.pretrain", "key", OTHER);
    let test = tamper(test, "stages.events.metrics", "source_rows", "7");
    let mut test = append(test, "\n[stages.events.tolerances]\nsource_rows = 1\n");
    let outcome = test.run_with(LOCKED).failure(5);
    outcome.stderr_has("outside its tolerance 1");

    let mut test = tamper(test, "stages.events.tolerances", "source_rows", "1e9");
    let outcome = test.run_with(LOCKED).success();
    outcome
        .stderr_has("note: stage `events` gave another stays")
        .stderr_has("within its tolerance 1000000000");

    test.run_with(LOCK).success();
    assert_eq!(
        value(&test, &["stages", "events", "tolerances"], "source_rows"),
        "1000000000.0"
    );
    assert!(!text(&test).contains(OTHER));
}

#[test]
fn a_tolerance_covers_what_reads_the_stage_as_long_as_metrics_there_are_equal() {
    let test = tamper(locked(), "stages.events.outputs", "stays", OTHER);
    let test = tamper(test, "stages.pretrain", "key", OTHER);
    let mut test = tamper(test, "stages.pretrain.outputs", "checkpoint", OTHER);
    let outcome = test.run_with(LOCKED).failure(5);
    outcome
        .stderr_has("stage `events` gave another stays")
        .stderr_has("stage `pretrain` gave another checkpoint");

    let mut test = append(test, "\n[stages.events.tolerances]\nsource_rows = 0\n");
    let outcome = test.run_with(LOCKED).success();
    outcome
        .stderr_has("note: stage `events` gave another stays")
        .stderr_has("note: stage `pretrain` gave another checkpoint");

    let seed = ["run", "recipe.toml", "--locked", "--set", "seed=2"];
    let outcome = test.run_with(seed).failure(5);
    outcome.stderr_has("stage `pretrain` has other settings");

    let mut test = tamper(test, "stages.pretrain.metrics", "validation_loss", "1.0");
    let outcome = test.run_with(LOCKED).failure(5);
    let outcome = outcome.stderr_has("validation_loss: 1 in the lock");
    assert!(!outcome.stderr.contains("stage `events`"), "{outcome}");
}

#[test]
fn a_tolerance_for_no_metric_exits_2_with_the_nearest() {
    let mut test = append(locked(), "\n[stages.events.tolerances]\nsource_row = 1\n");
    let outcome = test.run_with(LOCKED).failure(2);
    outcome.stderr_has("did you mean `source_rows`?");
}

#[test]
fn a_stage_on_one_side_only_is_drift() {
    let added =
        format!("{PRETRAIN}\n[stages.more]\nkind = \"pretrain\"\ndata = \"events\"\nepochs = 2\n");
    let mut test = locked().recipe(&added);
    let outcome = test.run_with(LOCKED).failure(5);
    outcome.stderr_has("stage `more` is in the recipe, but not in the lock");

    let removed = PRETRAIN.split("[stages.pretrain]").next().expect("a start");
    let mut test = locked().recipe(removed);
    let outcome = test.run_with(LOCKED).failure(5);
    outcome.stderr_has("stage `pretrain` is in the lock, but not in the recipe");
}
