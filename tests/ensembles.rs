//! Issue 18: several models whose probabilities are averaged.

use std::path::Path;

use crate::document::{artifact, stage};
use crate::harness::Test;
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run, stages};
use crate::predict::read;

const CHOSEN: &str =
    "recalibrate = \"platt\"\noperating_points = [{ kind = \"sensitivity\", target = 0.8 }]\n";

/// Two heads of one backbone on the cohort `one`, and more stages.
fn recipe(more: &str) -> String {
    let second = "\n[stages.second]\nkind = \"finetune\"\nmodel = \"frozen\"\ndata = \"one\"\nseed = 2\nepochs = 2\n";
    let one = data("one", "one", "");
    [MODEL, &one, &stages("one", "one", "one"), second, more].concat()
}

fn evaluate(name: &str, model: &str, data: &str, more: &str) -> String {
    format!(
        "\n[stages.{name}]\nkind = \"evaluate\"\nmodel = {model}\ndata = \"{data}\"\nsplit = \"test\"\n{CHOSEN}{more}"
    )
}

fn cohorts() -> Test {
    let test = cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1);
    cohort_of(test, "two", 1000, &VARIABLES, |_| 1)
}

/// The cohort `two` as a whole, with the inputs of `one`.
fn elsewhere(more: &str) -> String {
    let second = data("two", "two", &["like = \"one\"\n", more].concat());
    second.replace("split = { ratio = [0.6, 0.2, 0.2] }", "split = \"all\"")
}

fn without_labels(data: &str) -> String {
    let (before, after) = data.rsplit_once("labels = { path").expect("labels");
    let rest = after.split_once('\n').map_or("", |(_, rest)| rest);
    [before, rest].concat()
}

pub fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("text")
}

#[test]
fn the_mean_of_the_probabilities_is_scored_and_one_model_is_scored_as_ever() {
    let of = |name, model| evaluate(name, model, "one", "baseline = \"logistic-regression\"\n");
    let both = r#"["classifier", "second"]"#;
    let more = [
        of("a", "\"classifier\""),
        of("alone", r#"["classifier"]"#),
        of("b", "\"second\""),
        of("both", both),
    ];
    let mut test = cohorts().recipe(&recipe(&more.concat()));
    let document = run(&mut test, &[]).success().json();
    assert_eq!(
        stage(&document, "a")["key"],
        stage(&document, "alone")["key"]
    );
    let of = |name| read(&artifact(&document, name, "predictions"));
    let ((ids, a), (_, b), (ids_of_both, both)) = (of("a"), of("b"), of("both"));
    assert_eq!(ids, ids_of_both);
    let probabilities = a["probability"].iter().zip(&b["probability"]);
    let mean: Vec<f64> = probabilities.map(|(a, b)| (a + b) / 2.0).collect();
    assert_eq!(both["probability"], mean);
    assert_ne!(a["probability"], b["probability"]);
    assert_eq!(a["baseline_probability"], both["baseline_probability"]);
    assert_ne!(
        a["recalibrated_probability"],
        both["recalibrated_probability"]
    );
    let metrics = text(&artifact(&document, "both", "metrics"));
    assert!(metrics.contains("\"models\": 2"), "{metrics}");
    assert!(!text(&artifact(&document, "a", "metrics")).contains("\"models\""));
    let report = test.run_with(["report", "recipe.toml", "--output", "report.html"]);
    report.success();
    let page = text(&test.folder().join("report.html"));
    assert!(page.contains("The predictions are the means of 2 models."));
}

#[test]
fn another_cohort_is_predicted_as_it_is_scored_with_what_validation_of_the_first_chose() {
    let both = r#"["second", "classifier"]"#;
    let more = evaluate("outside", both, "two", "bootstrap = { resamples = 0 }\n");
    let mut test = cohorts().recipe(&recipe(&[elsewhere(""), more].concat()));
    let document = run(&mut test, &[]).success().json();
    let (ids, scored) = read(&artifact(&document, "outside", "predictions"));
    let metrics = text(&artifact(&document, "outside", "metrics"));
    let said = "on the validation split of the data that the head was trained on";
    assert_eq!(metrics.matches(said).count(), 1, "{metrics}");

    let predict = format!(
        "\n[stages.predictions]\nkind = \"predict\"\nmodel = {both}\ndata = \"two\"\n{CHOSEN}"
    );
    let second = without_labels(&elsewhere("labels = \"none\""));
    let mut test = test.recipe(&recipe(&[second, predict].concat()));
    let document = run(&mut test, &[]).success().json();
    let (predicted_ids, predicted) = read(&artifact(&document, "predictions", "predictions"));
    assert_eq!(ids, predicted_ids);
    for column in ["probability", "recalibrated_probability"] {
        assert_eq!(predicted[column], scored[column], "{column}");
    }
}

#[test]
fn every_model_of_an_ensemble_is_checked() {
    let mistake = |model: &str, said: &str| {
        let more = evaluate("both", model, "one", "");
        let mut test = cohorts().recipe(&recipe(&more));
        run(&mut test, &[]).failure(2).stderr_has(said);
    };
    mistake(
        r#"["classifier", "secnd"]"#,
        "stages.both.model.1 names `secnd`, and there is no such stage",
    );
    mistake(
        r#"["second", "classifier", "second"]"#,
        "stages.both.model.2 names `second` again",
    );
    mistake(
        r#"["second", "weights"]"#,
        "stages.both.model.1 names `weights`, some of whose parameters are new",
    );
    mistake("[]", "stages.both.model");
    mistake("3", "must be a string or an array");
}

#[test]
fn a_patient_whom_any_model_was_trained_on_is_refused() {
    // The second head is trained on a cohort that shares its stays with the one that is scored.
    let same = data("same", "one", "like = \"one\"\nseed = 5\n");
    let third =
        "\n[stages.third]\nkind = \"finetune\"\nmodel = \"frozen\"\ndata = \"same\"\nepochs = 2\n";
    let both = r#"["classifier", "third"]"#;
    let more = "bootstrap = { resamples = 0 }\nrecalibrate_on = \"data\"\n";
    let of = |more: &str| evaluate("both", both, "one", more);
    let mut test = cohorts().recipe(&recipe(&[&same, third, &of(more)].concat()));
    run(&mut test, &[])
        .failure(3)
        .stderr_has("in the training or validation split of `same`");
    // Where each was trained on a split of its own, no validation split is everybody's.
    let allowed = "bootstrap = { resamples = 0 }\nallow_overlap = \"a test\"\n";
    let mut test = test.recipe(&recipe(&[&same, third, &of(allowed)].concat()));
    run(&mut test, &[])
        .failure(3)
        .stderr_has("do not speak of the same stays, labels and classes")
        .stderr_has("train all heads on one data stage");
}
