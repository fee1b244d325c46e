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
