//! `pipeline compare`.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::document::{repository, stage};
use crate::harness::Test;

/// The main job with 200 stays, changed.
fn arguments<'a>(changes: &[&'a str]) -> impl Iterator<Item = &'a str> {
    static RECIPE: LazyLock<String> =
        LazyLock::new(|| repository("tests/fixtures/recipes/mlp-head.toml"));
    let small = [
        "vars.stays=200",
        "stages.pretrain.epochs=1",
        "stages.classifier.epochs=8",
    ];
    let mut arguments = vec!["run", RECIPE.as_str(), "--format", "json"];
    for change in small.iter().chain(changes) {
        arguments.extend(["--set", change]);
    }
    arguments.into_iter()
}

/// The document of a run.
fn run(test: &mut Test, changes: &[&str]) -> Value {
    test.run_with(arguments(changes)).success().json()
}

/// A test after the run with no change.
fn test() -> Test {
    Test::new().warmed(arguments(&[]))
}

fn id(run: &Value) -> &str {
    run["run"].as_str().expect("an id")
}

fn row<'a>(comparison: &'a Value, metric: &str) -> &'a Value {
    row_of(comparison, "test", metric)
}

fn row_of<'a>(comparison: &'a Value, stage: &str, metric: &str) -> &'a Value {
    let rows = comparison["metrics"].as_array().expect("a list");
    let mut found = rows.iter().filter(|row| row["stage"] == stage);
    let found = found.find(|row| row["metric"] == metric);
    found.unwrap_or_else(|| panic!("no {metric} in {comparison:#}"))
}

#[test]
fn two_runs_are_told_apart_by_their_recipes_and_metrics() {
    let mut test = test();
    let first = run(&mut test, &[]);
    let second = run(&mut test, &["stages.classifier.optimizer.lr=1e-2"]);
    let compare = ["compare", id(&first), id(&second)];
    let comparison = test.run_with(compare.into_iter().chain(["--format", "json"]));
    let comparison = comparison.success().json();
    assert_eq!(comparison["runs"][0]["run"], first["run"]);
    assert_eq!(
        comparison["recipe"],
        json!([{ "path": "stages.classifier.optimizer.lr", "values": [0.001, 0.01] }])
    );
    let note = comparison["notes"][0].as_str().expect("a note");
    let slope = &row(&comparison, "calibration_slope")["differences"][1]["interval"]["undefined"];
    assert!(note.starts_with("test: of 1000 resamples B − A is undefined for "));
    assert!(
        note.contains(&format!("calibration_slope in {slope}")),
        "{note}"
    );
    assert!(note.ends_with(": intervals leave these out"), "{note}");
    let auroc = row(&comparison, "auroc");
    let of_runs = [&first, &second].map(|run| stage(run, "test")["metrics"]["auroc"].clone());
    assert_eq!(auroc["values"], json!(of_runs));
    assert_eq!(auroc["differences"][0], Value::Null);
    let number = |value: &Value| value.as_f64().expect("a number");
    let paired = &auroc["differences"][1];
    let difference = number(&of_runs[1]) - number(&of_runs[0]);
    assert!((number(&paired["difference"]) - difference).abs() < 1e-12);
    let interval = &paired["interval"];
    assert!(number(&interval["lower"]) <= number(&interval["upper"]));
    // The same stays, so counts differ in nothing and have no interval.
    assert_eq!(row(&comparison, "n")["differences"][1], Value::Null);

    let shown = test.run_with(compare).success();
    let shown = shown
        .stdout_has("stages.classifier.optimizer.lr  A    0.001\n")
        .stdout_has("B    0.01\n")
        .stdout_has("stage       metric                  ")
        .stdout_has("B − A")
        .stdout_has("  lr = 0.01\n")
        .stdout_has("95 % of 1000 resamples of the patients")
        .stdout_has(note);
    assert!(shown.stderr.is_empty());
    let again = test.run_with(compare).success();
    assert_eq!(again.stdout, shown.stdout);
}

#[test]
fn a_run_is_no_different_from_itself() {
    let mut test = test();
    let first = run(&mut test, &[]);
    let second = run(&mut test, &[]);
    let compare = ["compare", id(&first), id(&second), "--format", "json"];
    let comparison = test.run_with(compare).success().json();
    assert_eq!(comparison["recipe"], json!([]));
    let paired = &row(&comparison, "auroc")["differences"][1];
    assert_eq!(paired["difference"], 0.0);
    assert_eq!(paired["interval"]["upper"], 0.0);
}

#[test]
fn runs_on_other_stays_have_no_intervals_and_it_is_said_why() {
    let mut test = test();
    let first = run(&mut test, &[]);
    let second = run(&mut test, &["stages.test.split='validation'"]);
    let compare = ["compare", id(&first), id(&second), "--format", "json"];
    let comparison = test.run_with(compare).success().json();
    let notes = comparison["notes"][0].as_str().expect("a note");
    assert!(notes.starts_with("test: no intervals: "), "{notes}");
    assert!(notes.contains(" stays and "), "{notes}");
    assert_eq!(row(&comparison, "auroc")["differences"][1], Value::Null);
}

#[test]
fn a_recipe_that_cannot_be_read_differs_in_nothing_and_is_named() {
    let mut test = test();
    let first = run(&mut test, &[]);
    let second = run(&mut test, &[]);
    let folder = test.folder().join(".pipeline/runs").join(id(&first));
    let resolved = folder.join("resolved.json");
    std::fs::remove_file(&resolved).expect("it is there");
    let compare = ["compare", id(&first), id(&second)];
    test.run_with(compare)
        .success()
        .stdout_has("note: settings are not compared: run ");
    std::fs::write(&resolved, "{\n").expect("a file");
    test.run_with(compare)
        .failure(6)
        .stderr_has("resolved.json: it cannot be read");
}

#[test]
fn a_run_that_is_not_there_is_a_mistake_of_the_command_line() {
    let mut test = Test::new();
    let outcome = test.run_with(["compare", "a", "b"]).failure(2);
    outcome.stderr_has("no run's id starts with `a`");
    test.run_with(["compare", "a"]).failure(2);
}

/// Two cohorts with the same ids of stays, whose patients have one stay each (`a`) or ten (`b`), and predictions of a
/// program for the second: probabilities, which are also taken for those of a number.
fn two_cohorts() -> Test {
    let cohort = |name: &str, stays_of_one: usize| {
        let row = |stay: usize| {
            let fold = match stay {
                0..20 => "train",
                20..40 => "tuning",
                _ => "held_out",
            };
            let patient = stay / stays_of_one;
            let (died, score) = ((stay + patient) % 2, stay * 7 % 9);
            format!("{stay},{name}{patient},{fold},{died},0.{score}\n")
        };
        let rows: String = (0..120).map(row).collect();
        format!("stay_id,patient,fold,died,score\n{rows}")
    };
    let stage = |name: &str| {
        format!(
            "[stages.{name}]\nkind = \"data\"\nsplit = {{ column = \"fold\" }}\n[stages.{name}.source]\nformat = \"long\"\n\
             files = [\"charts.csv\"]\nid = \"stay_id\"\ntime = {{ column = \"hour\", as = \"hours\" }}\nvariable = \"item\"\n\
             value = \"value\"\nstays = {{ path = \"{name}.csv\", id = \"stay_id\", subject = \"patient\" }}\n\
             labels = {{ path = \"{name}.csv\", id = \"stay_id\", column = \"died\" }}\n"
        )
    };
    let charts: String = (0..120)
        .map(|stay| format!("{stay},0,HR,{}\n", 80 + stay % 7))
        .collect();
    let said = |step: usize| {
        let rows: String = (40..120)
            .map(|stay| format!("{stay},0.{}\n", 10 + stay * step % 83))
            .collect();
        format!("stay_id,probability\n{rows}")
    };
    Test::new()
        .file("a.csv", cohort("a", 1))
        .file("b.csv", cohort("b", 10))
        .file("charts.csv", format!("stay_id,hour,item,value\n{charts}"))
        .file("said1.csv", said(17))
        .file("said2.csv", said(29))
        .recipe(&format!(
            "format = 1\n[vars]\nsaid = 1\n{}{}[stages.test]\nkind = \"evaluate\"\ndata = \"b\"\nsplit = \"test\"\n\
             predictions = {{ path = \"said${{vars.said}}.csv\" }}\n\
             [stages.b.targets.score]\ntask = \"regression\"\npath = \"b.csv\"\nid = \"stay_id\"\n\
             [stages.number]\nkind = \"evaluate\"\ndata = \"b\"\nsplit = \"test\"\ntarget = \"score\"\n\
             predictions = {{ path = \"said${{vars.said}}.csv\", value = \"probability\" }}\n",
            stage("a"),
            stage("b")
        ))
}

#[test]
fn patients_are_those_of_the_cohort_that_was_scored() {
    let mut test = two_cohorts();
    let mut interval = |also: &[&str]| {
        let ids = ["1", "2"].map(|said| {
            let said = format!("vars.said={said}");
            let run = [
                "run",
                "recipe.toml",
                "test",
                "--format",
                "json",
                "--set",
                &said,
            ];
            let document = test.run_with(run.iter().chain(also)).success().json();
            id(&document).to_string()
        });
        let comparison = test.run_with(["compare", &ids[0], &ids[1], "--format", "json"]);
        let comparison = comparison.success().json();
        row(&comparison, "auroc")["differences"][1].clone()
    };
    let alone = interval(&[]);
    assert!(alone["interval"].is_object(), "{alone}");
    assert_eq!(interval(&["a"]), alone);
}

#[test]
fn regressions_are_compared_on_the_same_resamples() {
    let mut test = two_cohorts();
    let documents = ["1", "2"].map(|said| {
        let said = format!("vars.said={said}");
        let run = ["run", "recipe.toml", "number", "--format", "json"];
        test.run_with(run.into_iter().chain(["--set", &said]))
            .success()
            .json()
    });
    let [first, second] = documents.each_ref().map(id);
    let comparison = test.run_with(["compare", first, second, "--format", "json"]);
    let comparison = comparison.success().json();
    let of_runs = (documents.each_ref()).map(|run| stage(run, "number")["metrics"]["mae"].clone());
    let error = row_of(&comparison, "number", "mae");
    assert_eq!(error["values"], json!(of_runs));
    let number = |value: &Value| value.as_f64().expect("a number");
    let paired = &error["differences"][1];
    let difference = number(&of_runs[1]) - number(&of_runs[0]);
    assert!((number(&paired["difference"]) - difference).abs() < 1e-12);
    let bounds = ["lower", "upper"].map(|bound| number(&paired["interval"][bound]));
    assert!(bounds[0] < difference && difference < bounds[1], "{paired}");
}

#[test]
fn stays_of_one_patient_have_no_intervals_and_it_is_said_why() {
    let mut test = two_cohorts();
    let table = test.folder().join("b.csv");
    let text = std::fs::read_to_string(&table).expect("it was written");
    let one = text.lines().map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        if cells[2] == "held_out" {
            cells[1] = "alone";
        }
        cells.join(",") + "\n"
    });
    std::fs::write(&table, one.collect::<String>()).expect("it can be written");
    let mut ids = Vec::new();
    for said in ["vars.said=1", "vars.said=2"] {
        let run = ["run", "recipe.toml", "--format", "json", "--set", said];
        ids.push(id(&test.run_with(run).success().json()).to_string());
    }
    let compared = test.run_with(["compare", &ids[0], &ids[1]]).success();
    assert!(!compared.stdout.contains("resamples of the patients"));
    compared.stdout_has("note: test: no intervals: all 80 stays are of one patient");
}
