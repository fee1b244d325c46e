//! Issue 20: predictions that another program made are scored like those of our models.

use std::fmt::Write;

use serde_json::Value;

use crate::document::{artifact, python_with, repository, stage};
use crate::harness::{Outcome, Test};
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run, stages};
use crate::meds_layout;

/// Stays from here on are for validation, and from there on for testing.
const VALIDATION: usize = 36;
const TEST: usize = 48;
const STAYS: usize = 60;

/// The cohort `one`, split by its ids.
fn cohort() -> Test {
    let mut splits = "id,split\n".to_string();
    for stay in 0..STAYS {
        let split = match stay {
            ..VALIDATION => "train",
            VALIDATION..TEST => "validation",
            _ => "test",
        };
        writeln!(splits, "{stay},{split}").expect("text");
    }
    let test = cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1);
    test.file("splits.csv", splits)
}

fn one() -> String {
    let ratio = "split = { ratio = [0.6, 0.2, 0.2] }";
    data("one", "one", "").replace(ratio, "split = { file = \"splits.csv\" }")
}

fn evaluate(name: &str, more: &str) -> String {
    format!("\n[stages.{name}]\nkind = \"evaluate\"\ndata = \"one\"\nsplit = \"test\"\n{more}")
}

/// A recipe that scores `theirs.csv`.
fn recipe(columns: &str, more: &str) -> String {
    let table = format!("predictions = {{ path = \"theirs.csv\"{columns} }}\n{more}");
    [MODEL, &one(), &evaluate("theirs", &table)].concat()
}

/// A probability for each of some stays, of which every third has died.
fn probability(stay: usize) -> f64 {
    let risk = if stay.is_multiple_of(3) { 0.6 } else { 0.2 };
    risk + 0.01 * ((stay * 7) % 30) as f64
}

fn table(stays: std::ops::Range<usize>) -> String {
    let rows = stays.map(|stay| format!("{stay},{}\n", probability(stay)));
    format!("stay_id,probability\n{}", rows.collect::<String>())
}

fn scored(table: &str, columns: &str, more: &str) -> (Test, Outcome) {
    let mut test = cohort()
        .file("theirs.csv", table)
        .recipe(&recipe(columns, more));
    let outcome = run(&mut test, &[]);
    (test, outcome)
}

fn metrics(outcome: &Outcome) -> Value {
    stage(&outcome.json(), "theirs")["metrics"].clone()
}

#[test]
fn a_sweep_that_cannot_be_ranked_says_why_its_objective_is_undefined() {
    let same: String = (VALIDATION..TEST)
        .map(|stay| format!("{stay},0.25\n"))
        .collect();
    let sweep = "
[sweep]
objective = { stage = \"theirs\", metric = \"calibration_slope\", direction = \"maximize\" }

[sweep.grid]
\"stages.theirs.threshold\" = [0.2, 0.5]
";
    let recipe = recipe("", sweep).replace("split = \"test\"", "split = \"validation\"");
    let mut test = cohort()
        .file("theirs.csv", format!("stay_id,probability\n{same}"))
        .recipe(&recipe);
    test.run_with(["sweep", "recipe.toml", "--quiet"]).success();
    test.run_with(["sweep", "best", "recipe.toml"])
        .failure(3)
        .stderr_has("undefined in each of them (all stays have the same score)");
}

#[test]
fn probabilities_of_the_other_class_cause_a_warning() {
    let of = |sign: f64| {
        let rows = (VALIDATION..STAYS).map(|stay| {
            let probability = 0.5 + sign * (probability(stay) - 0.5);
            format!("{stay},{probability}\n")
        });
        format!("stay_id,probability\n{}", rows.collect::<String>())
    };
    let what = "its whole interval is below 0.5";
    let more = "bootstrap = { resamples = 200 }\n";
    let (_, outcome) = scored(&of(-1.0), "", more);
    outcome.success().stderr_has(what);
    let (_, outcome) = scored(&of(1.0), "", more);
    assert!(!outcome.success().stderr.contains(what));
}

#[test]
fn a_table_of_predictions_is_measured_like_a_model() {
    let more = "baseline = \"logistic-regression\"\nrecalibrate = \"platt\"\noperating_points = [{ kind = \"youden\" }]\n";
    let (mut test, outcome) = scored(&table(VALIDATION..STAYS), "", more);
    let document = outcome.success().json();
    let of_table = &stage(&document, "theirs")["metrics"];
    assert_eq!(of_table["n"], 12);
    assert_eq!(of_table["positives"], 4);
    for name in [
        "auroc",
        "average_precision",
        "brier",
        "baseline.auroc",
        "recalibrated.brier",
    ] {
        assert!(of_table[name].is_number(), "{name}: {of_table}");
    }
    let squares: f64 = (TEST..STAYS)
        .map(|stay| (probability(stay) - f64::from(u8::from(stay % 3 == 0))).powi(2))
        .sum();
    let brier = of_table["brier"].as_f64().expect("a number");
    assert!((brier - squares / 12.0).abs() < 1e-12, "{brier}");
    let text = std::fs::read_to_string(artifact(&document, "theirs", "metrics")).expect("text");
    assert!(text.contains("\"given\": true"), "{text}");
    let report = ["report", "recipe.toml", "--output", "report.html"];
    test.run_with(report).success();
    let page = std::fs::read_to_string(test.folder().join("report.html")).expect("a page");
    assert!(page.contains("A table gave the predictions"));
    run(&mut test, &[]).success().stderr_has("theirs: cached");
    // Contents count, and not the place.
    let mut test = test.file("theirs.csv", table(TEST - 1..STAYS));
    run(&mut test, &[]).failure(3).stderr_has(
        "says nothing of 11 of 12 stays of the split validation: `36`, `37`, `38`, `39`, `40`, …",
    );
}

#[test]
fn logits_and_probabilities_of_all_classes_say_the_same() {
    let (mut logits, mut both) = ("id,a,b\n".to_string(), "id,a,b\n".to_string());
    for stay in (TEST..STAYS).rev() {
        let p = probability(stay);
        writeln!(logits, "{stay}.0,{},{}", (1.0 - p).ln(), p.ln()).expect("text");
        writeln!(both, "{stay},{},{p}", 1.0 - p).expect("text");
    }
    let expected = metrics(&scored(&table(TEST..STAYS), "", "").1.success());
    let of = |table: &str, columns: &str| metrics(&scored(table, columns, "").1.success());
    assert_eq!(
        of(&both, ", id = \"id\", probabilities = [\"a\", \"b\"]"),
        expected
    );
    let of_logits = of(&logits, ", id = \"id\", logits = [\"a\", \"b\"]");
    assert_eq!(of_logits["auroc"], expected["auroc"]);
    let brier = |metrics: &Value| metrics["brier"].as_f64().expect("a number");
    assert!((brier(&of_logits) - brier(&expected)).abs() < 1e-12);
}

#[test]
fn a_table_that_does_not_fit_the_stays_is_refused_by_name() {
    let whole = table(TEST..STAYS);
    let refused = |table: &str| scored(table, "", "").1.failure(3);
    refused(&whole.replace("50,", "nobody,"))
        .stderr_has("line 4: stay nobody is not a stay of the data");
    refused(&table(TEST..STAYS - 1))
        .stderr_has("says nothing of 1 of 12 stays of the split test: `59`");
    refused(&format!("{whole}50.0,0.5\n"))
        .stderr_has("line 14: stay 50 again, as on")
        .stderr_has("theirs.csv line 4");
    let with = |text: &str| {
        whole.replace(
            &format!("50,{}\n", probability(50)),
            &format!("50,{text}\n"),
        )
    };
    refused(&with("1.2"))
        .stderr_has("line 4: stay 50: probability is 1.2, and a probability is from 0 to 1");
    refused(&with("-0.1")).stderr_has("stay 50: probability is -0.1");
    for text in ["nan", "inf", "", "high"] {
        refused(&with(text))
            .stderr_has("line 4: probability")
            .stderr_has("it is the prediction of stay 50");
    }
    refused(&table(VALIDATION - 1..STAYS))
        .stderr_has("line 2: stay 35 is in the training split")
        .stderr_has("hint: leave stays that the model learned from out of the table");
    refused(&whole.replace("stay_id", "id"))
        .stderr_has("no column `stay_id`; it has `id`, `probability`");
    let rounded: String = (VALIDATION..STAYS)
        .map(|stay| format!("{stay},0.333,0.666\n"))
        .collect();
    let both = ", probabilities = [\"a\", \"b\"]";
    scored(&format!("stay_id,a,b\n{rounded}"), both, "")
        .1
        .success();
    let two = ", probabilities = [\"probability\", \"probability\"]";
    scored(&whole, two, "")
        .1
        .failure(3)
        .stderr_has("its probabilities sum to");
}

#[test]
fn settings_that_do_not_fit_together_are_mistakes_of_the_recipe() {
    let check = |text: &str| {
        let mut test = cohort().file("theirs.csv", table(TEST..STAYS)).recipe(text);
        test.run_with(["check", "recipe.toml"]).failure(2)
    };
    check(&[MODEL, &one(), &evaluate("theirs", "")].concat())
        .stderr_has("stages.theirs names no `model` to score, and no table of `predictions`");
    check(&recipe(
        ", probability = \"p\", logits = [\"a\", \"b\"]",
        "",
    ))
    .stderr_has("stages.theirs.predictions.probability is one form, and another is stated too");
    check(&recipe(", subject = \"patient\"", ""))
        .stderr_has("predictions.subject names no stay without `time`");
    check(&recipe(", logits = [\"a\"]", "")).stderr_has("predictions.logits has one column");
    check(&recipe("", "recalibrate_on = \"data\"\n")).stderr_has("recalibrate_on");
    check(&recipe("", "compare = { ours = \"one\" }\n"))
        .stderr_has("stages.theirs.compare.ours must name a stage of kind `evaluate`");
    let three = ", logits = [\"a\", \"b\", \"c\"]";
    check(&recipe(three, "compare = { ours = \"theirs\" }\n"))
        .stderr_has("compare needs two classes");
    let both = [
        &recipe("", "model = \"classifier\"\n"),
        &stages("one", "one", "one"),
    ]
    .map(String::as_str)
    .concat();
    check(&both).stderr_has("is scored in place of a model, and `model` is stated too");
}

#[test]
fn a_model_is_compared_with_others_on_the_same_resamples() {
    let theirs = evaluate(
        "theirs",
        "predictions = { path = \"theirs.csv\" }\nbootstrap = { resamples = 50 }\n",
    );
    let ours = evaluate(
        "ours",
        "model = \"classifier\"\nbootstrap = { resamples = 50 }\ncompare = { \"A table\" = \"theirs\" }\n",
    );
    let text = [MODEL, &one(), &stages("one", "one", "one"), &theirs, &ours].concat();
    let mut test = cohort()
        .file("theirs.csv", table(TEST..STAYS))
        .recipe(&text);
    let document = run(&mut test, &[]).success().json();
    let text = std::fs::read_to_string(artifact(&document, "ours", "metrics")).expect("text");
    let metrics: Value = serde_json::from_str(&text).expect("JSON");
    let compared = &metrics["comparisons"][0];
    assert_eq!(compared["with"], "A table");
    let auroc = |name: &str| {
        stage(&document, name)["metrics"]["auroc"]
            .as_f64()
            .expect("a number")
    };
    assert_eq!(compared["scores"]["auroc"].as_f64(), Some(auroc("theirs")));
    let difference = compared["differences"]["auroc"]["difference"]
        .as_f64()
        .expect("a number");
    assert!((difference - (auroc("ours") - auroc("theirs"))).abs() < 1e-12);
    assert!(compared["differences"]["auroc"]["interval"].is_object());
    test.run_with(["report", "recipe.toml", "--output", "report.html"])
        .success();
    let page = std::fs::read_to_string(test.folder().join("report.html")).expect("a page");
    assert!(page.contains("Beside A table"));
}

#[test]
fn the_shipped_programs_stand_beside_ours_where_python_has_their_packages() {
    let Some(python) = python_with("pyarrow, sklearn, torch") else {
        eprintln!(
            "there is no Python with pyarrow, scikit-learn and torch: recipes/own-model.toml is not run"
        );
        return;
    };
    let mut test = Test::new().env("PYTHON", &python);
    let recipe = repository("recipes/own-model.toml");
    let small = [
        "--set",
        "vars.stays=300",
        "--set",
        "stages.pretrain.epochs=1",
    ];
    let document = test.run_with(
        ["run", &recipe, "--format", "json"]
            .into_iter()
            .chain(small),
    );
    let document = document.success().json();
    for name in ["boosting-test", "gru-test", "test"] {
        let metrics = &stage(&document, name)["metrics"];
        assert!(metrics["auroc"].as_f64() > Some(0.5), "{name}: {metrics}");
    }
    let text = std::fs::read_to_string(artifact(&document, "test", "metrics")).expect("text");
    let metrics: Value = serde_json::from_str(&text).expect("JSON");
    let names: Vec<&str> = (metrics["comparisons"].as_array().expect("a list").iter())
        .filter_map(|report| report["with"].as_str())
        .collect();
    assert_eq!(names, ["boosting", "gru"]);
}

#[test]
fn a_table_of_patients_and_times_of_prediction_is_joined_by_both() {
    let base = repository("recipes/meds.toml");
    let recipe = |more: &str| {
        format!(
            "format = 1\nextends = [\"{base}\"]\n\n[stages.theirs]\nkind = \"evaluate\"\ndata = \"events\"\nsplit = \"test\"\nbootstrap = {{ resamples = 0 }}\npredictions = {{ path = \"theirs.csv\", {more} }}\n"
        )
    };
    let by_both = "subject = \"subject_id\", time = \"prediction_time\"";
    let run = |times: [&str; 3]| {
        let rows = [9, 10, 11].into_iter().zip(times);
        let rows: String = rows
            .map(|(id, time)| format!("{id},{time},0.{id}\n"))
            .collect();
        let table = format!("subject_id,prediction_time,probability\n{rows}");
        let mut test = meds_layout::write(Test::new())
            .file("theirs.csv", table)
            .recipe(&recipe(by_both));
        test.run_with(["run", "recipe.toml", "theirs", "--format", "json"])
    };
    let told = "1970-01-02 16:00:00";
    let document = run([told, "1970-01-02T16:00:00Z", "1970-01-02T17:00:00+01:00"])
        .success()
        .json();
    let metrics = &stage(&document, "theirs")["metrics"];
    assert_eq!(
        (&metrics["n"], &metrics["positives"]),
        (&Value::from(3), &Value::from(2))
    );
    // Patients 9 and 11 died, with 0.9 and 0.11; 10 lived, with 0.10.
    assert_eq!(metrics["auroc"], 1.0);
    run([told, told, "1970-01-02 16:00:01"])
        .failure(3)
        .stderr_has("line 4: patient 11 at 1970-01-02 16:00:01 is not a stay of the data");
    run([told, "soon", told])
        .failure(3)
        .stderr_has("line 3: prediction_time `soon` is no time");
    let one = data("one", "one", "");
    let evaluate = evaluate(
        "theirs",
        &format!("predictions = {{ path = \"theirs.csv\", {by_both} }}\n"),
    );
    let mut test = cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1)
        .file(
            "theirs.csv",
            "subject_id,prediction_time,probability\n1,1970-01-01,0.5\n",
        )
        .recipe(&[MODEL, &one, &evaluate].concat());
    test.run_with(["run", "recipe.toml"])
        .failure(3)
        .stderr_has("the stays of these data have no time of prediction")
        .stderr_has("hint: join by the stay's id");
}
