//! How exact products are: part of the key where it is not as always, and refused where it cannot be.

use crate::document::{kinds_in_store, repository, stage};
use crate::harness::{Outcome, Test};

fn run(test: &mut Test, command: &str, changes: &[&str]) -> Outcome {
    let mut arguments = vec![
        command.to_string(),
        repository("tests/fixtures/recipes/mlp-head.toml"),
    ];
    let small = [
        "vars.stays=60",
        "stages.pretrain.epochs=1",
        "stages.classifier.epochs=1",
        "stages.frozen.max_trainable_fraction=0.5",
        "stages.frozen.trainable=['cls_head.*', 'transformer.layers.1.*']",
    ];
    for change in small.iter().chain(changes) {
        arguments.extend(["--set".to_string(), change.to_string()]);
    }
    arguments.extend(["--format".to_string(), "json".to_string()]);
    test.run_with(arguments)
}

const BOTH: [&str; 2] = [
    "stages.pretrain.precision=bf16",
    "stages.classifier.precision=bf16",
];

#[test]
fn bf16_trains_on_a_cpu_under_keys_of_its_own() {
    let mut test = Test::new();
    let rounded = run(&mut test, "run", &BOTH).success().json();
    for name in ["pretrain", "classifier"] {
        let stage = stage(&rounded, name);
        assert_eq!(stage["status"], "executed", "{name}");
        assert!(stage["metrics"]["validation_loss"].is_f64(), "{name}");
    }
    let exact = run(&mut test, "run", &[]).success().json();
    assert_eq!(stage(&exact, "events")["status"], "cached");
    for name in ["pretrain", "classifier"] {
        assert_ne!(stage(&exact, name)["key"], stage(&rounded, name)["key"]);
    }
    let stated = ["stages.pretrain.precision=f32"];
    let stated = run(&mut test, "run", &stated).success().json();
    assert_eq!(stage(&stated, "pretrain")["status"], "cached");
}

#[test]
fn tf32_is_refused_on_a_cpu_before_anything_runs() {
    for stage in ["pretrain", "classifier"] {
        let mut test = Test::new();
        let change = format!("stages.{stage}.precision=tf32");
        run(&mut test, "run", &[&change])
            .failure(2)
            .stderr_has(&format!(
                "stage `{stage}`: precision = \"tf32\" needs an NVIDIA GPU"
            ))
            .stderr_has("--device cuda:0");
        assert!(kinds_in_store(&test).is_empty());
    }
}

#[test]
fn a_precision_that_acts_on_nothing_is_refused() {
    let frozen = [BOTH[1], "stages.frozen.trainable=['cls_head.*']"];
    run(&mut Test::new(), "plan", &frozen)
        .failure(2)
        .stderr_has("stages.classifier.precision acts on no pass of the backbone");
}
