//! Issue 19: nothing that was edited in a store is shown, compared or taken as a result.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::document::{artifact, stage};
use crate::harness::Test;
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run, stages};

fn evaluated() -> (Test, Value) {
    let recipe = [
        MODEL,
        &data("events", "one", ""),
        &stages("events", "events", "events"),
    ];
    let test = cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1);
    let mut test = test.recipe(&recipe.concat());
    let document = run(&mut test, &[]).success().json();
    (test, document)
}

/// Changes a number of a file to another one of the same length.
fn edit(path: &Path, name: &str) {
    let text = fs::read_to_string(path).expect("text");
    let at = text.find(&format!("\"{name}\": 0.")).expect("a number") + name.len() + 6;
    let mut bytes = text.into_bytes();
    bytes[at] = if bytes[at] == b'9' { b'1' } else { b'9' };
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("permissions");
    fs::write(path, bytes).expect("an edit");
}

fn action_of(test: &Test, document: &Value, name: &str) -> PathBuf {
    let key = stage(document, name)["key"]
        .as_str()
        .expect("a key")
        .to_string();
    test.folder()
        .join(format!(".pipeline/actions/v1/{key}.json"))
}

#[test]
fn issue19_an_edited_metric_is_not_shown() {
    let (mut test, document) = evaluated();
    let again = run(&mut test, &[]).success().json();
    let runs = [&document, &again].map(|document| document["run"].as_str().expect("an id"));
    edit(&artifact(&document, "test", "metrics"), "auroc");
    let refused = "its contents have changed";
    (test.run_with(["report", "recipe.toml"]).failure(6)).stderr_has(refused);
    // The numbers of a comparison stand in the actions; the stays behind its intervals do not.
    let compared = test.run_with(["compare", runs[0], runs[1]]).success();
    let auroc = stage(&document, "test")["metrics"]["auroc"]
        .as_f64()
        .expect("a number");
    compared.stdout_has(&format!("{auroc:.4}"));
    let predictions = artifact(&document, "test", "predictions");
    let mut bytes = fs::read(&predictions).expect("predictions");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&predictions, fs::Permissions::from_mode(0o644)).expect("permissions");
    fs::write(&predictions, bytes).expect("an edit");
    (test.run_with(["compare", runs[0], runs[1]]).failure(6)).stderr_has(refused);
    test.run_with(["cache", "verify"]).failure(6);
}

#[test]
fn issue19_an_edited_action_is_damage_wherever_it_is_read() {
    let (mut test, document) = evaluated();
    edit(&action_of(&test, &document, "test"), "auroc");
    for command in ["run", "plan", "report", "outputs"] {
        test.run_with([command, "recipe.toml"])
            .failure(6)
            .stderr_has("is not as it was written: its checksum is that of other contents");
    }
    test.run_with(["cache", "verify", "--repair"]).success();
    run(&mut test, &[]).success();
    test.run_with(["cache", "verify"]).success();
}

#[test]
fn issue19_an_action_without_a_checksum_is_made_again() {
    let (mut test, document) = evaluated();
    let path = action_of(&test, &document, "test");
    let text = fs::read_to_string(&path).expect("text");
    let mut older: Value = serde_json::from_str(&text).expect("JSON");
    older.as_object_mut().expect("an object").remove("checksum");
    fs::write(&path, older.to_string()).expect("an action");
    let again = run(&mut test, &[]).success().json();
    assert_eq!(stage(&again, "test")["status"], "executed");
    assert_eq!(stage(&again, "classifier")["status"], "cached");
}

fn record_of(test: &Test, document: &Value, name: &str) -> PathBuf {
    let run = document["run"].as_str().expect("an id");
    test.folder().join(".pipeline/runs").join(run).join(name)
}

#[test]
fn an_edited_record_of_a_run_is_not_shown_and_is_damage_that_nothing_makes_again() {
    let (mut test, document) = evaluated();
    let again = run(&mut test, &[]).success().json();
    let runs = [&document, &again].map(|document| document["run"].as_str().expect("an id"));
    edit(&record_of(&test, &document, "summary.json"), "auroc");
    let refused = "summary.json: is not as it was written";
    for command in [
        &["runs"][..],
        &["runs", "show", runs[0]],
        &["compare", runs[0], runs[1]],
        &["report", "recipe.toml"],
        &["mlflow", runs[0]],
    ] {
        let outcome = test.run_with(command.iter().copied()).failure(6);
        outcome
            .stderr_has(refused)
            .stderr_has("`pipeline cache verify`");
    }
    let verified = test.run_with(["cache", "verify"]).failure(6);
    verified
        .stderr_has("summary.json: the record of a run is not as it was written")
        .stderr_has("hint: the record of a run is not made again")
        .stderr_has("and no result is lost");
    test.run_with(["cache", "verify"]).success();
    // What is left of the run are its events.
    let auroc = stage(&document, "test")["metrics"]["auroc"].as_f64();
    let shown = format!("{:.4}", auroc.expect("a number"));
    test.run_with(["runs"]).success().stdout_has("unfinished");
    test.run_with(["compare", runs[0], runs[1]])
        .success()
        .stdout_has(&shown);
}

#[test]
fn a_record_of_another_run_is_damage_and_so_are_events_that_are_cut_short() {
    let (mut test, document) = evaluated();
    let other = run(&mut test, &["--set", "stages.classifier.epochs=1"]);
    let other = other.success().json();
    let runs = [&document, &other].map(|document| document["run"].as_str().expect("an id"));
    test.run_with(["compare", runs[0], runs[1]])
        .success()
        .stdout_has("epochs");
    let [from, to] = [&document, &other].map(|it| record_of(&test, it, "resolved.json"));
    fs::copy(from, to).expect("a copy");
    let refused = "resolved.json: is not as it was written";
    for command in [
        &["compare", runs[0], runs[1]][..],
        &["runs", "show", runs[1]],
    ] {
        test.run_with(command.iter().copied())
            .failure(6)
            .stderr_has(refused);
    }
    let events = record_of(&test, &document, "events.jsonl");
    let text = fs::read(&events).expect("events");
    fs::write(&events, &text[..text.len() - 9]).expect("a part of them");
    test.run_with(["cache", "verify"])
        .failure(6)
        .stderr_has("resolved.json: the record of a run is not as it was written")
        .stderr_has("events.jsonl: the record of a run is not whole: line ")
        .stderr_has("it is cut short");
    test.run_with(["cache", "verify"]).success();
    // Whole lines are history, whatever became of the last one.
    let end = text[..text.len() - 9]
        .iter()
        .rposition(|byte| *byte == b'\n');
    let kept = fs::read(&events).expect("events");
    assert_eq!(Some(kept.as_slice()), end.map(|end| &text[..=end]));
}

#[test]
fn a_record_without_a_checksum_is_read_and_its_metrics_are_those_of_the_results() {
    let (mut test, document) = evaluated();
    for name in ["summary.json", "resolved.json", "environment.json"] {
        let path = record_of(&test, &document, name);
        let text = fs::read_to_string(&path).expect("text");
        let (text, seal) = text.split_once(",\n  \"checksum\": ").expect("a checksum");
        assert_eq!(seal.len(), "\"\"\n}\n".len() + 64, "it is the last member");
        fs::write(&path, format!("{text}\n}}\n")).expect("a record");
    }
    edit(&record_of(&test, &document, "summary.json"), "auroc");
    test.run_with(["cache", "verify"]).success();
    let id = document["run"].as_str().expect("an id");
    let shown = test.run_with(["runs", "show", id, "--format", "json"]);
    let shown = shown.success().json();
    assert_eq!(shown["stages"], document["stages"]);
    assert_eq!(shown["resolved"].get("checksum"), None);
}

/// Gives an action that was edited the checksum of what it says now.
fn seal_again(path: &Path) {
    let text = fs::read_to_string(path).expect("text");
    let (body, _) = text.split_once(",\n  \"checksum\": ").expect("a checksum");
    let digest = blake3::hash(format!("{body}\n}}").as_bytes());
    let sealed = format!("{body},\n  \"checksum\": \"{digest}\"\n}}");
    fs::write(path, sealed).expect("an action");
}

#[test]
fn a_summary_with_a_checksum_says_itself_which_metrics_a_run_had() {
    let (mut test, document) = evaluated();
    let action = action_of(&test, &document, "test");
    edit(&action, "auroc");
    seal_again(&action);
    let id = document["run"].as_str().expect("an id");
    let show = ["runs", "show", id, "--format", "json"];
    let shown = test.run_with(show).success().json();
    assert_eq!(shown["stages"], document["stages"]);
    // Events do not: the store knows better.
    fs::remove_file(record_of(&test, &document, "summary.json")).expect("it is there");
    let shown = test.run_with(show).success().json();
    let auroc = |document: &Value| stage(document, "test")["metrics"]["auroc"].clone();
    assert_ne!(auroc(&shown), auroc(&document));
}

#[test]
fn a_result_that_could_have_been_the_nearest_is_named_where_it_is_damaged() {
    let (mut test, document) = evaluated();
    let explain = [
        "explain",
        "recipe.toml",
        "test",
        "--set",
        "stages.test.split=\"validation\"",
    ];
    let sound = test.run_with(explain).success();
    assert!(sound.stdout.contains("nearest ") && !sound.stdout.contains("note: "));
    let action = action_of(&test, &document, "test");
    edit(&action, "auroc");
    let name = action.file_name().and_then(|name| name.to_str());
    test.run_with(explain)
        .success()
        .stdout_has("no earlier result of kind evaluate to compare with")
        .stdout_has("note: not compared with earlier results that cannot be read")
        .stdout_has(name.expect("a key"));
    // Many are counted, and those of older versions are none.
    let put = |number: u32, text: &str| {
        let path = action.with_file_name(format!("{number:064}.json"));
        fs::write(path, text).expect("a file");
    };
    (0..11).for_each(|number| put(number, "{\"key\": "));
    (20..30).for_each(|number| put(number, "{\"key\": 1}"));
    test.run_with(explain)
        .success()
        .stdout_has("  and 2 more\n");
}
