//! Issue 20: columns of a table become columns of `stays`, for subgroups, whatever the source.

use serde_json::Value;

use crate::document::{artifact, digests};
use crate::harness::{Outcome, Test};
use crate::inputs::{MODEL, VARIABLES, cohort_of, data, run, stages};

const TABLE: &str =
    "\n[stages.one.attributes]\npath = \"people.csv\"\nid = \"id\"\ncolumns = [\"sex\", \"age\"]\n";

fn recipe(attributes: &str, subgroups: &str) -> String {
    let stages = stages("one", "one", "one");
    [
        MODEL,
        &data("one", "one", ""),
        attributes,
        &stages,
        subgroups,
    ]
    .concat()
}

/// The cohort with a table of sex and age; nothing is known of the age of stay 3, and stay 59 is not in it.
fn cohort() -> Test {
    let row = |stay: usize| {
        let sex = ["f", "m"][stay % 2];
        let age = if stay == 3 {
            String::new()
        } else {
            (40 + stay % 30).to_string()
        };
        format!("{stay},{sex},{age}\n")
    };
    let people = format!("id,sex,age\n{}", (0..59).map(row).collect::<String>());
    cohort_of(Test::new(), "one", 0, &VARIABLES, |_| 1).file("people.csv", people)
}

fn run_one(recipe: &str) -> Outcome {
    run(&mut cohort().recipe(recipe), &["one"])
}

#[test]
fn columns_of_a_table_are_subgroups_and_no_inputs() {
    let subgroups = "subgroups = [\"sex\", \"age\"]\n";
    let mut test = cohort().recipe(&recipe(TABLE, subgroups));
    let outcome = run(&mut test, &[]).success();
    let outcome = outcome.stderr_has("1 of 60 stays are not in the table of attributes");
    let with = outcome.json();
    let metrics = std::fs::read_to_string(artifact(&with, "test", "metrics")).expect("metrics");
    let metrics: Value = serde_json::from_str(&metrics).expect("JSON");
    let groups: Vec<&str> = (metrics["subgroups"].as_array().expect("groups").iter())
        .filter(|group| group["column"] == "sex")
        .filter_map(|group| group["group"].as_str())
        .collect();
    assert_eq!(groups[..2], ["f", "m"]);
    let ages = metrics["subgroups"].as_array().expect("groups").iter();
    assert!(
        ages.filter(|group| group["column"] == "age")
            .any(|group| group["above"].is_number())
    );
    let mut test = cohort().recipe(&recipe("", ""));
    let without = run(&mut test, &[]).success().json();
    let events =
        |document: &Value| digests(document)[&("one".to_string(), "events".to_string())].clone();
    assert_eq!(events(&with), events(&without));
}

#[test]
fn a_table_that_does_not_fit_is_named() {
    let broken = |from: &str, to: &str| run_one(&recipe(&TABLE.replace(from, to), ""));
    broken("id = \"id\"", "id = \"age\"")
        .failure(3)
        .stderr_has("people.csv");
    broken("\"age\"]", "\"height\"]")
        .failure(3)
        .stderr_has("has no column `height`");
    let mut test = cohort()
        .file("people.csv", "id,sex,age\n1,f,50\n1,m,50\n")
        .recipe(&recipe(TABLE, ""));
    run(&mut test, &["one"])
        .failure(3)
        .stderr_has("people.csv: line 3: 1 again, as on");
    let mut test = cohort()
        .file("people.csv", "id,sex,age\nX1,f,50\n")
        .recipe(&recipe(TABLE, ""));
    run(&mut test, &["one"])
        .failure(3)
        .stderr_has("`id` names none of the 60 stays");
    let mut test = cohort().recipe(&recipe(&TABLE.replace("\"age\"", "\"label\""), ""));
    test.run_with(["check", "recipe.toml"])
        .failure(2)
        .stderr_has("is called like a column of `stays`");
}

#[test]
fn a_second_spelling_of_an_id_is_named_and_codes_stay_texts() {
    let mut test = cohort()
        .file("people.csv", "id,sex,age\n01,f,50\n2,m,51\n")
        .recipe(&recipe(TABLE, ""));
    run(&mut test, &["one"])
        .failure(3)
        .stderr_has("people.csv: line 2: id `01` is spelled `1` in the source")
        .stderr_has("ids = \"number\"");
    let codes = ["999000011000001104", "999000011000001105"];
    let rows = (0..60).map(|stay| format!("{stay},{},50\n", codes[stay % 2]));
    let people = format!("id,sex,age\n{}", rows.collect::<String>());
    let subgroups = "subgroups = [\"sex\"]\n";
    let mut test = cohort()
        .file("people.csv", people)
        .recipe(&recipe(TABLE, subgroups));
    let document = run(&mut test, &[]).success().json();
    let metrics = std::fs::read_to_string(artifact(&document, "test", "metrics")).expect("metrics");
    let metrics: Value = serde_json::from_str(&metrics).expect("JSON");
    let groups = metrics["subgroups"].as_array().expect("groups").iter();
    let groups: Vec<&str> = groups.filter_map(|group| group["group"].as_str()).collect();
    assert_eq!(groups[..2], codes);
}
