//! The main job, end to end, on a small cohort: `recipes/finetune.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::document::{digests, kinds_in_store, repository, stage, statuses};
use crate::harness::{Outcome, Test, campaign};
use crate::running::{Running, wait_until_under_way};

const STAGES: [(&str, &str, &[&str]); 8] = [
    (
        "events",
        "data",
        &["events", "profile", "stays", "variables"],
    ),
    ("pretrain", "pretrain", &["checkpoint", "history"]),
    ("weights", "import", &["audit", "weights"]),
    ("frozen", "freeze", &["audit", "weights"]),
    ("classifier:features", "features", &["features"]),
    ("classifier", "finetune", &["history", "weights"]),
    ("test:baseline", "baseline", &["baseline"]),
    (
        "test",
        "evaluate",
        &["curves", "meds_predictions", "metrics", "predictions"],
    ),
];

const BITS: [([&str; 2], &str); 4] = [
    (
        ["pretrain", "checkpoint"],
        "4863bc70276f2418a6998980540f1ab7ddcfef53f8f4e964663f490458bca427",
    ),
    (
        ["classifier:features", "features"],
        "6f7d2927ffa770cee1dcdbdbcbc03b3c7978ec8b8d28daddf962394e857c25b0",
    ),
    (
        ["classifier", "weights"],
        "788cb9504593e1b9b03fb10eda5dabcc8ad305d04d65cb5269bde80efd3a4ced",
    ),
    (
        ["test", "predictions"],
        "b64927e12f2ce2fb842fc02d4adfabd47b1e8eebff75de4c2d705b49a3eadf07",
    ),
];

/// The main job on 160 stays: two epochs, so that pretraining can be disturbed.
fn arguments<'a>(more: &[&'a str]) -> Vec<&'a str> {
    static RECIPE: LazyLock<String> = LazyLock::new(|| repository("recipes/finetune.toml"));
    let mut arguments = vec!["run", RECIPE.as_str(), "--format", "json"];
    arguments.extend([
        "--set",
        "vars.stays=160",
        "--set",
        "stages.pretrain.epochs=2",
    ]);
    arguments.extend(more);
    arguments
}

fn main_job(test: &mut Test, more: &[&str]) -> Outcome {
    test.run_with(arguments(more))
}

/// A test after a run that nobody disturbed, on one thread.
fn after_a_run() -> Test {
    Test::new().warmed(arguments(&["--threads", "1"]))
}

/// Artifacts of that run.
static UNDISTURBED: LazyLock<BTreeMap<(String, String), String>> = LazyLock::new(|| {
    let outcome = main_job(&mut after_a_run(), &[]).success();
    digests(&outcome.json())
});

fn all(status: &'static str) -> Vec<(&'static str, &'static str)> {
    STAGES.iter().map(|(name, ..)| (*name, status)).collect()
}

#[track_caller]
fn assert_undisturbed(document: &Value) {
    assert_eq!(document["status"], "done", "{document:#}");
    assert_eq!(digests(document), *UNDISTURBED);
}

#[test]
fn the_main_job_runs_to_its_end_and_says_what_it_made() {
    let mut test = Test::new();
    let document = main_job(&mut test, &[]).success().json();
    assert_eq!(document["recipe"], "finetune");
    assert_eq!(document["status"], "done");
    assert!(document["run"].is_string());
    assert_eq!(statuses(&document), all("executed"));
    for (name, kind, artifacts) in STAGES {
        let stage = stage(&document, name);
        assert_eq!(stage["kind"], kind);
        assert_eq!(stage["key"].as_str().map(str::len), Some(64), "{name}");
        assert!(stage["seconds"].is_f64(), "{name}");
        let outputs = stage["outputs"].as_object().expect("a table");
        assert_eq!(outputs.keys().collect::<Vec<_>>(), artifacts, "{name}");
        for (artifact, output) in outputs {
            let path = output["path"].as_str().expect("a path");
            let bytes = std::fs::read(path).expect("the artifact is there");
            assert_eq!(output["bytes"], bytes.len(), "{name} {artifact}");
            let digest = blake3::hash(&bytes).to_hex().to_string();
            assert_eq!(output["digest"], digest, "{name} {artifact}");
        }
    }

    let metrics = &stage(&document, "test")["metrics"];
    for name in ["auroc", "average_precision", "brier"] {
        let value = metrics[name].as_f64().expect(name);
        assert!((0.0..=1.0).contains(&value), "{name} {value}");
    }
    let counted = &stage(&document, "events")["metrics"];
    assert_eq!(metrics["n"], counted["test.stays"]);
    assert_eq!(metrics["positives"], counted["test.positives"]);
    assert!(metrics["positives"].as_u64() > Some(0));
    let imported = &stage(&document, "weights")["metrics"];
    assert!(imported["loaded"].as_u64() > Some(0));
    let proved = &stage(&document, "classifier")["metrics"]["frozen_parameters_verified"];
    assert_eq!(*proved, imported["loaded"]);
}

/// The shipped cohort whole, as a newcomer runs it.
#[test]
fn the_main_job_beats_its_baseline_without_a_warning_of_a_posterior() {
    if campaign(0, 1) == 0 {
        eprintln!("PIPELINE_CAMPAIGNS is not set: the main job is not run whole");
        return;
    }
    let recipe = repository("recipes/finetune.toml");
    let outcome = Test::new()
        .args(["run", &recipe, "--format", "json"])
        .run()
        .success();
    assert!(!outcome.stderr.contains("posterior"), "{}", outcome.stderr);
    let document = outcome.json();
    let metrics = &stage(&document, "test")["metrics"];
    for name in ["auroc", "average_precision"] {
        let of = |name: &str| metrics[name].as_f64().expect("a number");
        assert!(of(name) > of(&format!("baseline.{name}")), "{metrics}");
    }
}

#[test]
fn the_second_run_executes_nothing() {
    let second = main_job(&mut after_a_run(), &[]).success();
    let (second, stderr) = (second.json(), second.stderr);
    assert_eq!(statuses(&second), all("cached"));
    assert_undisturbed(&second);
    for (name, ..) in STAGES {
        assert!(stderr.contains(&format!("{name}: cached\n")), "{stderr}");
    }
    assert!(!stderr.contains("started"), "{stderr}");
}

#[test]
fn neither_threads_nor_jobs_nor_the_place_of_the_store_change_a_byte() {
    for more in [
        ["--threads", "2", "--jobs", "1"],
        ["--threads", "2", "--jobs", "2"],
        ["--threads", "4", "--jobs", "1"],
    ] {
        let document = main_job(&mut Test::new(), &more).success().json();
        assert_eq!(statuses(&document), all("executed"));
        assert_undisturbed(&document);
    }
}

/// The bits that every x86-64 with AVX2 and FMA comes to, with AVX-512 or without. Where a change is meant to alter
/// them, the versions of the stages rise and these are taken anew.
#[test]
fn results_have_the_same_bits_whatever_the_width_of_vectors() {
    #[cfg(target_arch = "x86_64")]
    let fused = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    let fused = false;
    if !fused {
        println!("skipped: this is no x86-64 with AVX2 and FMA");
        return;
    }
    for ([stage, artifact], digest) in BITS {
        let made = &UNDISTURBED[&(stage.to_string(), artifact.to_string())];
        assert_eq!(made, digest, "{artifact} of {stage}");
    }
}

#[test]
fn a_changed_setting_runs_only_what_depends_on_it() {
    let mut test = after_a_run();
    let before = main_job(&mut test, &[]).success().json();
    let penalty = ["--set", "stages.classifier.optimizer.penalties=[3.0]"];
    let after = main_job(&mut test, &penalty).success().json();
    let executed: Vec<&str> = statuses(&after)
        .into_iter()
        .filter(|(_, status)| *status == "executed")
        .map(|(name, _)| name)
        .collect();
    assert_eq!(executed, ["classifier", "test"]);
    let of = |document: &Value| digests(document)[&("classifier".into(), "weights".into())].clone();
    assert_ne!(of(&before), of(&after), "the setting has an effect");
    let back = main_job(&mut test, &[]).success().json();
    assert_eq!(statuses(&back), all("cached"));
}

/// Starts the main job and returns while it is pretraining.
fn pretraining(test: &Test) -> Running {
    let running = Running::start(test);
    wait_until_under_way(test, "pretrain");
    running
}

#[track_caller]
fn assert_goes_on_to_the_same_end(test: &mut Test) {
    assert_eq!(kinds_in_store(test), ["data"], "nothing by halves");
    let document = main_job(test, &[]).success().json();
    assert_eq!(
        statuses(&document)[..2],
        [("events", "cached"), ("pretrain", "executed")]
    );
    assert_undisturbed(&document);
}

#[test]
fn a_run_that_was_killed_is_taken_up_without_any_clean_up() {
    let mut test = Test::new().args(arguments(&[]));
    let running = pretraining(&test);
    running.signal(libc::SIGKILL);
    assert_eq!(running.finish().code, None, "a signal ended it");
    assert_goes_on_to_the_same_end(&mut test);
}

#[test]
fn ctrl_c_exits_130_and_the_same_command_goes_on() {
    let mut test = Test::new().args(arguments(&[]));
    let running = pretraining(&test);
    running.signal(libc::SIGINT);
    let outcome = running.finish().failure(130);
    let document = outcome.json();
    assert_eq!(document["status"], "interrupted");
    assert_eq!(stage(&document, "events")["status"], "executed");
    assert_eq!(
        stage(&document, "pretrain")["outputs"],
        serde_json::json!({})
    );
    assert_eq!(stage(&document, "test")["status"], "skipped");
    let resumed = main_job(&mut test, &[]).success();
    assert_undisturbed(&resumed.json());
    assert!(goes_on_at(&resumed.stderr) > Some((1, 0)), "{resumed}");
}

/// The epoch, and the steps of it that were not repeated.
fn goes_on_at(stderr: &str) -> Option<(usize, usize)> {
    let line = stderr
        .lines()
        .find(|line| line.contains("goes on in epoch"))?;
    let numbers = line.split(|character: char| !character.is_ascii_digit());
    let mut numbers = numbers.filter_map(|number| number.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

#[test]
fn a_run_killed_again_and_again_goes_on_where_it_was_and_ends_in_the_same_bits() {
    // Whoever wants to go on from every step gets that; threads differ from try to try.
    let mut test = Test::new();
    let mut places = Vec::new();
    for threads in ["1", "2", "4", "2"] {
        let set = "stages.pretrain.checkpoint_seconds=0";
        test = test.args(arguments(&["--set", set, "--threads", threads]));
        let running = Running::start(&test);
        // Progress beyond where the one before was killed.
        let start = std::time::Instant::now();
        while start.elapsed().as_secs() < 60 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            let work = std::fs::read_dir(test.folder().join(".pipeline/work"));
            let folders = work.into_iter().flatten().flatten();
            let written = folders.filter_map(|folder| {
                let file = folder.path().join("resume.safetensors");
                file.metadata().ok()?.modified().ok()
            });
            let written = written.max();
            if written.is_some() && !places.contains(&written) {
                places.push(written);
                break;
            }
        }
        running.signal(libc::SIGKILL);
        running.finish();
    }
    assert_eq!(places.len(), 4);
    let resumed = main_job(&mut test, &[]).success();
    assert_undisturbed(&resumed.json());
    assert!(goes_on_at(&resumed.stderr) > Some((1, 0)), "{resumed}");
}

#[test]
fn what_cannot_be_read_is_not_gone_on_from() {
    let mut test = Test::new().args(arguments(&[]));
    let running = pretraining(&test);
    running.signal(libc::SIGINT);
    running.finish().failure(130);
    let work = std::fs::read_dir(test.folder().join(".pipeline/work"));
    let mut files = work
        .expect("work")
        .flatten()
        .map(|folder| folder.path().join("resume.safetensors"));
    let file = files
        .find(|file| file.exists())
        .expect("something to go on from");
    let bytes = std::fs::read(&file).expect("it can be read");
    std::fs::write(&file, &bytes[..bytes.len() / 2]).expect("it can be cut");
    let begun = main_job(&mut test, &[]).success();
    assert_undisturbed(&begun.json());
    begun.stderr_has("warning: begins again, for ");
}

/// Every stage was executed by exactly one of two runs, and both have the same artifacts.
#[track_caller]
fn assert_shared(one: &Value, other: &Value) {
    for (one, other) in statuses(one).into_iter().zip(statuses(other)) {
        let mut both = [one.1, other.1];
        both.sort_unstable();
        assert_eq!(both, ["cached", "executed"], "{}", one.0);
    }
    assert_undisturbed(one);
    assert_undisturbed(other);
}

#[test]
fn of_two_processes_at_once_each_stage_is_executed_by_one() {
    let test = Test::new().args(arguments(&[]));
    let (one, other) = (Running::start(&test), Running::start(&test));
    let (one, other) = (one.finish().success(), other.finish().success());
    assert_shared(&one.json(), &other.json());
}

#[test]
fn who_needs_what_another_process_is_making_waits_for_it() {
    let test = Test::new().args(arguments(&[]));
    let one = pretraining(&test);
    one.signal(libc::SIGSTOP);
    let mut other = Running::start(&test);
    other.until_stderr_has("pretrain: waiting");
    one.signal(libc::SIGCONT);
    let (one, other) = (one.finish().success(), other.finish().success());
    let (one, other) = (one.json(), other.json());
    assert_eq!(stage(&one, "pretrain")["status"], "executed");
    assert_eq!(stage(&other, "pretrain")["status"], "cached");
    assert_shared(&one, &other);
}
