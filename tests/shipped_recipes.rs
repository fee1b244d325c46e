//! Every recipe that is shipped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::document::{artifact, repository, stage};
use crate::harness::Test;
use crate::meds_layout;
use crate::physionet_layout;

/// The shipped recipes: file name and text.
fn recipes() -> BTreeMap<String, String> {
    let folder = std::fs::read_dir(repository("recipes")).expect("recipes are shipped");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let is_recipe = |path: &PathBuf| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    };
    let recipes: BTreeMap<_, _> = paths
        .filter(is_recipe)
        .map(|path| {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (
                name,
                std::fs::read_to_string(path).expect("a recipe is text"),
            )
        })
        .collect();
    assert!(recipes.contains_key("finetune.toml"), "{recipes:?}");
    recipes
}

/// A folder whose PhysioNet and MEDS data are the made-up ones.
fn test() -> Test {
    meds_layout::write(physionet_layout::point_at(physionet_layout::write(
        Test::new(),
    )))
}

#[test]
fn every_shipped_recipe_is_sound() {
    let mut test = test();
    for name in recipes().into_keys() {
        let path = repository(&format!("recipes/{name}"));
        let outcome = test.run_with(["check", &path]).success();
        outcome.stdout_has(&format!("ok {path}: ")).stderr_is("");
    }
}

#[test]
fn every_shipped_recipe_can_be_planned() {
    let mut test = test();
    for name in recipes().into_keys() {
        let path = repository(&format!("recipes/{name}"));
        let plan = test.run_with(["plan", &path, "--format", "json"]);
        let plan = plan.success().json();
        assert_eq!(plan["recipe"], name.trim_end_matches(".toml"));
        let stages = plan["stages"].as_array().expect("stages");
        assert!(!stages.is_empty(), "{name}");
        for stage in stages {
            let status = stage["status"].as_str();
            assert!(matches!(status, Some("run" | "may-run")), "{name}: {stage}");
        }
    }
}

#[test]
fn every_shipped_recipe_is_in_the_docs_or_the_base_of_one_that_is() {
    let page = std::fs::read_to_string(repository("docs/recipes.md")).expect("a page");
    let in_table = |name: &str| {
        let entry = format!("| [`{name}`](../recipes/{name}) |");
        page.lines().any(|line| line.starts_with(&entry))
    };
    let recipes = recipes();
    for name in recipes.keys() {
        let extends = |text: &String| {
            let mut lines = text.lines();
            lines.any(|line| line.starts_with("extends") && line.contains(&format!("\"{name}\"")))
        };
        let mut extending = recipes.iter().filter(|(_, text)| extends(text));
        let is_known = in_table(name) || extending.any(|(other, _)| in_table(other));
        assert!(is_known, "recipes/{name} is not in docs/recipes.md");
    }
}

#[test]
fn the_physionet_recipe_reads_a_small_cohort_and_counts_what_it_left_out() {
    let mut test = test();
    let recipe = repository("recipes/physionet2012.toml");
    let document = test.run_with(["run", &recipe, "events", "--format", "json"]);
    let document = document.success().json();
    let metrics = &stage(&document, "events")["metrics"];
    let counts = [
        ("source_stays", 12),
        ("source_rows", 12 * 12),
        ("train.stays", 6),
        ("validation.stays", 2),
        ("test.stays", 4),
        ("train.positives", 2),
        ("validation.positives", 1),
        ("test.positives", 1),
        ("missing_markers", 6),
        ("events_outside_window", 12),
        ("variables", 8),
        // Ten events a stay, less the missing heights.
        ("train.events", 57),
        ("validation.events", 19),
        ("test.events", 38),
        // The minutes 0, 7, 90, 1215 and 2879.
        ("train.sets", 30),
        ("stays_without_label", 0),
        ("unused_splits", 0),
        ("unused_labels", 0),
    ];
    for (name, count) in counts {
        assert_eq!(metrics[name], Value::from(count), "{name}");
    }
}

#[test]
fn the_meds_recipe_runs_from_shards_to_metrics() {
    let mut test = test();
    let recipe = repository("recipes/meds.toml");
    let few = ["--set", "stages.pretrain.epochs=1"];
    let document = test
        .run_with(["run", &recipe, "--format", "json"].into_iter().chain(few))
        .success()
        .json();
    let metrics = &stage(&document, "events")["metrics"];
    assert_eq!(metrics["stays_without_label"], 1);
    // Five times of two series, and sex; the last time comes after 36 hours.
    assert_eq!(metrics["train.events"], 6 * 11);
    assert_eq!(stage(&document, "test")["metrics"]["n"], 3);
}

#[test]
fn the_resplit_recipe_runs_its_python_program_where_there_is_python() {
    if std::process::Command::new("python3")
        .arg("--version")
        .output()
        .is_err()
    {
        eprintln!("there is no python3: recipes/physionet2012-resplit.toml is not run");
        return;
    }
    let mut test = test();
    let recipe = repository("recipes/physionet2012-resplit.toml");
    let run = ["run", &recipe, "splits", "--format", "json"];
    let document = test.run_with(run).success().json();
    let splits = std::fs::read_to_string(artifact(&document, "splits", "splits"));
    let splits = splits.expect("the artifact is text");
    // Of four positive and eight negative stays.
    for (split, stays) in [("train", 3 + 6), ("validation", 0), ("test", 1 + 2)] {
        let ending = format!(",{split}");
        let count = splits
            .lines()
            .filter(|line| line.trim_end().ends_with(&ending))
            .count();
        assert_eq!(count, stays, "{split}: {splits}");
    }
    let seeded = run.into_iter().chain(["--set", "stages.splits.seed=1"]);
    let other = test.run_with(seeded).success().json();
    assert_ne!(
        stage(&other, "splits")["outputs"],
        stage(&document, "splits")["outputs"]
    );
}
