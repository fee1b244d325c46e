//! Issue 17: a data stage that makes the inputs of another one from a source of its own.

use serde_json::Value;

use crate::document::{artifact, stage};
use crate::harness::Test;
use crate::inputs::{MODEL, VARIABLES, auroc, cohort_of, data, run, stages};

const LIKE: &str = "like = \"one\"";

/// The cohort that is trained on, and another of other people.
fn two_cohorts(variables: &[&str], times: impl Fn(&str) -> usize) -> Test {
    let test = cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1);
    cohort_of(test, "two", 1000, variables, times)
}

/// Trains on `one`, scores on `two`, which is like it.
fn recipe(first: &str, second: &str) -> String {
    let both = [data("one", "one", first), data("two", "two", second)].concat();
    [MODEL, &both, &stages("one", "one", "two")].concat()
}

fn profile(document: &Value) -> Value {
    let bytes = std::fs::read(artifact(document, "two", "profile")).expect("a profile");
    serde_json::from_slice(&bytes).expect("JSON")
}

#[test]
fn issue17_a_stage_like_another_makes_the_same_bits_of_the_same_source() {
    let settings = "hours = 3\nclip = 1.5\nmax_sets = 3\nduplicates = \"last\"\ncategorical = [\"H\"]\n\
        cleaning = { A = { range = [0.0, 7.0], outside = \"clip\" }, B = { log = \"log1p\", missing = [12.0] } }";
    let like = "like = \"one\"\ncleaning = { B = { missing = [12.0] } }";
    let same = recipe(settings, like).replace("two/", "one/");
    let mut test = two_cohorts(&VARIABLES, |_| 1).recipe(&same);
    let document = run(&mut test, &[]).success().json();
    for name in ["events", "stays", "variables"] {
        let digest = |of: &str| stage(&document, of)["outputs"][name]["digest"].clone();
        assert_eq!(digest("one"), digest("two"), "{name}");
    }
}

#[test]
fn issue17_another_cohort_is_scored_as_a_whole_and_other_units_are_told() {
    let whole = |more: &str| {
        let second = data("two", "two", &[LIKE, "\n", more].concat());
        let second = second.replace("split = { ratio = [0.6, 0.2, 0.2] }", "split = \"all\"");
        [
            MODEL,
            &data("one", "one", ""),
            &second,
            &stages("one", "one", "two"),
        ]
        .concat()
    };
    let in_other_units = |name: &str| if name == "B" { 8 } else { 1 };
    let mut test = two_cohorts(&VARIABLES, in_other_units).recipe(&whole(""));
    let outcome = run(&mut test, &[]).success();
    let outcome = outcome
        .stderr_has("warning: `B` is not as in the training split that these inputs are like: its mean is +")
        .stderr_has("cleaning = { \"B\" = { factor = … } } converts it");
    assert_eq!(
        outcome
            .stderr
            .matches("is not as in the training split")
            .count(),
        1
    );
    let document = outcome.json();
    let shift = &profile(&document)["shifts"]["B"];
    assert!(shift["mean"].as_f64().expect("a number") > 1.0, "{shift}");
    assert_eq!(stage(&document, "test")["metrics"]["n"], 60);
    let other_units = auroc(&document);

    // The factor makes the same values, to the bit, of other people with the same measurements.
    let mut test = test.recipe(&whole("cleaning = { B = { factor = 0.125 } }\n"));
    let outcome = run(&mut test, &[]).success();
    assert!(
        !outcome.stderr.contains("is not as in the training split"),
        "{}",
        outcome.stderr
    );
    let converted = auroc(&outcome.json());
    let mut test = two_cohorts(&VARIABLES, |_| 1).recipe(&whole(""));
    let same = run(&mut test, &[]).success().json();
    assert_eq!(auroc(&same), converted);
    assert_ne!(converted, Value::Null);
    assert_ne!(other_units, Value::Null);
}

#[test]
fn issue17_variables_that_one_cohort_lacks_are_named() {
    let mut test = two_cohorts(&["A", "B", "D", "E", "F", "G", "H", "X"], |_| 1);
    test = test.recipe(&recipe("", LIKE));
    run(&mut test, &[])
        .success()
        .stderr_has("warning: `C` is not as in the training split that these inputs are like: no stay has it")
        .stderr_has("240 events are dropped, of variables that the stage that this one is like does not have: `X`");
}

#[test]
fn a_text_among_numbers_is_no_category_where_categories_are_taken_from_another_stage() {
    let test = two_cohorts(&VARIABLES, |_| 1).recipe(&recipe("", LIKE));
    let events = std::fs::read_to_string(test.folder().join("two/events.csv")).expect("events");
    let mut test = test.file("two/events.csv", events + "1059,3,A,high\n");
    let outcome = run(&mut test, &["two"])
        .failure(3)
        .stderr_has("value `high` of `A` is not a finite number")
        .stderr_has("state missing = [\"high\"] in the source");
    assert!(
        !outcome.stderr.contains("categorical ="),
        "{}",
        outcome.stderr
    );
}

#[test]
fn issue17_what_is_taken_from_another_stage_is_not_stated_beside_it() {
    for (stated, place) in [
        (
            "hours = 24",
            "stages.two.hours is taken from another data stage",
        ),
        (
            "embeddings = { orthonormal = 32 }",
            "stages.two.embeddings is taken",
        ),
        (
            "variables = { drop = [\"A\"] }",
            "stages.two.variables is taken",
        ),
        (
            "cleaning = { A = { range = [0.0, 1.0] } }",
            "stages.two.cleaning.A.range is taken",
        ),
    ] {
        let mut test = two_cohorts(&VARIABLES, |_| 1);
        test = test.recipe(&recipe("", &[LIKE, "\n", stated].concat()));
        run(&mut test, &[])
            .failure(2)
            .stderr_has(place)
            .stderr_has("from this one");
    }
    let mut test = two_cohorts(&VARIABLES, |_| 1).recipe(&recipe("", "like = \"pretrain\""));
    run(&mut test, &[]).failure(2).stderr_has("stages.two.like");
}

#[test]
fn issue17_weights_from_a_file_are_given_their_own_inputs_under_any_seed() {
    let whole = |like: &str| {
        let second = data("two", "two", &format!("like = \"{like}\""));
        second.replace("split = { ratio = [0.6, 0.2, 0.2] }", "split = \"all\"")
    };
    let trained = [
        MODEL,
        &data("one", "one", ""),
        &whole("one"),
        &stages("one", "one", "two"),
    ]
    .concat();
    let mut test = two_cohorts(&VARIABLES, |_| 1).recipe(&trained);
    let document = run(&mut test, &[]).success().json();
    let weights = artifact(&document, "classifier", "weights");
    std::fs::copy(weights, test.folder().join("classifier.safetensors")).expect("a copy");
    let rest = "\n[stages.weights]\nkind = \"import\"\nfrom = { path = \"classifier.safetensors\" }\ninto = \"classifier\"\n\
         [stages.test]\nkind = \"evaluate\"\nmodel = \"weights\"\ndata = \"two\"\nsplit = \"test\"\nbootstrap = { resamples = 0 }\n";
    let mut test = test.recipe(&[MODEL, &whole("weights"), rest].concat());
    let outside = run(&mut test, &["--set", "seed=2"]).success().json();
    assert_eq!(auroc(&outside), auroc(&document));
    let digest = |of: &Value| stage(of, "two")["outputs"]["events"]["digest"].clone();
    assert_eq!(digest(&outside), digest(&document));
}
