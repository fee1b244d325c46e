//! `submit`, `watch` and `cancel` for programs.

use serde_json::{Value, json};

use super::cluster::{CLUSTER, RECIPE, Slurm};

fn states(record: &Value) -> Vec<(&str, &str)> {
    let stages = record["stages"].as_array().expect("stages").iter();
    stages
        .map(|stage| {
            let text = |key: &str| stage[key].as_str().unwrap_or_default();
            (text("name"), text("state"))
        })
        .collect()
}

#[test]
fn what_is_submitted_watched_and_cancelled_is_one_document_each() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    let submit = ["submit", "recipe.toml", "--format", "json"];
    let record = slurm.test.run_with(submit).success().json();
    let run = slurm.run();
    assert_eq!(record["run"], run.as_str());
    assert_eq!(states(&record), [("first", "open"), ("second", "open")]);
    assert_eq!(
        record["jobs"],
        json!([
            { "id": "101", "name": format!("{run}-first.0"), "tasks": [["first"]] },
            { "id": "102", "name": format!("{run}-second.1"), "tasks": [["second"]] },
        ])
    );
    assert_eq!(record["goes_on"], Value::Null);
    let once = ["watch", &run, "--once", "--format", "json"];
    let record = slurm.test.run_with(once).success().json();
    assert_eq!(record["status"], "running");
    assert_eq!(record["stages"][0]["reason"], "Priority");
    slurm.put(101, "RUNNING");
    assert!(slurm.start(101).wait().expect("it ends").success());
    slurm.put(101, "COMPLETED");
    let cancel = ["cancel", &run, "--format", "json"];
    let record = slurm.test.run_with(cancel).success().json();
    assert_eq!(record, json!({ "run": run, "jobs": ["102"], "tasks": 1 }));
    let outcome = slurm.test.run_with(once).failure(3);
    let record = outcome.json();
    assert_eq!(record["status"], "stopped");
    assert_eq!(states(&record), [("first", "done"), ("second", "ended")]);
    assert_eq!(record["stages"][1]["end"], "cancelled");
    outcome.stderr_has("1 of 2 stages are not done");
}

#[test]
fn a_failed_stage_has_its_reason_its_node_and_its_log_in_the_document() {
    let broken = RECIPE.replace("echo one > a", "echo broken >&2; exit 9");
    let mut slurm = Slurm::new(&broken, CLUSTER);
    slurm.submit().success();
    slurm.drain();
    let run = slurm.run();
    let watch = ["watch", &run, "--format", "json"];
    let record = slurm.test.run_with(watch).failure(3).json();
    let first = &record["stages"][0];
    assert_eq!(
        (&first["end"], &first["node"]),
        (&"failed".into(), &"n1".into())
    );
    assert!(
        first["error"]
            .as_str()
            .is_some_and(|error| error.contains('9')),
        "{first}"
    );
    let log = first["log"].as_str().expect("a log");
    assert!(
        log.ends_with("first.0.0.log") && std::fs::exists(log).expect("a path"),
        "{log}"
    );
}

#[test]
fn nothing_to_submit_and_a_dry_run_are_documents_too() {
    let mut slurm = Slurm::new(RECIPE, CLUSTER);
    let dry = ["submit", "recipe.toml", "--dry-run", "--format", "json"];
    let record = slurm.test.run_with(dry).success().json();
    assert_eq!(
        (&record["run"], &record["jobs"][1]["id"]),
        (&Value::Null, &Value::Null)
    );
    let script = record["jobs"][1]["script"].as_str().expect("a script");
    assert!(
        script.contains("--dependency=afterok:ID(RUN-first.0)"),
        "{script}"
    );
    assert!(slurm.jobs().is_empty());
    slurm.test.run_with(["run", "recipe.toml"]).success();
    let submit = ["submit", "recipe.toml", "--format", "json"];
    let record = slurm.test.run_with(submit).success().json();
    assert_eq!(record["run"], Value::Null);
    assert_eq!(states(&record), [("first", "done"), ("second", "done")]);
    assert_eq!(record["jobs"], json!([]));
}
