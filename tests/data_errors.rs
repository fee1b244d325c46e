//! Data that do not hold what the recipe says: named, never guessed, and nothing is published.

use crate::document::{kinds_in_store, repository, stage};
use crate::harness::{Outcome, Test};
use crate::physionet_layout::{self, FOLDER};

/// The small cohort with one file rewritten, read by the PhysioNet recipe.
fn physionet(file: &str, rewrite: impl FnOnce(String) -> String) -> Test {
    let test = physionet_layout::point_at(physionet_layout::write(Test::new()));
    let path = format!("{FOLDER}/{file}");
    let before = std::fs::read_to_string(test.folder().join(&path)).expect("the file is there");
    let after = rewrite(before.clone());
    assert_ne!(before, after);
    let recipe = repository("recipes/physionet2012.toml");
    test.file(&path, after).args(["run", &recipe, "events"])
}

#[track_caller]
fn refused(test: Test) -> Outcome {
    let outcome = test.run().failure(3).stderr_has("error: stage `events`: ");
    assert_eq!(kinds_in_store(&test), Vec::<String>::new());
    outcome
}

#[test]
fn a_stay_without_a_label_is_named() {
    let test = physionet("Outcomes-a.txt", |text| {
        text.replace("104,6,1,5,-1,0\n", "")
    });
    let outcome = refused(test)
        .stderr_has("stay 104 (")
        .stderr_has("has no label");
    outcome.stderr_has("without_label = \"drop\"");
}

#[test]
fn a_label_that_is_no_class_is_named_with_its_line() {
    let test = physionet("Outcomes-a.txt", |text| {
        text.replace("104,6,1,5,-1,0", "104,6,1,5,-1,-1")
    });
    refused(test).stderr_has("Outcomes-a.txt: line 5: label `-1` of stay 104");
}

#[test]
fn a_stay_with_two_labels_is_named_with_both_places() {
    let test = physionet("Outcomes-b.txt", |text| text + "104,6,1,5,-1,1\n");
    let outcome =
        refused(test).stderr_has("Outcomes-b.txt: line 6: stay 104 has label 1, but 0 at ");
    outcome.stderr_has("Outcomes-a.txt line 5");
}

#[test]
fn a_stay_in_two_splits_is_named_with_both_lines() {
    let test = physionet("splits.csv", |text| text + "104.0,test\n");
    refused(test).stderr_has("splits.csv: line 14: stay 104 is in test, and on line 5 in train");
}

#[test]
fn a_stay_without_a_split_is_named() {
    let test = physionet("splits.csv", |text| text.replace("104,train\n", ""));
    refused(test)
        .stderr_has("stay 104 (")
        .stderr_has("has no split in ");
}

#[test]
fn a_stay_in_two_folders_is_named_with_both_files() {
    let test = physionet("set-a/104.txt", |text| text + "00:08,HR,70\n");
    let test = test.file(
        &format!("{FOLDER}/set-b/104.txt"),
        "Time,Parameter,Value\n00:00,RecordID,104\n",
    );
    let outcome = refused(test).stderr_has("stay 104 is there twice");
    outcome
        .stderr_has("set-a/104.txt")
        .stderr_has("set-b/104.txt");
}

#[test]
fn a_bad_row_is_named_with_file_line_and_stay() {
    for (row, what) in [
        ("00:07,HR,", "value `` is not a finite number"),
        ("00:07,HR,nan", "value `nan` is not a finite number"),
        ("00:70,HR,80", "time `00:70` of HR"),
        ("00:07,HR,80,bpm", "4 fields where the header has 3"),
    ] {
        let test = physionet("set-b/110.txt", |text| text.replace("00:07,HR,66", row));
        let outcome = refused(test).stderr_has("set-b/110.txt: line 8: ");
        outcome.stderr_has(what).stderr_has("(stay 110)");
    }
}

#[test]
fn a_folder_that_is_not_there_is_an_error_of_the_recipe() {
    let recipe = repository("recipes/physionet2012.toml");
    let test = Test::new().env("PHYSIONET2012", "/nowhere/at/all");
    let test = test.args(["run", &recipe]);
    let outcome = test.run().failure(2).stderr_has("physionet2012.toml:");
    outcome
        .stderr_has("/nowhere/at/all/set-a")
        .stderr_has("cannot be read");
    assert!(!test.folder().join(".pipeline/runs").exists());
}

/// The reference's layout with a label table of its own.
fn reference(labels: &str) -> Test {
    let base = repository("recipes/reference-base.toml");
    let recipe = format!(
        r#"
format = 1
extends = ['{base}']

[stages.events.source.labels]
path = "oc.csv"
"#
    );
    let test = Test::new().recipe(&recipe).file("oc.csv", labels);
    test.args(["run", "recipe.toml", "events"])
}

#[test]
fn a_stay_of_the_references_layout_without_a_label_is_named() {
    let path = repository("tests/fixtures/reference-layout/oc.csv");
    let labels = std::fs::read_to_string(path).expect("the fixture is there");
    reference(&labels).run().success();
    let without: Vec<&str> = labels
        .lines()
        .filter(|line| !line.starts_with("200020"))
        .collect();
    assert_eq!(without.len() + 1, labels.lines().count());
    let outcome = refused(reference(&(without.join("\n") + "\n")));
    outcome
        .stderr_has("stay 200020 (")
        .stderr_has("200020.0.parquet")
        .stderr_has("has no label");
}

#[test]
fn a_truncated_table_of_a_stay_is_named() {
    let root = repository("tests/fixtures/reference-layout");
    let read = |path: &str| std::fs::read(format!("{root}/{path}")).expect("the fixture is there");
    let base = repository("recipes/reference-base.toml");
    let recipe = format!(
        "format = 1\nextends = ['{base}']\n\n[stages.events.source]\npath = \"patient_ehr\"\n"
    );
    let mut test = Test::new().recipe(&recipe);
    for file in ["train/200001.0", "valid/200017.0", "test/200025.0"] {
        let path = format!("patient_ehr/{file}.parquet");
        let mut bytes = read(&path);
        if file.starts_with("valid") {
            bytes.truncate(bytes.len() / 2);
        }
        test = test.file(&path, bytes);
    }
    let test = test.args(["run", "recipe.toml", "events"]);
    refused(test).stderr_has("valid/200017.0.parquet: cannot be read");
}

#[test]
fn issue16_rows_without_a_parameter_are_skipped_and_what_cannot_be_is_left_out() {
    for file in ["set-a/101.txt", "set-b/109.txt"] {
        let test = physionet(file, |text| {
            text + "00:00,,-1\n00:10,,\n00:20,DiasABP,-1\n00:20,NIDiasABP,0\n"
        });
        let recipe = repository("recipes/physionet2012.toml");
        let outcome = test.args(["run", &recipe, "events", "--format", "json"]);
        let outcome = outcome.run().success();
        let document = outcome.json();
        let metrics = &stage(&document, "events")["metrics"];
        for (name, count) in [
            ("rows_without_variable", 2),
            ("events_missing", 1),
            ("events_out_of_range", 1),
            ("events_of_unseen_variables", 0),
        ] {
            assert_eq!(metrics[name], count, "{file} {name}");
        }
        outcome.stderr_has("2 rows name no parameter: they are skipped");
    }
}

#[test]
fn a_hint_about_the_files_of_2019_names_no_setting_that_their_source_has_not() {
    for (columns, row, hint) in [
        (
            "HR",
            "?|5|1|1|0|-3|1|0",
            "hint: it looks like a missing value: leave the cell empty\n",
        ),
        ("HR", "80|5|1|1|0|-3|-1|0", "take such rows out"),
        ("HR", "80|5|1|1|0|-3|01:00|0", "write a number of hours"),
        (
            "Unnamed: 0|HR",
            "0|80|5|1|1|0|-3|1|0",
            "write the files without it",
        ),
    ] {
        let recipe = "format = 1\n[stages.events]\nkind = \"data\"\nsplit = { ratio = [0.6, 0.2, 0.2] }\n\
            source = { format = \"physionet-2019\", records = [\"set\"] }\n";
        let table =
            format!("{columns}|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel\n{row}\n");
        let test = Test::new().recipe(recipe).file("set/p1.psv", table);
        refused(test.args(["run", "recipe.toml", "events"])).stderr_has(hint);
    }
}

#[test]
fn where_no_stay_is_left_each_reason_says_how_many() {
    let other_ids = |text: String| {
        let lines = text.lines().enumerate();
        let lines = lines.map(|(at, line)| match at {
            0 => format!("{line}\n"),
            _ => format!("9{line}\n"),
        });
        lines.collect::<String>()
    };
    let test = physionet("Outcomes-a.txt", other_ids);
    let path = format!("{FOLDER}/Outcomes-b.txt");
    let after = other_ids(std::fs::read_to_string(test.folder().join(&path)).expect("outcomes"));
    let test = test.file(&path, after);
    let recipe = repository("recipes/physionet2012.toml");
    let drop = "stages.events.without_label=drop";
    let test = test.args(["run", &recipe, "events", "--set", drop]);
    refused(test)
        .stderr_has("no stay is left of 12 stays: 12 without a label")
        .stderr_has("are the ids of the labels those of the stays?");
}
