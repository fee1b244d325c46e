//! `pipeline init`: a recipe for a folder of data of every layout runs to metrics as it was written.

mod parquet;
mod tables;
mod templates;

use std::fmt::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, DurationSecondArray, Float64Array, Int64Array};
use pipeline_data::parquet_file::{Compression, write_nullable};
use serde_json::Value;

use crate::document::{repository, stage};
use crate::harness::Test;
use crate::{meds_layout, physionet_layout};

/// Enough stays for each class to be in each split.
const STAYS: std::ops::RangeInclusive<u32> = 1..=30;

/// Runs what `init` writes for `data`, and returns both documents.
#[track_caller]
fn from_data_to_metrics(test: &mut Test, data: &str, more: &[&str]) -> (Value, Value) {
    let init = ["init", "exp", "--from", data, "--format", "json"];
    let init = test.run_with(init.iter().chain(more)).success().json();
    test.run_with(["check", "exp/recipe.toml"]).success();
    let run = ["run", "exp/recipe.toml", "--format", "json"];
    let run = test.run_with(run).success().json();
    assert_eq!(run["status"], "done");
    (init, run)
}

#[track_caller]
fn assert_scored(run: &Value) {
    let metrics = &stage(run, "test")["metrics"];
    assert!(metrics["n"].as_u64().expect("n") > 0, "{metrics}");
    assert!(metrics["brier"].is_f64(), "{metrics}");
}

/// The value of a guess.
#[track_caller]
fn guessed<'a>(init: &'a Value, setting: &str) -> &'a str {
    let guesses = init["guesses"].as_array().expect("guesses");
    let found = guesses.iter().find(|guess| guess["setting"] == setting);
    found.unwrap_or_else(|| panic!("no guess of {setting}: {init}"))["value"]
        .as_str()
        .expect("a value")
}

fn died(stay: u32) -> u32 {
    u32::from(stay.is_multiple_of(3))
}

/// A table of stays with dates.
fn stays(separator: char) -> String {
    let mut text = String::from("stay_id,patient,intime,age,sex,length_of_stay,died\n");
    for stay in STAYS {
        let (patient, age, sex) = (100 + stay, 40 + stay % 9, ["F", "M"][stay as usize % 2]);
        let day = 1 + stay % 28;
        writeln!(
            text,
            "{stay},{patient},2150-01-{day:02} 07:45:00,{age},{sex},{},{}",
            2 + stay % 5,
            died(stay)
        )
        .expect("a line");
    }
    text.replace(',', &separator.to_string())
}

fn charts() -> String {
    let mut text = String::from("stay_id,charttime,item,value\n");
    for stay in STAYS {
        let day = 1 + stay % 28;
        for hour in 8..12 {
            let at = format!("2150-01-{day:02} {hour:02}:00:00");
            writeln!(text, "{stay},{at},HR,{}", 60 + (stay * 7 + hour) % 40).expect("a line");
            writeln!(text, "{stay},{at},lactate,{}", 1 + died(stay) * hour % 4).expect("a line");
            writeln!(
                text,
                "{stay},{at},rhythm,{}",
                ["sinus", "paced"][hour as usize % 2]
            )
            .expect("a line");
        }
    }
    text
}

#[test]
fn a_long_table_with_a_table_of_stays_runs_as_it_was_guessed() {
    let mut test = Test::new()
        .file("data/charts.csv", charts())
        .file("data/stays.csv", stays(','));
    let (init, run) = from_data_to_metrics(&mut test, "data", &[]);
    assert_scored(&run);
    assert_eq!(init["source"], "long");
    assert_eq!(
        guessed(&init, "stages.events.categorical"),
        "[\"sex\", \"rhythm\"]"
    );
    let stays = guessed(&init, "stages.events.source.stays");
    let expected = "subject = \"patient\", start = \"intime\", variables = [\"age\", \"sex\"]";
    assert!(stays.contains(expected), "{stays}");
    let labels = guessed(&init, "stages.events.source.labels");
    assert!(labels.contains("column = \"died\""), "{labels}");
    let text = std::fs::read_to_string(test.folder().join("exp/recipe.toml")).expect("the recipe");
    assert!(
        text.contains("root = \"../data\"") && text.contains("# guess: "),
        "{text}"
    );
    let ignored = std::fs::read_to_string(test.folder().join("exp/.gitignore"));
    assert!(ignored.expect("the file").contains("\n.pipeline/\n"));
    assert!(
        test.folder()
            .join("exp/.github/workflows/reproduce.yml")
            .is_file()
    );
}

/// Semicolons, and dates whose month comes first: one above the twelfth day says so.
#[test]
fn a_table_with_other_separators_and_dates_runs_as_it_was_guessed() {
    let mut charts = String::from("PatientID;Time;Parameter;Value\n");
    let mut labels = String::from("PatientID;Age;Outcome;ICU\n");
    for stay in STAYS {
        for hour in 1..4 {
            let day = 1 + stay % 28;
            writeln!(
                charts,
                "{stay};1/{day}/2024 {hour}:30;HR;{}",
                60 + stay % 7 + hour
            )
            .expect("a line");
        }
        writeln!(
            labels,
            "{stay};{};{};{}",
            40 + stay % 5,
            died(stay),
            stay % 2
        )
        .expect("a line");
    }
    let mut test = Test::new()
        .file("in/charts.csv", charts)
        .file("in/outcomes.csv", labels);
    let (init, run) = from_data_to_metrics(&mut test, "in", &["--label", "ICU"]);
    assert_scored(&run);
    assert_eq!(stage(&run, "events")["metrics"]["train.positives"], 11);
    assert_eq!(init["source"], "long");
    let text = std::fs::read_to_string(test.folder().join("exp/recipe.toml")).expect("the recipe");
    assert!(text.contains("format = \"%m/%d/%Y %H:%M\""), "{text}");
    let refused = test
        .run_with(["init", "other", "--from", "in", "--label", "nothing"])
        .failure(2);
    refused
        .stderr_has("--label nothing: there is no such label")
        .stderr_has("Outcome, ICU");
    assert!(!test.folder().join("other").exists());
}

#[test]
fn a_wide_table_with_labels_beside_it_runs_as_it_was_guessed() {
    let mut grid = String::from("stay_id,hour,HR,lactate,sex,note\n");
    for stay in STAYS {
        for hour in 0..4 {
            let sex = ["F", "M"][stay as usize % 2];
            writeln!(
                grid,
                "{stay},{hour},{},{},{sex},text {stay} of {hour}",
                60 + stay % 9 + hour,
                hour % 3
            )
            .expect("a line");
        }
    }
    let mut test = Test::new()
        .file("data/grid.csv", grid)
        .file("data/cohort/stays.csv", stays(','));
    let (init, run) = from_data_to_metrics(&mut test, "data", &[]);
    assert_scored(&run);
    assert_eq!(init["source"], "wide");
    assert_eq!(guessed(&init, "stages.events.source.ignore"), "[\"note\"]");
    assert_eq!(guessed(&init, "stages.events.source.statics"), "[\"sex\"]");
    assert!(guessed(&init, "stages.events.source.time").contains("as = \"hours\""));
}

/// A grid of pandas: a timedelta, and labels in the rows.
#[test]
fn a_wide_parquet_file_with_labels_in_its_rows_runs_as_it_was_guessed() {
    let mut test = Test::new();
    let rows: Vec<(i64, i64)> = STAYS
        .flat_map(|stay| (0..6).map(move |hour| (stay.into(), hour)))
        .collect();
    let is_positive = |stay: i64, hour: i64| stay % 3 == 0 && hour >= 4;
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "icustay_id",
            Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>()),
        ),
        (
            "time",
            Arc::new(
                rows.iter()
                    .map(|row| Some(row.1 * 3600))
                    .collect::<DurationSecondArray>(),
            ),
        ),
        (
            "HR",
            Arc::new(
                rows.iter()
                    .map(|row| Some((60 + row.0 % 9 + row.1) as f64))
                    .collect::<Float64Array>(),
            ),
        ),
        (
            "sepsis",
            Arc::new(
                rows.iter()
                    .map(|row| Some(is_positive(row.0, row.1).into()))
                    .collect::<Int64Array>(),
            ),
        ),
    ];
    let path = test.folder().join("grid.parquet");
    write_nullable(&path, columns, Compression::SNAPPY).expect("a table");
    let (init, run) = from_data_to_metrics(&mut test, "grid.parquet", &[]);
    assert_scored(&run);
    assert_eq!(
        guessed(&init, "stages.events.source.row_label"),
        "\"sepsis\""
    );
    assert_eq!(
        guessed(&init, "stages.events.source.negatives"),
        "\"matched\""
    );
}

#[test]
fn the_files_of_physionet_2019_run_as_they_were_guessed() {
    let mut test = Test::new();
    for stay in STAYS {
        let mut text =
            String::from("HR|Temp|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel\n");
        for hour in 1..6 {
            let label = u32::from(died(stay) == 1 && hour > 3);
            writeln!(
                text,
                "{}|NaN|{}|1|NaN|NaN|-2.5|{hour}|{label}",
                60 + stay % 9,
                50 + stay
            )
            .expect("a line");
        }
        test = test.file(&format!("2019/training_setA/p{stay:06}.psv"), text);
    }
    let (init, run) = from_data_to_metrics(&mut test, "2019", &[]);
    assert_scored(&run);
    assert_eq!(init["source"], "physionet-2019");
}

#[test]
fn the_files_of_physionet_2012_run_as_they_were_guessed() {
    let mut test = physionet_layout::write(Test::new());
    let (init, run) = from_data_to_metrics(&mut test, physionet_layout::FOLDER, &[]);
    assert_scored(&run);
    let events = &stage(&run, "events")["metrics"];
    assert_eq!(
        (&events["source_stays"], &events["train.stays"]),
        (&12.into(), &6.into())
    );
    assert_eq!(init["source"], "physionet-2012");
    let text = std::fs::read_to_string(test.folder().join("exp/recipe.toml")).expect("the recipe");
    assert!(
        text.contains("split = { file = \"${vars.root}/splits.csv\" }"),
        "{text}"
    );
    assert!(
        text.contains("\nWBC = {"),
        "with the ranges that are shipped: {text}"
    );
}

#[test]
fn a_dataset_of_meds_runs_as_it_was_guessed() {
    let mut test = meds_layout::write(Test::new());
    let (init, run) = from_data_to_metrics(&mut test, "meds", &[]);
    assert_scored(&run);
    assert_eq!(init["source"], "meds");
    let text = std::fs::read_to_string(test.folder().join("exp/recipe.toml")).expect("the recipe");
    assert!(
        text.contains("\nsplit = { column = \"split\" }\n"),
        "{text}"
    );
    let other = ["init", "other", "--from", "meds", "--label", "readmission"];
    test.run_with(other)
        .failure(2)
        .stderr_has("labels could be in_hospital_mortality");
}

#[test]
fn the_references_layout_runs_with_its_own_statistics_and_embeddings() {
    let mut test = Test::new();
    let data = repository("tests/fixtures/reference-layout");
    let (init, run) = from_data_to_metrics(&mut test, &data, &[]);
    assert_scored(&run);
    assert_eq!(init["source"], "patient-parquet");
    assert!(guessed(&init, "stages.events.statistics").contains("stats.csv"));
    assert!(guessed(&init, "stages.events.embeddings").contains("cached.csv"));
}

/// Every layout of `docs/data.md` that has a worked example, as it stands there.
#[test]
fn the_examples_of_the_page_on_data_get_sound_recipes() {
    let page = std::fs::read_to_string(repository("docs/data.md")).expect("the page");
    let table = |name: &str| {
        let from = page
            .split(&format!("```csv {name}\n"))
            .nth(1)
            .expect("the table");
        from.split("```").next().expect("its end").to_string()
    };
    for (name, format) in [("charts.csv", "long"), ("grid.csv", "wide")] {
        let mut test = Test::new()
            .file(&format!("data/{name}"), table(name))
            .file("data/stays.csv", table("stays.csv"));
        let init = test
            .run_with(["init", "--from", "data", "--format", "json"])
            .success()
            .json();
        assert_eq!(init["source"], format);
        test.run_with(["check", "recipe.toml"]).success();
        let run = ["run", "recipe.toml", "events", "--format", "json"];
        let run = test.run_with(run).success().json();
        assert_eq!(
            stage(&run, "events")["metrics"]["train.stays"],
            2,
            "by the column `fold`"
        );
    }
}

#[test]
fn data_without_labels_are_pretrained_on() {
    let mut test = Test::new().file("data/charts.csv", charts());
    let (init, run) = from_data_to_metrics(&mut test, "data/charts.csv", &[]);
    assert!(stage(&run, "pretrain")["metrics"]["validation_loss"].is_f64());
    assert_eq!(run["stages"].as_array().map(Vec::len), Some(2));
    assert!(guessed(&init, "stages.events.split").contains("ratio"));
}

#[test]
fn what_is_no_layout_is_told_and_nothing_is_written() {
    let mut test = Test::new()
        .file("data/a.csv", "x,y\n1,2\n")
        .file("empty/note.md", "");
    let init = ["init", "exp", "--from"];
    let unknown = test.run_with(init.iter().chain(&["data"])).failure(2);
    unknown.stderr_has("no layout is recognised; it has a.csv (x, y)");
    let empty = test.run_with(init.iter().chain(&["empty"])).failure(2);
    empty.stderr_has("holds no table");
    test.run_with(init.iter().chain(&["nowhere"]))
        .failure(2)
        .stderr_has("nowhere: ");
    assert!(!test.folder().join("exp").exists());
}

#[test]
fn labels_by_patient_make_no_recipe_that_is_refused() {
    let mut test = Test::new()
        .file(
            "d/grid.csv",
            "stay_id,hour,HR\n1,0,80\n1,1,81\n2,0,70\n2,1,71\n",
        )
        .file(
            "d/stays.csv",
            "stay_id,subject_id,age\n1,100,41\n2,101,42\n",
        )
        .file("d/labels.csv", "subject_id,died\n100,0\n101,1\n");
    test.run_with(["init", "project", "--from", "d"]).success();
    let made = std::fs::read_dir(test.folder().join("project")).expect("a folder");
    let is_recipe = |path: &std::path::PathBuf| path.extension().is_some_and(|it| it == "toml");
    let recipes = made.flatten().map(|entry| entry.path()).filter(is_recipe);
    let texts: Vec<String> = recipes
        .map(|path| std::fs::read_to_string(path).expect("a recipe"))
        .collect();
    assert!(!texts.is_empty());
    assert!(
        texts
            .iter()
            .all(|text| !text.contains("id = \"subject_id\"")),
        "{texts:?}"
    );
}
