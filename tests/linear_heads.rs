//! Issue 18: linear heads, solved exactly.

use std::path::Path;

use serde_json::Value;

use crate::document::{artifact, digests, stage};
use crate::ensembles::text;
use crate::harness::{Outcome, Test};
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run, stages};
use pipeline_checkpoint as checkpoint;
use pipeline_train::history::History;

const LINEAR: &str = "\n[model.classifier]\nhead = \"linear\"\n";
const LBFGS: &str =
    "optimizer = { kind = \"lbfgs\", penalties = [100.0, 10.0, 1.0], scaling = [\"standard\"] }\n";

fn cohort() -> Test {
    cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1)
}

/// The recipe of a linear head whose finetune stage states `settings`.
fn recipe(settings: &str, more: &str) -> String {
    let stages = stages("one", "one", "one");
    let stages = stages.replace(
        "data = \"one\"\nepochs = 2\n",
        &format!("data = \"one\"\n{settings}"),
    );
    [MODEL, LINEAR, &data("one", "one", ""), &stages, more].concat()
}

fn shape(path: &Path, name: &str) -> Vec<usize> {
    let weights = checkpoint::read(path).expect("weights");
    weights.tensors[name].shape().to_vec()
}

#[test]
fn a_linear_head_is_solved_and_scored_like_any_other() {
    let mut test = cohort().recipe(&recipe(LBFGS, ""));
    let document = run(&mut test, &["--threads", "1"]).success().json();
    let weights = artifact(&document, "classifier", "weights");
    assert_eq!(shape(&weights, "cls_head.weight"), [2, 8]);
    assert_eq!(shape(&weights, "cls_head.bias"), [2]);
    let metrics = &stage(&document, "classifier")["metrics"];
    let history = History::read_parquet(&artifact(&document, "classifier", "history"));
    let history = history.expect("a history");
    assert_eq!(history.column("penalty"), [100.0, 10.0, 1.0].map(Some));
    let losses = history.column("validation_loss");
    let row = (history.column("penalty").iter())
        .position(|penalty| *penalty == metrics["penalty"].as_f64())
        .expect("the penalty that was kept");
    assert_eq!(losses[row], metrics["validation_loss"].as_f64());
    assert!(losses.iter().all(|loss| *loss >= losses[row]), "{losses:?}");
    assert!(metrics["frozen_parameters_verified"].as_u64() > Some(10));
    assert!(stage(&document, "test")["metrics"]["auroc"].is_number());

    let both = LBFGS.replace(", scaling = [\"standard\"]", "");
    let mut again = cohort().recipe(&recipe(&both, ""));
    let both = run(&mut again, &[]).success().json();
    assert!(stage(&both, "classifier")["metrics"]["standardised"].is_u64());
    // The same bits with more threads, and whatever the seed: nothing is drawn.
    let mut again = cohort().recipe(&recipe(LBFGS, ""));
    let more = run(&mut again, &["--threads", "3"]).success().json();
    assert_eq!(digests(&document), digests(&more));
    let mut again = again.recipe(&recipe(&format!("seed = 9\n{LBFGS}"), ""));
    let seeded = run(&mut again, &[]).success().json();
    assert_eq!(stage(&seeded, "classifier")["status"], "cached");

    let report = test.run_with(["report", "recipe.toml", "--output", "report.html"]);
    report.success();
    let page = text(&test.folder().join("report.html"));
    assert!(
        page.contains("Penalties of classifier"),
        "a table of penalties"
    );
    let export = ["export", "recipe.toml", "--layout", "tensorboard", "board"];
    test.run_with(export).success();
    let diagnose = ["diagnose", "recipe.toml", "classifier"];
    test.run_with(diagnose)
        .stdout_has("the head has no hidden layer");
    let pytorch = [
        "export",
        "recipe.toml",
        "classifier",
        "weights",
        "w.safetensors",
        "--layout",
        "pytorch",
    ];
    test.run_with(pytorch)
        .failure(2)
        .stderr_has("model.classifier.head = \"linear\"");
}

#[test]
fn a_linear_head_may_be_trained_in_steps_and_read_from_a_file() {
    let mut test = cohort().recipe(&recipe("epochs = 2\n", ""));
    let document = run(&mut test, &[]).success().json();
    assert_eq!(
        stage(&document, "classifier")["metrics"]["best_epoch"]
            .as_u64()
            .map(|epoch| epoch > 0),
        Some(true)
    );
    let export = [
        "export",
        "recipe.toml",
        "classifier",
        "weights",
        "w.safetensors",
    ];
    test.run_with(export).success();
    let from_file = "\n[stages.outside]\nkind = \"import\"\nfrom = { path = \"w.safetensors\" }\ninto = \"classifier\"\n\n\
                     [stages.again]\nkind = \"evaluate\"\nmodel = \"outside\"\ndata = \"one\"\nsplit = \"test\"\nbootstrap = { resamples = 0 }\n";
    let mut test = test.recipe(&recipe("epochs = 2\n", from_file));
    let document = run(&mut test, &[]).success().json();
    let auroc = |name| stage(&document, name)["metrics"]["auroc"].clone();
    assert_eq!(auroc("again"), auroc("test"));
    // Without `head = "linear"` the head has other parameters, and the import says so.
    let text = recipe("epochs = 2\n", from_file).replace(LINEAR, "");
    run(&mut test.recipe(&text), &["outside"])
        .failure(4)
        .stderr_has("cls_head.weight");
}

#[test]
fn class_weights_and_balance_change_the_solution() {
    let loss = |settings: &str| -> Value {
        let mut test = cohort().recipe(&recipe(&format!("{LBFGS}{settings}"), ""));
        let document = run(&mut test, &[]).success().json();
        stage(&document, "classifier")["metrics"]["validation_loss"].clone()
    };
    assert_ne!(loss(""), loss("class_weights = \"balanced\"\n"));
    assert_ne!(loss(""), loss("class_weights = [1.0, 7.0]\n"));
}

#[test]
fn what_a_solver_cannot_do_is_refused_where_it_is_written() {
    let check = |text: &str| -> Outcome {
        let mut test = cohort().recipe(text);
        test.run_with(["check", "recipe.toml"]).failure(2)
    };
    for setting in [
        "epochs = 20",
        "batch_size = 8",
        "early_stopping = { patience = 3 }",
        "dropout = [0.0, 0.0, 0.0]",
        "select = \"loss\"",
        "sampling = \"balanced\"",
        "keep = \"last\"",
        "max_steps = 9",
    ] {
        let name = setting.split(' ').next().expect("a name");
        check(&recipe(&format!("{LBFGS}{setting}\n"), "")).stderr_has(&format!(
            "stages.classifier.{name} means nothing beside `lbfgs`"
        ));
    }
    let focal = "loss = { kind = \"focal\", alpha = 0.25, gamma = 2.0 }\n";
    check(&recipe(&format!("{LBFGS}{focal}"), ""))
        .stderr_has("is neither plain cross-entropy nor, of a regression, the squared error")
        .stderr_has("class_weights");
    let solver = |inside: &str| format!("optimizer = {{ kind = \"lbfgs\", {inside} }}\n");
    check(&recipe(&solver("lr = 1e-3"), "")).stderr_has("optimizer.lr is no setting of `lbfgs`");
    check(&recipe(&solver("penalties = [1.0, 0.0]"), "")).stderr_has("must be more than 0, not 0");
    check(&recipe(&solver("penalties = [1.0, 1.0]"), "")).stderr_has("is 1 once more");
    check(&recipe(&solver("penalties = []"), "")).stderr_has("optimizer.penalties");
    check(&recipe(&solver("scaling = [\"none\", \"none\"]"), ""))
        .stderr_has("optimizer.scaling.1 is stated once more");
    check(&recipe("optimizer = { scaling = [\"none\"] }\n", ""))
        .stderr_has("optimizer.scaling is no setting of `adamw`");
    check(&recipe("optimizer = { penalties = [1.0] }\n", ""))
        .stderr_has("optimizer.penalties is no setting of `adamw`");
    check(&recipe(LBFGS, "").replace(LINEAR, ""))
        .stderr_has("needs a linear head, and model.classifier.head is `mlp`");
    let open = recipe(LBFGS, "").replace("trainable = [\"cls_head.*\"]", "trainable = [\"*\"]");
    check(&open.replace(
        "max_trainable_fraction = 0.9",
        "max_trainable_fraction = 1.0",
    ))
    .stderr_has("needs a frozen backbone, and ");
    let part =
        recipe(LBFGS, "").replace("trainable = [\"cls_head.*\"]", "trainable = [\"*.weight\"]");
    check(&part).stderr_has("stages.classifier.optimizer.kind");
    let dropout = "epochs = 2\ndropout = [0.1, 0.1, 0.1]\n";
    check(&recipe(dropout, "")).stderr_has("stages.classifier.dropout acts on hidden layers");
    let pretrain = recipe(LBFGS, "").replace(
        "data = \"one\"\nepochs = 1\n",
        "data = \"one\"\nepochs = 1\noptimizer = { kind = \"lbfgs\" }\n",
    );
    check(&pretrain).stderr_has("solves the linear head of a finetune stage, and nothing else");
}

#[test]
fn a_printed_recipe_of_a_linear_head_is_read_again() {
    for settings in [LBFGS, "epochs = 2\n"] {
        is_read_again_as_printed(&recipe(settings, ""));
    }
}

#[track_caller]
fn is_read_again_as_printed(recipe: &str) {
    let mut test = cohort().recipe(recipe);
    let resolved = test
        .run_with(["check", "recipe.toml", "--resolved"])
        .success();
    let mut test = test.file("again.toml", &resolved.stdout);
    test.run_with(["check", "again.toml"]).success();
    let again = test
        .run_with(["check", "again.toml", "--resolved"])
        .success();
    let settings = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| {
            line.split('#')
                .next()
                .unwrap_or_default()
                .trim()
                .to_string()
        });
        lines.filter(|line| !line.is_empty()).collect()
    };
    assert_eq!(settings(&resolved.stdout), settings(&again.stdout));
}
