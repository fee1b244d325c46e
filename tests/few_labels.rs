//! Issue 18: learning from some of the training stays.

use crate::document::{artifact, stage};
use crate::ensembles::text;
use crate::harness::Test;
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run, stages};

fn cohort() -> Test {
    cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1)
}

/// A recipe whose finetune stage has these settings, whose evaluation has a baseline.
fn recipe(settings: &str, more: &str) -> String {
    let stages = stages("one", "one", "one")
        .replace(
            "data = \"one\"\nepochs = 2\n",
            &format!("data = \"one\"\nepochs = 2\n{settings}"),
        )
        .replace(
            "bootstrap = ",
            "baseline = \"logistic-regression\"\nbootstrap = ",
        );
    [MODEL, &data("one", "one", ""), &stages, more].concat()
}

#[test]
fn a_subsample_is_counted_and_the_baseline_is_fitted_to_the_same_stays() {
    let mut test = cohort().recipe(&recipe("", ""));
    let all = run(&mut test, &[]).success().json();
    assert!(stage(&all, "classifier")["metrics"]["training_stays"].is_null());
    let mut test = test.recipe(&recipe("subsample = { stays = 12 }\n", ""));
    let some = run(&mut test, &[]).success().json();
    let metrics = &stage(&some, "classifier")["metrics"];
    assert_eq!(
        (&metrics["training_stays"], &metrics["training_stays_of"]),
        (&12.into(), &36.into())
    );
    let baseline = |document| stage(document, "test")["metrics"]["baseline.brier"].clone();
    assert_ne!(baseline(&all), baseline(&some));
    let measured = text(&artifact(&some, "test", "metrics"));
    assert!(measured.contains("\"training_stays\": 12"), "{measured}");
    test.run_with(["report", "recipe.toml", "--output", "report.html"])
        .success();
    let page = text(&test.folder().join("report.html"));
    assert!(page.contains("fitted to the same 12 training stays"));

    // Another draw is another training, and the whole of the stays is what no subsample is.
    let mut test = test.recipe(&recipe("subsample = { stays = 12, seed = 1 }\n", ""));
    let other = run(&mut test, &[]).success().json();
    assert_ne!(baseline(&other), baseline(&some));
    let mut test = test.recipe(&recipe("subsample = { fraction = 1.0 }\n", ""));
    let whole = run(&mut test, &[]).success().json();
    assert_eq!(baseline(&whole), baseline(&all));
    let auroc = |document| stage(document, "classifier")["metrics"]["validation_loss"].clone();
    assert_eq!(auroc(&whole), auroc(&all));
}

#[test]
fn an_open_backbone_learns_from_the_same_stays() {
    let open = |settings: &str| {
        recipe(settings, "").replace(
            "trainable = [\"cls_head.*\"]",
            "trainable = [\"cls_head.*\", \"transformer.*\"]",
        )
    };
    let mut test = cohort().recipe(&open("subsample = { stays = 12 }\n"));
    let document = run(&mut test, &[]).success().json();
    assert_eq!(
        stage(&document, "classifier")["metrics"]["training_stays"],
        12
    );
    let measured = text(&artifact(&document, "test", "metrics"));
    assert!(measured.contains("\"training_stays\": 12"), "{measured}");
}

#[test]
fn what_cannot_be_drawn_is_refused() {
    let fails = |settings: &str, code: i32, said: &str| {
        let mut test = cohort().recipe(&recipe(settings, ""));
        run(&mut test, &[]).failure(code).stderr_has(said);
    };
    fails(
        "subsample = { stays = 12, fraction = 0.5 }\n",
        2,
        "states `stays` and `fraction`",
    );
    fails(
        "subsample = { seed = 1 }\n",
        2,
        "states neither `stays` nor `fraction`",
    );
    fails("subsample = { fraction = 1.5 }\n", 2, "subsample.fraction");
    fails("subsample = { stays = 0 }\n", 2, "subsample.stays");
    fails(
        "subsample = { stays = 37 }\n",
        3,
        "draws 37 stays, and the training split has 36",
    );
    fails(
        "subsample = { stays = 1 }\n",
        3,
        "of the training stays that `subsample` draws (1), none has the class",
    );
    let second =
        "\n[stages.second]\nkind = \"finetune\"\nmodel = \"frozen\"\ndata = \"one\"\nepochs = 2\n";
    let both = recipe("subsample = { stays = 12 }\n", second).replace(
        "model = \"classifier\"",
        "model = [\"classifier\", \"second\"]",
    );
    let mut test = cohort().recipe(&both);
    run(&mut test, &[])
        .failure(2)
        .stderr_has("those of `classifier` and `second` differ");
}

#[test]
fn a_sweep_over_labels_is_drawn_model_beside_baseline() {
    let sweep = r#"
[sweep]
objective = { stage = "classifier", metric = "validation_auroc", direction = "maximize" }

[sweep.grid]
"stages.classifier.subsample.stays" = [24, 12, 36]

[sweep.seeds]
"stages.classifier.subsample.seed" = [1, 2]
"#;
    let mut test = cohort().recipe(&recipe("subsample = { stays = 12 }\n", sweep));
    test.run_with(["sweep", "recipe.toml", "--quiet"]).success();
    let show = test.run_with(["sweep", "show", "recipe.toml"]).success();
    let lines: Vec<&str> = show.stdout.lines().collect();
    let heading = lines.iter().position(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words
            == [
                "training",
                "stays",
                "test",
                "auroc",
                "baseline",
                "difference",
            ]
    });
    let heading = heading.unwrap_or_else(|| panic!("no curve in\n{}", show.stdout));
    let stays = lines[heading + 1..][..3]
        .iter()
        .map(|line| line.split_whitespace().next());
    assert_eq!(
        stays.collect::<Vec<_>>(),
        [Some("12"), Some("24"), Some("36")]
    );
    test.run_with([
        "sweep",
        "show",
        "recipe.toml",
        "--format",
        "html",
        "--write",
        "sweep.html",
    ])
    .success();
    let page = text(&test.folder().join("sweep.html"));
    for said in [
        "Labels",
        "test auroc",
        "training stays",
        "model: ",
        "baseline: ",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(
        page.contains("labels-1-title"),
        "AUROC and average precision"
    );
}
