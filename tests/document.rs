//! What the JSON document of a run says, and what lies in the store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;

use crate::harness::Test;

/// A file of this repository.
pub fn repository(path: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    format!("{root}/{path}")
}

/// A Python that has these packages: `PYTHON`, or `python3`. The interpreter itself: the script that may stand for it
/// (pyenv) takes longer than most of the tests that ask.
pub fn python_with(packages: &str) -> Option<String> {
    static KNOWN: Mutex<BTreeMap<String, Option<String>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().expect("nobody panics with it");
    let find = || {
        let named = std::env::var("PYTHON").ok();
        let mut candidates = named.into_iter().chain(["python3".into()]);
        candidates.find_map(|python| interpreter(&python, &format!("import {packages}")))
    };
    let python = known.entry(packages.into()).or_insert_with(find);
    python.clone()
}

/// The path of a Python, if this line of it raises nothing.
pub fn interpreter(python: &str, condition: &str) -> Option<String> {
    let script = format!("{condition}\nimport sys; print(sys.executable)");
    let mut command = Command::new(python);
    let output = command.args(["-W", "ignore", "-c", &script]).output();
    let output = output.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_string())
}

/// The entry of a stage.
#[track_caller]
pub fn stage<'a>(document: &'a Value, name: &str) -> &'a Value {
    let stages = document["stages"].as_array();
    let found = stages.and_then(|stages| stages.iter().find(|stage| stage["name"] == name));
    found.unwrap_or_else(|| panic!("no stage {name} in {document:#}"))
}

/// (stage, status), in the document's order.
pub fn statuses<'a>(document: &'a Value) -> Vec<(&'a str, &'a str)> {
    let stages = document["stages"].as_array().into_iter().flatten();
    let text = |value: &'a Value| value.as_str().unwrap_or_default();
    stages
        .map(|stage| (text(&stage["name"]), text(&stage["status"])))
        .collect()
}

/// The digest of every artifact, by stage and name.
pub fn digests(document: &Value) -> BTreeMap<(String, String), String> {
    let mut digests = BTreeMap::new();
    for stage in document["stages"].as_array().into_iter().flatten() {
        let name = stage["name"].as_str().expect("a stage has a name");
        let outputs = stage["outputs"].as_object().expect("outputs are a table");
        for (artifact, output) in outputs {
            let digest = output["digest"].as_str().expect("an artifact has a digest");
            digests.insert((name.into(), artifact.clone()), digest.into());
        }
    }
    digests
}

/// Where an artifact lies.
#[track_caller]
pub fn artifact(document: &Value, stage_name: &str, name: &str) -> PathBuf {
    let path = stage(document, stage_name)["outputs"][name]["path"].as_str();
    PathBuf::from(path.unwrap_or_else(|| panic!("no {stage_name} {name} in {document:#}")))
}

/// The kinds of all results that the test's store holds, sorted.
pub fn kinds_in_store(test: &Test) -> Vec<String> {
    let actions = std::fs::read_dir(test.folder().join(".pipeline/actions/v1"));
    let mut kinds: Vec<String> = actions
        .into_iter()
        .flatten()
        .map(|entry| {
            let bytes = std::fs::read(entry.expect("an entry").path()).expect("an action");
            let action: Value = serde_json::from_slice(&bytes).expect("an action is JSON");
            let kind = action["fingerprint"]["kind"].as_str();
            kind.expect("a fingerprint has a kind").to_string()
        })
        .collect();
    kinds.sort();
    kinds
}
