//! Options and guards of training, through the program.

use std::path::PathBuf;

use crate::document::{digests, repository, stage};
use crate::harness::{Outcome, Test};
use crate::running::Running;

/// Another optimizer, schedule, accumulation, interval and choice for both stages that train.
const OPTIONS: [&str; 14] = [
    "stages.pretrain.optimizer={ kind = 'sgd', lr = 1e-2, nesterov = true, groups = [{ pattern = '*.bias', weight_decay = 0 }, { pattern = 'decoder.*', lr = 5e-3 }] }",
    "stages.pretrain.schedule={ kind = 'cosine-restarts', warmup_steps = 2, period_steps = 3, period_factor = 2 }",
    "stages.pretrain.accumulate=2",
    "stages.pretrain.validate_every=2",
    "stages.pretrain.keep=last",
    "stages.pretrain.early_stopping={ metric = 'kl', patience = 9 }",
    "stages.classifier.optimizer={ kind = 'adamw', groups = [{ pattern = 'cls_head.12.*', lr = 1e-2 }] }",
    "stages.classifier.schedule={ kind = 'plateau', factor = 0.5, patience = 1 }",
    "stages.classifier.accumulate=2",
    "stages.classifier.max_steps=12",
    "stages.classifier.keep=last",
    "stages.classifier.loss={ kind = 'cross-entropy', label_smoothing = 0.05 }",
    "stages.classifier.class_weights=balanced",
    "stages.classifier.early_stopping={ metric = 'average_precision', patience = 5 }",
];

/// The main job on 160 stays with these settings.
fn arguments(settings: &[&str]) -> Vec<String> {
    let recipe = repository("tests/fixtures/recipes/mlp-head.toml");
    let mut arguments = vec!["run".into(), recipe, "--format".into(), "json".into()];
    let small = ["vars.stays=160", "stages.pretrain.epochs=3"];
    for setting in small.iter().chain(settings) {
        arguments.extend(["--set".to_string(), setting.to_string()]);
    }
    arguments
}

fn main_job(test: &mut Test, settings: &[&str]) -> Outcome {
    test.run_with(arguments(settings))
}

#[test]
fn a_run_with_every_option_is_reproduced_and_goes_on_when_it_is_killed() {
    let document = main_job(&mut Test::new(), &OPTIONS).success().json();
    let pretrained = &stage(&document, "pretrain")["metrics"];
    assert_eq!(pretrained["last_epoch"], 3);
    assert!(pretrained["best_epoch"].is_null());
    // Less than 128 stays to train on in steps of 64: twelve steps are six epochs.
    assert_eq!(stage(&document, "classifier")["metrics"]["last_epoch"], 6);

    let often = "stages.pretrain.checkpoint_seconds=0";
    let settings: Vec<&str> = OPTIONS.into_iter().chain([often]).collect();
    let mut test = Test::new().args(arguments(&settings));
    let running = Running::start(&test);
    wait_for_a_snapshot(&test);
    running.signal(libc::SIGKILL);
    running.finish();
    let resumed = main_job(&mut test, &settings).success();
    assert_eq!(digests(&resumed.json()), digests(&document));
    resumed.stderr_has("goes on in epoch ");
}

fn wait_for_a_snapshot(test: &Test) {
    let start = std::time::Instant::now();
    while start.elapsed().as_secs() < 120 {
        let work = std::fs::read_dir(test.folder().join(".pipeline/work"));
        let mut folders = work.into_iter().flatten().flatten();
        if folders.any(|folder| folder.path().join("resume.safetensors").exists()) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    panic!("nothing was left to go on from");
}

/// The folder that a failure names.
fn replay_of(test: &Test, outcome: &Outcome) -> PathBuf {
    let line = outcome
        .stderr
        .lines()
        .find_map(|line| line.split_once("saved for replay: "));
    let (_, path) = line.unwrap_or_else(|| panic!("no folder is named{outcome}"));
    test.folder().join(path.trim())
}

#[test]
fn a_step_that_breaks_is_left_with_the_run() {
    for (kind, stage) in [("pretrain", "pretrain"), ("finetune", "classifier")] {
        let mut test = Test::new();
        let huge = format!("stages.{stage}.optimizer.lr=3e38");
        let outcome = main_job(&mut test, &[&huge]).failure(3);
        let outcome = outcome
            .stderr_has(" in step ")
            .stderr_has("the learning rate");
        let folder = replay_of(&test, &outcome);
        assert!(folder.ends_with(format!("logs/{stage}.replay")));
        let text = std::fs::read(folder.join("step.json")).expect("it was left");
        let step: serde_json::Value = serde_json::from_slice(&text).expect("a document");
        assert_eq!(step["stage"], kind);
        assert!(step["step"].as_u64() > Some(0), "{step:#}");
        let suspects = step["suspects"].as_array().expect("a list");
        assert!(!suspects.is_empty());
        let first = suspects[0].as_str().expect("an id");
        assert!(outcome.stderr.contains(first), "{first}{outcome}");
        let parameters = folder.join("parameters.safetensors");
        let parameters = parameters.to_string_lossy().into_owned();
        test.run_with(["inspect", &parameters]).success();
    }
}

#[test]
fn a_warm_up_that_outlasts_training_fails_before_it() {
    let warmup = "stages.pretrain.schedule={ kind = 'cosine', warmup_steps = 1000 }";
    main_job(&mut Test::new(), &[warmup])
        .failure(3)
        .stderr_has("schedule.warmup_steps is 1000, and training has 21 steps")
        .stderr_has("an epoch has 7 optimizer steps");
}

#[test]
fn a_group_that_matches_nothing_fails_before_anything_runs() {
    let group = "stages.pretrain.optimizer.groups=[{ pattern = 'transfromer.*' }]";
    let mut test = Test::new();
    main_job(&mut test, &[group])
        .failure(2)
        .stderr_has("`transfromer.*` matches no trainable parameter");
    assert!(!test.folder().join(".pipeline").exists());
}

#[test]
fn issue21_a_profile_names_the_operations_and_changes_no_byte() {
    let plain = main_job(&mut Test::new(), &["stages.pretrain.epochs=1"])
        .success()
        .json();
    let mut asked = arguments(&["stages.pretrain.epochs=1"]);
    asked.push("--profile".into());
    let profiled = Test::new().args(asked).run().success();
    assert_eq!(digests(&profiled.json()), digests(&plain));
    for row in ["operation ", "mab-output", "linear", "all else"] {
        assert!(profiled.stderr.contains(row), "{}", profiled.stderr);
    }
}
