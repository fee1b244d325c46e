//! Labels of MEDS in shards, as `init` finds them.

use crate::document::stage;
use crate::harness::Test;
use crate::meds_layout::{labels, write};

/// Made-up patients with other files of labels, by name: the first patient and the last.
fn labelled_in(files: &[(&str, i64, i64)]) -> Test {
    let test = write(Test::new());
    let folder = test.folder().join("meds/labels");
    std::fs::remove_dir_all(&folder).expect("there are labels");
    for (file, first, last) in files {
        labels(&folder.join(file), *first..=*last);
    }
    test
}

/// The recipe that `init` writes, which finds a label of every patient but the last.
fn drafted(test: &mut Test, more: &[&str]) -> String {
    let init = ["init", "exp", "--from", "meds"];
    test.run_with(init.iter().chain(more)).success();
    let path = test.folder().join("exp/recipe.toml");
    let text = std::fs::read_to_string(path).expect("the recipe");
    let run = ["run", "exp/recipe.toml", "events", "--format", "json"];
    let document = test.run_with(run).success().json();
    assert_eq!(
        stage(&document, "events")["metrics"]["stays_without_label"],
        1
    );
    text
}

#[test]
fn shards_and_folders_of_splits_are_one_task() {
    for (files, place) in [
        (
            [
                ("death/train/0.parquet", 1, 6),
                ("death/tuning/0.parquet", 7, 8),
                ("death/held_out/0.parquet", 9, 11),
            ],
            "labels/death",
        ),
        (
            [
                ("0.parquet", 1, 4),
                ("1.parquet", 5, 8),
                ("2.parquet", 9, 11),
            ],
            "labels",
        ),
        (
            [
                ("train.parquet", 1, 6),
                ("tuning.parquet", 7, 8),
                ("held_out.parquet", 9, 11),
            ],
            "labels",
        ),
        (
            [
                ("mort_train.parquet", 1, 6),
                ("mort_tuning.parquet", 7, 8),
                ("mort_held_out.parquet", 9, 11),
            ],
            "labels",
        ),
        (
            [
                ("batch_0.parquet", 1, 4),
                ("batch_1.parquet", 5, 8),
                ("batch_2.parquet", 9, 11),
            ],
            "labels",
        ),
    ] {
        let text = drafted(&mut labelled_in(&files), &[]);
        let line = format!("labels = \"${{vars.root}}/{place}\"");
        assert!(text.contains(&line), "{text}");
    }
}

#[test]
fn parts_of_several_tasks_in_one_folder_are_no_tasks() {
    let files = ["death", "los"].map(|task| {
        [("train", 1, 6), ("tuning", 7, 8), ("held_out", 9, 11)]
            .map(|(split, first, last)| (format!("{task}_{split}.parquet"), first, last))
    });
    let files: Vec<(&str, i64, i64)> = (files.iter().flatten())
        .map(|(file, first, last)| (file.as_str(), *first, *last))
        .collect();
    let mut test = labelled_in(&files);
    let init = ["init", "exp", "--from", "meds"];
    let said = test.run_with(init).success();
    said.stderr_has("a task in several files needs a folder of its own");
    let path = test.folder().join("exp/recipe.toml");
    let text = std::fs::read_to_string(path).expect("the recipe");
    assert!(text.contains("\nlabels = \"none\"\n"), "{text}");
}

#[test]
fn tasks_that_differ_by_a_number_beside_another_task_are_a_task_each() {
    let mut test = labelled_in(&[
        ("death.parquet", 1, 11),
        ("readmission_30.parquet", 1, 11),
        ("readmission_90.parquet", 1, 11),
    ]);
    let text = drafted(&mut test, &["--label", "readmission_90"]);
    let line = "labels = \"${vars.root}/labels/readmission_90.parquet\"";
    assert!(text.contains(line), "{text}");
}

#[test]
fn files_with_names_of_their_own_are_a_task_each() {
    let mut test = labelled_in(&[("death.parquet", 1, 11), ("readmission.parquet", 1, 11)]);
    let text = drafted(&mut test, &["--label", "readmission"]);
    let line = "labels = \"${vars.root}/labels/readmission.parquet\"";
    assert!(text.contains(line), "{text}");
}
