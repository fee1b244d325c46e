//! MEDS: which labels and splits are read, and what is joined with them.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use tempfile::TempDir;

use super::meds::{MINUTE, config, dataset, labels, regression_of_times, write};
use super::{Built, refusal};
use crate::config::{AttributeTable, Labels, Source, StayPolicy};
use crate::input_path::InputPath;

/// The dataset with an event and a label of patient 7, who is in the split of this name.
fn with_seven(split: Option<&str>) -> TempDir {
    let folder = dataset();
    let root = folder.path();
    write(
        &root.join("data/7.parquet"),
        vec![
            ("subject_id", Arc::new(Int64Array::from(vec![7]))),
            (
                "time",
                Arc::new(TimestampMicrosecondArray::from(vec![MINUTE])),
            ),
            ("code", Arc::new(StringArray::from(vec!["HR"]))),
            ("numeric_value", Arc::new(Float32Array::from(vec![80.0]))),
        ],
    );
    labels(&root.join("labels/death/7.parquet"), &[(7, 60, true)]);
    let names = [Some("train"), Some("held_out"), Some("tuning"), split];
    write(
        &root.join("metadata/subject_splits.parquet"),
        vec![
            ("subject_id", Arc::new(Int64Array::from(vec![1, 2, 30, 7]))),
            ("split", Arc::new(StringArray::from(names.to_vec()))),
        ],
    );
    folder
}

#[test]
fn files_of_one_folder_that_are_called_like_tasks_are_two_tasks() {
    let folder = dataset();
    let add = |name: &str, minute: i64| {
        let file = folder.path().join("labels/death").join(name);
        labels(&file, &[(1, minute, true)]);
    };
    add("part-0001.parquet", 20);
    add("train-3.parquet", 21);
    add("mortality-0.parquet", 22);
    add("mortality-1.parquet", 23);
    Built::of(&config(folder.path()), 1).unwrap();
    labels(
        &folder.path().join("labels/death/readmission.parquet"),
        &[(1, 24, true), (2, 1005, false), (30, -35, true)],
    );
    let error = Built::of(&config(folder.path()), 1).err().unwrap();
    let text = error.to_string();
    assert!(
        text.contains("mortality-0.parquet: holds labels of subject 1, and so does")
            && text.contains("readmission.parquet: they look like two tasks"),
        "{text}"
    );
    let hint = error.hint().unwrap_or_default();
    assert!(
        hint.contains("name the file of one task as `labels`"),
        "{hint}"
    );
    // Both ways that the hint tells lead out.
    let mut one = config(folder.path());
    let Source::Meds(source) = &mut one.source else {
        panic!("a source of MEDS")
    };
    let place = |name: &str| folder.path().join("labels/death").join(name);
    source.labels = Some(InputPath::file(place("readmission.parquet")));
    Built::of(&one, 1).unwrap();
    std::fs::rename(place("readmission.parquet"), place("2.parquet")).unwrap();
    Built::of(&config(folder.path()), 1).unwrap();
}

#[test]
fn files_whose_names_differ_in_a_number_or_a_month_are_told_to_be_one_task() {
    for names in [
        ["24h", "48h"],
        ["jan", "feb"],
        ["tod_2019-q1", "tod_2019-q2"],
        ["2019/0", "2020/0"],
    ] {
        let folder = dataset();
        for (name, minute) in names.iter().zip(20..) {
            let file = folder.path().join(format!("labels/death/{name}.parquet"));
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            labels(&file, &[(1, minute, true)]);
        }
        let notes = Built::of(&config(folder.path()), 1).unwrap().notes;
        let told = "hold labels of subject 1, and are read as parts of one task";
        assert!(notes.iter().any(|note| note.contains(told)), "{notes:?}");
    }
    let notes = Built::of(&config(dataset().path()), 1).unwrap().notes;
    assert!(
        !notes.iter().any(|note| note.contains("one task")),
        "{notes:?}"
    );
}

#[test]
fn the_times_of_several_tasks_are_times_of_prediction() {
    let folder = dataset();
    let other = folder.path().join("labels/death/readmission.parquet");
    labels(&other, &[(1, 20, true)]);
    let first = folder.path().join("labels/death/0.parquet");
    std::fs::rename(first, folder.path().join("labels/death/death.parquet")).unwrap();
    let mut config = config(folder.path());
    let Source::Meds(source) = &mut config.source else {
        panic!("a source of MEDS");
    };
    source.prediction_times = source.labels.take();
    config.labels = Labels::None;
    assert_eq!(Built::of(&config, 1).unwrap().load().stays.len(), 5);
}

#[test]
fn an_empty_split_is_none_and_an_unknown_one_is_named_with_its_rows() {
    let folder = with_seven(None);
    let mut config = config(folder.path());
    let error = Built::of(&config, 1).err().unwrap();
    assert!(
        error
            .to_string()
            .contains("7.parquet) has no split in the source"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("without_split = \"drop\""));
    config.without_split = StayPolicy::Drop;
    let built = Built::of(&config, 1).unwrap();
    assert_eq!(built.report.counts["stays_without_split"], 1);

    let folder = with_seven(Some("external"));
    let error = Built::of(&super::meds::config(folder.path()), 1)
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("row 4: unknown split `external` of subject 7"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("make the cells null"));

    std::fs::remove_file(folder.path().join("metadata/subject_splits.parquet")).unwrap();
    let error = Built::of(&super::meds::config(folder.path()), 1)
        .err()
        .unwrap();
    let hint = error.hint().unwrap_or_default();
    assert!(
        hint.contains("split = { ratio = [0.7, 0.1, 0.2] }"),
        "{error}"
    );
}

/// The dataset whose labels are in this column alone.
fn labelled_in(column: &str, labels: ArrayRef) -> TempDir {
    let folder = dataset();
    let times = [30, 1010, -45, -30].map(|minute| minute * MINUTE);
    let nulls: ArrayRef = Arc::new(BooleanArray::from(vec![None; 4]));
    write(
        &folder.path().join("labels/death/0.parquet"),
        vec![
            ("subject_id", Arc::new(Int64Array::from(vec![1, 2, 30, 30]))),
            (
                "prediction_time",
                Arc::new(TimestampMicrosecondArray::from(times.to_vec())),
            ),
            ("boolean_value", nulls),
            (column, labels),
        ],
    );
    folder
}

#[test]
fn labels_in_another_column_are_told_where_the_one_that_is_read_is_empty() {
    for without_label in [StayPolicy::Error, StayPolicy::Drop] {
        let error_of = |folder: &Path| {
            let mut config = config(folder);
            config.without_label = without_label;
            Built::of(&config, 1).err().unwrap()
        };
        let integers: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, 0, 1]));
        let error = error_of(labelled_in("integer_value", integers).path());
        let told = "0.parquet: `boolean_value` is null in every row, and `integer_value` is filled";
        assert!(error.to_string().contains(told), "{error}");
        assert!(error.hint().unwrap().contains("label = \"integer_value\""));
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["a"; 4]));
        let error = error_of(labelled_in("categorical_value", texts).path());
        assert!(error.hint().unwrap().contains("whole numbers from 0"));
    }
}

fn attributes(path: &Path, id: Option<&str>, subject: Option<&str>) -> AttributeTable {
    AttributeTable {
        path: InputPath::file(path),
        delimiter: None,
        id: id.map(String::from),
        subject: subject.map(String::from),
        columns: vec!["sex".into()],
    }
}

#[test]
fn patients_with_several_stays_are_not_joined_by_the_ids_of_stays() {
    let folder = dataset();
    let path = folder.path().join("people.csv");
    std::fs::write(&path, "subject_id,sex,y\n1,F,1\n2,M,2\n30,F,3\n").unwrap();
    let mut by_id = config(folder.path());
    by_id.attributes = Some(attributes(&path, Some("subject_id"), None));
    let error = Built::of(&by_id, 1).err().unwrap();
    let told = "attributes.id: `subject_id` is called like a column of patients";
    assert!(error.to_string().contains(told), "{error}");
    assert!(error.hint().unwrap().contains("subject = \"subject_id\""));
    let mut by_subject = config(folder.path());
    by_subject.attributes = Some(attributes(&path, None, Some("subject_id")));
    Built::of(&by_subject, 1).unwrap();
    // Where every patient has one stay, its id is the patient's.
    labels(
        &folder.path().join("labels/death/0.parquet"),
        &[(1, 30, false), (2, 1010, true), (30, -30, true)],
    );
    Built::of(&by_id, 1).unwrap();
}

#[test]
fn a_target_is_one_table() {
    let folder = dataset();
    let mut config = config(folder.path());
    let target = regression_of_times(folder.path().join("labels/death"));
    config.targets.insert("y".into(), target);
    let error = Built::of(&config, 1).err().unwrap();
    assert!(refusal(&config).contains("death: is a folder"), "{error}");
    let hint = error.hint().unwrap_or_default();
    assert!(hint.contains("labels/death/0.parquet"), "{hint}");
    // A text beside it is no table.
    std::fs::write(folder.path().join("labels/death/README.md"), "text").unwrap();
    std::fs::create_dir(folder.path().join("other")).unwrap();
    std::fs::write(folder.path().join("other/README.md"), "text").unwrap();
    for (place, told) in [
        ("labels/death", "labels/death/0.parquet"),
        ("other", "name one file; of Parquet, "),
    ] {
        let path = InputPath::file(folder.path().join(place));
        config.targets.get_mut("y").unwrap().path = path;
        let error = Built::of(&config, 1).err().unwrap();
        assert!(error.hint().unwrap_or_default().contains(told), "{error}");
    }
}
