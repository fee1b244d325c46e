//! What the variants of a sweep are compared by.

use crate::document::repository;
use crate::harness::Test;
use crate::sweep::{RUN, SWEEP, test};

#[test]
fn an_objective_that_no_stage_measures_is_an_error() {
    let mut test = test(&SWEEP.replace("metric = \"score\"", "metric = \"scores\""));
    let outcome = test.run_with(RUN).failure(2);
    outcome
        .stderr_has("has no metric `scores`")
        .stderr_has("did you mean `score`?");
}

#[test]
fn a_misspelt_metric_of_a_stage_that_is_known_is_found_before_anything_runs() {
    let sweep = |objective: &str| {
        format!(
            "format = 1\nextends = [\"{}\"]\nvars.stays = 120\nstages.pretrain.epochs = 1\n\
             stages.classifier.epochs = 2\nstages.test.split = \"validation\"\n\
             stages.test.baseline = \"logistic-regression\"\nstages.test.recalibrate = \"platt\"\n\n\
             [sweep]\nobjective = {{ {objective} }}\n\
             [sweep.grid]\n\"stages.classifier.batch_size\" = [16]\n",
            repository("tests/fixtures/recipes/mlp-head.toml")
        )
    };
    let text =
        sweep("stage = \"classifier\", metric = \"validation_auprc\", direction = \"maximize\"");
    let mut test = Test::new().file("sweep.toml", text);
    test.run_with(RUN)
        .failure(2)
        .stdout_is("")
        .stderr_has(
            "the stage `classifier` has no metric `validation_auprc`, which is the objective",
        )
        .stderr_has("did you mean `validation_auroc`?");
    let text = sweep("stage = \"test\", metric = \"f2\", direction = \"maximize\"");
    let mut test = test.file("sweep.toml", text);
    test.run_with(["check", "sweep.toml"])
        .failure(2)
        .stderr_has("sweep.toml:11:")
        .stderr_has("no metric of this name");

    // What a run measures, and nothing else, is known.
    let mut measured = test.file(
        "sweep.toml",
        sweep("stage = \"test\", metric = \"auroc\", direction = \"maximize\""),
    );
    let record = measured.run_with(RUN).success().json();
    let stages = record["stages"].as_array().expect("stages").clone();
    for stage in stages {
        let name = stage["name"].as_str().expect("a name");
        if !["classifier", "test"].contains(&name) {
            continue;
        }
        for metric in stage["metrics"].as_object().expect("metrics").keys() {
            let mut accepted = Vec::new();
            for direction in ["maximize", "minimize"] {
                let objective = format!(
                    "stage = \"{name}\", metric = \"{metric}\", direction = \"{direction}\""
                );
                measured = measured.file("sweep.toml", sweep(&objective));
                accepted.push(measured.run_with(["check", "sweep.toml"]).code == Some(0));
            }
            match metric.rsplit('.').next() {
                Some("auroc") => assert_eq!(accepted, [true, false], "{metric}"),
                Some("brier") => assert_eq!(accepted, [false, true], "{metric}"),
                _ => assert!(accepted.contains(&true), "{metric}"),
            }
        }
    }
}

#[test]
fn losses_in_different_units_rank_no_variants() {
    let sweep = |metric: &str, direction: &str, grid: &str| {
        let base = repository("tests/fixtures/recipes/mlp-head.toml");
        format!(
            "format = 1\nextends = [\"{base}\"]\n[sweep]\n\
             objective = {{ stage = \"classifier\", metric = \"{metric}\", direction = \"{direction}\" }}\n\
             [sweep.grid]\n{grid}\n"
        )
    };
    let losses = "\"stages.classifier.loss\" = [{ kind = \"cross-entropy\" }, { kind = \"focal\", alpha = 0.7, gamma = 2 }]";
    let rates = "\"stages.classifier.optimizer.lr\" = [1e-3, 1e-4]";
    let weights = "\"stages.classifier.class_weights\" = [\"equal\", \"balanced\"]";
    for (grid, field) in [(losses, "`loss`"), (weights, "`class_weights`")] {
        let mut test = Test::new().file("sweep.toml", sweep("validation_loss", "minimize", grid));
        for command in ["check", "sweep"] {
            test.run_with([command, "sweep.toml"])
                .failure(2)
                .stderr_has("`validation_loss` of `classifier` cannot rank variants that differ in")
                .stderr_has(field)
                .stderr_has("hint: choose by a metric that means the same in all of them");
        }
    }
    for (metric, direction, grid) in [
        ("validation_auroc", "maximize", losses),
        ("validation_loss", "minimize", rates),
    ] {
        let mut test = Test::new().file("sweep.toml", sweep(metric, direction, grid));
        test.run_with(["check", "sweep.toml"]).success();
    }
}
