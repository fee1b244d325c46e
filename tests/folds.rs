//! Issue 20: stratified splits and cross-validation.

use serde_json::Value;

use crate::document::{digests, stage};
use crate::harness::{Outcome, Test};
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run, stages};

fn cohort() -> Test {
    cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1)
}

/// The cohort, split by `rule`, and a model on it.
fn recipe(rule: &str, more: &str) -> String {
    let one = data("one", "one", "");
    let one = one.replace(
        "split = { ratio = [0.6, 0.2, 0.2] }",
        &format!("split = {rule}"),
    );
    [MODEL, &one, &stages("one", "one", "one"), more].concat()
}

fn counts(rule: &str) -> [u64; 6] {
    let mut test = cohort().recipe(&recipe(rule, ""));
    let document = run(&mut test, &["one"]).success().json();
    let metrics = &stage(&document, "one")["metrics"];
    ["train", "validation", "test"]
        .map(|split| {
            ["stays", "positives"].map(|what| {
                metrics[format!("{split}.{what}")]
                    .as_u64()
                    .expect("a number")
            })
        })
        .concat()
        .try_into()
        .expect("six numbers")
}

#[test]
fn folds_and_stratified_shares_have_as_many_of_every_class_as_can_be() {
    // Of 60 stays 20 are positive.
    assert_eq!(counts("{ folds = { count = 5 } }"), [36, 12, 12, 4, 12, 4]);
    assert_eq!(
        counts("{ folds = { count = 4, fold = 3, repeat = 1 } }"),
        [30, 10, 15, 5, 15, 5]
    );
    assert_eq!(counts("{ ratio = [0.7, 0.1, 0.2] }"), [42, 14, 6, 2, 12, 4]);
    let [train, _, validation, _, test, _] = counts("{ independent = [0.7, 0.1, 0.2] }");
    assert_eq!(train + validation + test, 60);
    assert_ne!(
        [train, validation, test],
        [42, 6, 12],
        "each is drawn by himself"
    );
    let [train, _, validation, _, test, _] =
        counts("{ folds = { count = 7, fold = 6, stratified = false } }");
    assert_eq!(train + validation + test, 60);
    assert!(validation.abs_diff(test) <= 1);
}

#[test]
fn a_sweep_over_folds_is_one_setting_with_its_spread() {
    let sweep = r#"
[sweep]
objective = { stage = "classifier", metric = "validation_auroc", direction = "maximize" }

[sweep.seeds]
"stages.one.split.folds.fold" = [0, 1, 2, 0, 1, 2]
"stages.one.split.folds.repeat" = [0, 0, 0, 1, 1, 1]
"#;
    let mut test = cohort().recipe(&recipe("{ folds = { count = 3 } }", sweep));
    test.run_with(["sweep", "recipe.toml", "--quiet"]).success();
    let shown = test.run_with(["sweep", "show", "recipe.toml", "--format", "json"]);
    let shown = shown.success().json();
    let settings = shown["settings"].as_array().expect("settings");
    assert_eq!(settings.len(), 1, "no fold is better than another");
    assert_eq!(settings[0]["variants"], 6);
    assert_eq!(settings[0]["metrics"]["test"]["auroc"]["n"], 6);
    // Each stay is scored once a repeat, by the model of the fold that did not see it.
    let pooled = shown["pooled"].as_array().expect("pooled metrics");
    assert_eq!(
        (pooled.len(), &pooled[0]["stage"]),
        (1, &Value::from("test"))
    );
    assert_eq!(
        (&pooled[0]["stays"], &pooled[0]["auroc"]["n"]),
        (&Value::from(60), &Value::from(2))
    );
    let folds = shown["variants"].as_array().expect("variants").iter();
    let squares: f64 = folds
        .map(|fold| {
            let metrics = &fold["metrics"]["test"];
            let number = |name: &str| metrics[name].as_f64().expect("a number");
            number("brier") * number("n")
        })
        .sum();
    let brier = pooled[0]["brier"]["mean"].as_f64().expect("a number");
    assert!((brier - squares / 120.0).abs() < 1e-12);
    test.run_with(["sweep", "show", "recipe.toml"])
        .success()
        .stdout_has("all folds together");
}

/// The pooled metrics of a sweep in which these stand for seeds, and the notes.
fn pooled(seeds: &str) -> (Vec<Value>, String) {
    pooled_of(seeds, seeds)
}

/// The same of one of which that with the seeds `ran` has run.
fn pooled_of(ran: &str, seeds: &str) -> (Vec<Value>, String) {
    let recipe = |seeds: &str| {
        let more = format!(
            "[stages.chosen]\nkind = \"evaluate\"\nmodel = \"classifier\"\ndata = \"one\"\nsplit = \"validation\"\n\
             [sweep]\nobjective = {{ stage = \"classifier\", metric = \"validation_auroc\", direction = \"maximize\" }}\n{seeds}"
        );
        recipe("{ folds = { count = 3 } }", &more)
    };
    let mut test = cohort().recipe(&recipe(ran));
    test.run_with(["sweep", "recipe.toml", "--quiet"]).success();
    let mut test = test.recipe(&recipe(seeds));
    let shown = test.run_with(["sweep", "show", "recipe.toml", "--format", "json"]);
    let shown = shown.success();
    let records = shown.json()["pooled"].as_array().cloned();
    (records.unwrap_or_default(), shown.stderr)
}

#[test]
fn folds_are_put_together_where_none_is_missing() {
    const FOLD: &str = "\"stages.one.split.folds.fold\"";
    // Another seed for every fold is no repeat.
    let (records, notes) = pooled(&format!(
        "[sweep.seeds]\n{FOLD} = [0, 1, 2]\n\"stages.test.seed\" = [1, 2, 3]\n"
    ));
    assert_eq!(
        (&records[0]["stays"], &records[0]["repeats"]),
        (&60.into(), &1.into())
    );
    assert!(!notes.contains("lacks"), "{notes}");
    let (records, notes) = pooled(&format!("[sweep.seeds]\n{FOLD} = [0, 1]\n"));
    assert_eq!(records, [] as [Value; 0]);
    assert!(
        notes.contains("of `test` a repeat lacks fold 2 of 3;"),
        "{notes}"
    );
    // A repeat that is not whole is left out of the mean over repeats.
    let (records, notes) = pooled(&format!(
        "[sweep.seeds]\n{FOLD} = [0, 1, 2, 0]\n\"stages.one.split.folds.repeat\" = [0, 0, 0, 1]\n"
    ));
    assert_eq!(records[0]["repeats"], 1);
    assert!(notes.contains("lacks folds 1, 2 of 3;"), "{notes}");
    // So is one of which a fold has not run, or failed.
    let seeds = |folds: &str, repeats: &str| {
        format!(
            "[sweep.seeds]\n{FOLD} = [{folds}]\n\"stages.one.split.folds.repeat\" = [{repeats}]\n"
        )
    };
    let (records, notes) = pooled_of(
        &seeds("0, 1, 2, 0, 1", "0, 0, 0, 1, 1"),
        &seeds("0, 1, 2, 0, 1, 2", "0, 0, 0, 1, 1, 1"),
    );
    assert_eq!((records.len(), &records[0]["repeats"]), (1, &1.into()));
    assert_eq!(records[0]["stage"], "test");
    assert!(notes.contains("lacks fold 2 of 3;"), "{notes}");
    let (records, notes) = pooled(&format!("[sweep.grid]\n{FOLD} = [0, 1, 2]\n"));
    assert_eq!(records, [] as [Value; 0]);
    assert!(notes.contains(", and 2 more lack some;"), "{notes}");
}

#[test]
fn what_a_fold_s_test_stays_hold_changes_nothing_of_its_model() {
    let recipe = recipe("{ folds = { count = 5 } }", "");
    let trained = |test: &mut Test| run(test, &["classifier"]).success().json();
    let mut test = cohort().recipe(&recipe);
    let before = trained(&mut test);
    let stays = stays_of_test(&before);
    assert_eq!(stays.len(), 12);
    let folder = cohort();
    let events = std::fs::read_to_string(folder.folder().join("one/events.csv")).expect("events");
    let planted: String = events
        .lines()
        .map(|line| {
            let (id, _) = line.split_once(',').expect("columns");
            let (rest, value) = line.rsplit_once(',').expect("a value");
            match stays.iter().any(|stay| stay == id) {
                true => format!(
                    "{rest},{}\n",
                    1000.0 + value.parse::<f64>().expect("a number")
                ),
                false => format!("{line}\n"),
            }
        })
        .collect();
    assert_ne!(planted, events);
    let after = trained(&mut folder.file("one/events.csv", planted).recipe(&recipe));
    let of = |document: &Value, name: &str, artifact: &str| {
        digests(document)[&(name.into(), artifact.into())].clone()
    };
    assert_ne!(of(&before, "one", "events"), of(&after, "one", "events"));
    for (name, artifact) in [
        ("one", "variables"),
        ("pretrain", "checkpoint"),
        ("classifier", "weights"),
    ] {
        assert_eq!(
            of(&before, name, artifact),
            of(&after, name, artifact),
            "{name} {artifact}"
        );
    }
}

fn stays_of_test(document: &Value) -> Vec<String> {
    let path = crate::document::artifact(document, "one", "stays");
    let stays = pipeline_data::stay_columns::StayColumns::read(&path).expect("stays");
    let (names, splits) = (
        stays.names().expect("names"),
        stays.splits().expect("splits"),
    );
    let of_test = names.ids.into_iter().zip(splits);
    of_test
        .filter(|(_, split)| split.name() == "test")
        .map(|(id, _)| id)
        .collect()
}

#[test]
fn folds_that_cannot_be_are_mistakes_of_the_recipe() {
    let check = |rule: &str| -> Outcome {
        let mut test = cohort().recipe(&recipe(rule, ""));
        test.run_with(["check", "recipe.toml"]).failure(2)
    };
    check("{ folds = { count = 5, fold = 5 } }")
        .stderr_has("stages.one.split.folds.fold is 5, and the 5 folds are counted from 0");
    check("{ folds = { count = 2 } }").stderr_has("stages.one.split.folds.count");
    check("{ folds = { fold = 1 } }").stderr_has("count");
    check("{ ratio = [0.8, 0.1, 0.2] }").stderr_has("stages.one.split.ratio sums to 1.1");
}
