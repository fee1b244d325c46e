//! `pipeline run`: what the command adds to the scheduler.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::harness::Test;
use crate::recipes::PRETRAIN;

#[test]
fn a_run_is_told_on_stderr_and_its_summary_is_on_stdout() {
    let mut test = Test::new().recipe(PRETRAIN);
    let outcome = test.run_with(["run", "recipe.toml", "events"]).success();
    outcome
        .stdout_has("events  data  executed")
        .stderr_has("events: started\n")
        .stderr_has("events: executed in ")
        .stderr_has("done in ")
        .stderr_has("next: pipeline report recipe.toml\n");
    let outcome = test.run_with(["run", "recipe.toml", "events"]).success();
    outcome
        .stdout_has("events  data  cached")
        .stderr_has("events: cached\n");
}

#[test]
fn a_run_ends_with_what_was_measured_and_how_that_stands_beside_the_baseline() {
    let head = crate::document::repository("tests/fixtures/recipes/mlp-head.toml");
    let recipe = format!(
        "format = 1\nextends = [\"{head}\"]\n[vars]\nstays = 200\n[stages.pretrain]\nepochs = 1\n\
         [stages.test]\nbaseline = \"logistic-regression\"\nbootstrap = {{ resamples = 50 }}\n"
    );
    let mut test = Test::new().recipe(&recipe);
    let run = ["run", "recipe.toml", "--set", "stages.classifier.epochs=2"];
    let outcome = test.run_with(run).success();
    let outcome =
        outcome.stderr_has("next: pipeline report recipe.toml --set stages.classifier.epochs=2\n");
    let evaluation = outcome.stdout.split("\n\n").last().expect("a last block");
    let lines: Vec<&str> = evaluation.lines().collect();
    assert!(lines[0].starts_with("test  AUROC 0."), "{outcome}");
    assert!(lines[0].contains(", 95 % interval 0."), "{outcome}");
    assert!(lines[1].starts_with("      baseline 0."), "{outcome}");
    assert!(lines[1].ends_with("(logistic regression)"), "{outcome}");
    assert!(lines[2].starts_with("      difference "), "{outcome}");
    assert!(lines[3].ends_with("baseline"), "{outcome}");
    assert!(!outcome.stdout.contains("blobs/v1"), "{outcome}");

    let listed = test.run_with(["runs"]).success();
    let listed = listed
        .stdout_has("test AUROC 0.")
        .stdout_has("stages.classifier.epochs=2");
    assert!(
        listed
            .stdout
            .lines()
            .next()
            .is_some_and(|heading| heading.contains("measured  "))
    );
}

#[test]
fn the_json_of_a_run_is_one_document_with_a_path_for_every_artifact() {
    let mut test = Test::new().recipe(PRETRAIN);
    let json = ["run", "recipe.toml", "events", "--format", "json"];
    let record = test.run_with(json).success().json();
    assert_eq!(record["recipe"], "demo");
    assert_eq!(record["status"], "done");
    let stage = &record["stages"][0];
    assert_eq!(stage["name"], "events");
    assert_eq!(stage["status"], "executed");
    let path = stage["outputs"]["stays"]["path"].as_str();
    assert!(test.folder().join(path.expect("a path")).is_file());

    let again = test.run_with(json).success().json();
    assert_eq!(again["stages"][0]["status"], "cached");
    assert_eq!(again["stages"][0]["outputs"], stage["outputs"]);

    let refresh = ["--refresh", "events"];
    let refreshed = test.run_with(json.into_iter().chain(refresh)).success();
    assert_eq!(refreshed.json()["stages"][0]["status"], "executed");
}

#[test]
fn ctrl_c_stops_a_run_at_a_checkpoint_and_exits_130() {
    let forever = PRETRAIN.replace("epochs = 1", "epochs = 1000000");
    let test = Test::new().recipe(&forever).args(["run", "recipe.toml"]);
    let mut child = test
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
    let mut told = String::new();
    while !told.contains("pretrain: started\n") {
        let read = stderr.read_line(&mut told).expect("stderr is text");
        assert_ne!(read, 0, "the run ended by itself: {told}");
    }
    let process = libc::pid_t::try_from(child.id()).expect("a process id");
    // SAFETY: the child has not been waited for, so the id is still its own.
    unsafe { libc::kill(process, libc::SIGINT) };
    stderr.read_to_string(&mut told).expect("stderr is text");
    let output = child.wait_with_output().expect("the program ends");
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("pretrain: interrupted after "), "{told}");
    let end = "error: interrupted\nnote: pipeline help error interrupted\n";
    assert!(told.ends_with(end), "{told}");
    let summary = String::from_utf8_lossy(&output.stdout);
    assert!(
        summary.contains("pretrain  pretrain  interrupted"),
        "{summary}"
    );
}
