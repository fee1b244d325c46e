//! The baseline that an evaluation has beside a model: a stage of its own.

use serde_json::Value;

use crate::document::stage;
use crate::harness::Test;
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run, stages};

fn cohorts() -> Test {
    let test = cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1);
    cohort_of(test, "two", 1000, &VARIABLES, |name| {
        1 + usize::from(name == "C")
    })
}

fn evaluate(name: &str, data: &str) -> String {
    format!(
        "\n[stages.{name}]\nkind = \"evaluate\"\nmodel = \"classifier\"\ndata = \"{data}\"\nsplit = \"test\"\nbaseline = \"logistic-regression\"\n"
    )
}

/// A model developed on `one`, and `two` whole, with the inputs of `one`.
fn recipe(more: &str) -> String {
    let two = data("two", "two", "like = \"one\"\n");
    let two = two.replace("split = { ratio = [0.6, 0.2, 0.2] }", "split = \"all\"");
    let one = data("one", "one", "");
    [MODEL, &one, &two, &stages("one", "one", "one"), more].concat()
}

#[test]
fn a_cohort_from_elsewhere_has_a_baseline_that_was_fitted_where_the_model_was_developed() {
    let more = [evaluate("inside", "one"), evaluate("outside", "two")].concat();
    let mut test = cohorts().recipe(&recipe(&more));
    let document = run(&mut test, &[]).success().json();
    let fit = |name: &str| stage(&document, name)["metrics"].clone();
    assert_eq!(fit("inside:baseline"), fit("outside:baseline"));
    let brier = |name: &str| stage(&document, name)["metrics"]["baseline.brier"].clone();
    assert!(brier("inside").is_number() && brier("outside").is_number());
    assert_ne!(brier("inside"), brier("outside"));
}

#[test]
fn every_evaluation_of_the_same_stays_has_the_same_baseline() {
    let second = "\n[stages.second]\nkind = \"finetune\"\nmodel = \"frozen\"\ndata = \"one\"\nseed = 2\nepochs = 2\n";
    let other = evaluate("b", "one").replace("\"classifier\"", "\"second\"");
    let more = [&evaluate("a", "one"), second, &other].concat();
    let mut test = cohorts().recipe(&recipe(&more));
    let document = run(&mut test, &[]).success().json();
    let key = |name: &str| stage(&document, name)["key"].clone();
    assert_eq!(key("a:baseline"), key("b:baseline"));
    assert_ne!(key("a"), key("b"));
}

#[test]
fn a_baseline_that_comes_with_extends_can_be_taken_away() {
    let more = evaluate("a", "one");
    let mut test = cohorts()
        .file("base.toml", recipe(&more))
        .recipe("format = 1\nextends = [\"base.toml\"]\n\n[stages.a]\nbaseline = \"none\"\n");
    let document = run(&mut test, &[]).success().json();
    let stages = document["stages"].as_array().expect("stages");
    let names = stages.iter().map(|stage| stage["name"].as_str());
    assert!(!names.into_iter().any(|name| name == Some("a:baseline")));
    assert_eq!(
        stage(&document, "a")["metrics"]["baseline.auroc"],
        Value::Null
    );
}

#[test]
fn a_cohort_without_a_training_split_has_no_baseline_for_weights_from_a_file() {
    let from_file = "\n[stages.outside]\nkind = \"import\"\nfrom = { path = \"w.safetensors\" }\ninto = \"classifier\"\n";
    let score = evaluate("a", "two").replace("\"classifier\"", "\"outside\"");
    let more = [from_file, &score].concat();
    let mut test = cohorts().recipe(&recipe(&more));
    test.run_with(["check", "recipe.toml"])
        .failure(2)
        .stderr_has("stages.a.data names `two`, which has no training split")
        .stderr_has("no stage of the recipe trained the model");
}
