//! Many stages in every shape: run once, then found up to date. A thousand of them with `PIPELINE_CAMPAIGNS=1`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Test, campaign};
use crate::many_recipe::{Shape, recipe};

const RUN: [&str; 4] = ["run", "recipe.toml", "--format", "json"];

#[test]
fn a_chain_of_many_stages_runs_once() {
    runs_once(Shape::Chain);
}

#[test]
fn a_fan_out_of_many_stages_runs_once() {
    runs_once(Shape::FanOut);
}

#[test]
fn a_diamond_of_many_stages_runs_once() {
    runs_once(Shape::Diamond);
}

fn runs_once(shape: Shape) {
    let many = campaign(100, 1000);
    let mut test = Test::new().recipe(&recipe(shape, many));
    let first = test.run_with(RUN).success().json();
    assert_eq!(
        counts(&first, "status"),
        expected("executed", many),
        "{}",
        shape.name()
    );
    let again = test.run_with(RUN).success();
    assert_eq!(again.stderr.matches(": cached\n").count(), many);
    let again = again.json();
    assert_eq!(
        counts(&again, "status"),
        expected("cached", many),
        "{}",
        shape.name()
    );
    for (before, after) in stages(&first).iter().zip(stages(&again)) {
        assert_eq!(before["name"], after["name"]);
        assert_eq!(before["outputs"], after["outputs"]);
    }
    let past = test.run_with(["runs", "--format", "json"]).success().json();
    assert_eq!(past["runs"][0]["cached"], many);
    assert_eq!(past["runs"][1]["executed"], many);
    // In a chain everything after the change runs again; elsewhere what its bytes do not reach is cached.
    let change = ["--set", "stages.s1.run=\"echo other > {outputs.out}\""];
    let plan = test.run_with(
        ["plan", "recipe.toml", "--format", "json"]
            .into_iter()
            .chain(change),
    );
    let plan = counts(&plan.success().json(), "status");
    let unknown = match shape {
        Shape::Chain => many - 2,
        Shape::FanOut => 0,
        Shape::Diamond => 1,
    };
    assert_eq!(plan.get("run"), Some(&1), "{}", shape.name());
    assert_eq!(plan.get("may-run").copied().unwrap_or(0), unknown);
    assert_eq!(plan["cached"], many - 1 - unknown);
}

#[test]
fn issue21_an_index_hides_no_edit_and_no_loss() {
    let mut test = Test::new().recipe(&recipe(Shape::FanOut, 40));
    let first = test.run_with(RUN).success().json();
    // What was written just now could change again without a trace: it is not in the index yet.
    std::thread::sleep(Duration::from_millis(2100));
    let cached = |test: &mut Test| {
        let statuses = counts(&test.run_with(RUN).success().json(), "status");
        statuses.get("cached").copied().unwrap_or(0)
    };
    assert_eq!(cached(&mut test), 40);
    let index = test.folder().join(".pipeline/index/v1");
    let index = fs::read_dir(index).expect("an index").next();
    let index = index.expect("one file").expect("its name").path();
    let written = fs::read(&index).expect("an index");
    assert_eq!(cached(&mut test), 40);
    assert_eq!(fs::read(&index).expect("an index"), written);

    let of = |field: &str| stages(&first)[7][field].clone();
    let key = of("key").as_str().expect("a key").to_string();
    let action = test
        .folder()
        .join(format!(".pipeline/actions/v1/{key}.json"));
    let sound = fs::read(&action).expect("an action");
    let modified = fs::metadata(&action).and_then(|found| found.modified());
    let mut edited = sound.clone();
    let at = sound.len() / 2;
    edited[at] ^= 1;
    fs::set_permissions(&action, fs::Permissions::from_mode(0o644)).expect("permissions");
    fs::write(&action, &edited).expect("an edit");
    let file = File::options()
        .write(true)
        .open(&action)
        .expect("the action");
    file.set_modified(modified.expect("a time"))
        .expect("a time set back");
    test.run_with(RUN).failure(6).stderr_has("checksum");
    fs::write(&action, &sound).expect("the action");

    let artifact = of("outputs")["out"]["path"]
        .as_str()
        .expect("a path")
        .to_string();
    fs::remove_file(&artifact).expect("an artifact");
    assert_eq!(cached(&mut test), 39);
    fs::write(&index, &written[1..]).expect("a damaged index");
    assert_eq!(cached(&mut test), 40);
}

fn stages(document: &Value) -> &[Value] {
    let stages = document["stages"].as_array();
    stages.expect("a list of stages")
}

/// How many stages have each value of a field.
fn counts(document: &Value, field: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for stage in stages(document) {
        let value = stage[field].as_str().expect("a word");
        *counts.entry(value.to_string()).or_default() += 1;
    }
    counts
}

fn expected(status: &str, many: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([(status.to_string(), many)])
}
