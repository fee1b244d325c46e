//! MEDS: labels make stays, prediction times end them, and no order of rows or shards matters.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, LargeStringArray, StringArray,
    TimestampMicrosecondArray, TimestampNanosecondArray,
};
use tempfile::TempDir;

use super::{Built, refusal, synthetic};
use crate::config::*;
use crate::dataset::Split;
use crate::input_path::InputPath;
use crate::parquet_file::{Compression, write_nullable};
use crate::stay_columns::StayColumns;

/// A row: subject, minute, code, value.
type Row = (i64, Option<i64>, &'static str, Option<f64>);

pub(super) const MINUTE: i64 = 60_000_000;

/// Three patients: one with two labels, one whose last events come after his label.
const ROWS: [Row; 13] = [
    (1, None, "SEX//F", None),
    (1, Some(0), "HR", Some(80.0)),
    (1, Some(0), "pH", Some(7.0)),
    (1, Some(30), "HR", Some(100.0)),
    (2, None, "SEX//M", None),
    (2, Some(1000), "HR", Some(60.0)),
    (2, Some(1010), "HR", Some(70.0)),
    (2, Some(1010), "pH", Some(7.5)),
    (2, Some(1011), "death", None),
    (30, Some(-50), "HR", Some(90.0)),
    (30, Some(-50), "HR", Some(92.0)),
    (30, Some(-40), "SEX//F", None),
    (30, Some(-30), "pH", Some(7.2)),
];

pub(super) fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    write_nullable(path, columns, Compression::SNAPPY).unwrap();
}

fn shard(path: &Path, rows: &[Row]) {
    let times = rows.iter().map(|row| row.1.map(|minute| minute * MINUTE));
    let values = rows.iter().map(|row| row.3.map(|value| value as f32));
    let codes: Vec<&str> = rows.iter().map(|row| row.2).collect();
    write(
        path,
        vec![
            (
                "subject_id",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))),
            ),
            (
                "time",
                Arc::new(times.collect::<TimestampMicrosecondArray>()),
            ),
            ("code", Arc::new(StringArray::from(codes))),
            ("numeric_value", Arc::new(values.collect::<Float32Array>())),
        ],
    );
}

pub(super) fn labels(path: &Path, rows: &[(i64, i64, bool)]) {
    let times = rows.iter().map(|row| Some(row.1 * MINUTE));
    let classes = rows.iter().map(|row| Some(row.2));
    write(
        path,
        vec![
            (
                "subject_id",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))),
            ),
            (
                "prediction_time",
                Arc::new(times.collect::<TimestampMicrosecondArray>()),
            ),
            ("boolean_value", Arc::new(classes.collect::<BooleanArray>())),
        ],
    );
}

fn splits(root: &Path, rows: &[(i64, &str)]) {
    let names: Vec<&str> = rows.iter().map(|row| row.1).collect();
    write(
        &root.join("metadata/subject_splits.parquet"),
        vec![
            (
                "subject_id",
                Arc::new(Int64Array::from_iter_values(rows.iter().map(|r| r.0))),
            ),
            ("split", Arc::new(StringArray::from(names))),
        ],
    );
}

pub(super) fn dataset() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    shard(&root.join("data/train/0.parquet"), &ROWS[..4]);
    shard(&root.join("data/0.parquet"), &ROWS[4..]);
    labels(
        &root.join("labels/death/0.parquet"),
        &[
            (1, 30, false),
            (2, 1010, true),
            (30, -45, false),
            (30, -30, true),
        ],
    );
    splits(root, &[(1, "train"), (2, "held_out"), (30, "tuning")]);
    folder
}

pub(super) fn config(root: &Path) -> DataConfig {
    DataConfig {
        source: Source::Meds(MedsSource {
            path: InputPath::file(root),
            labels: Some(InputPath::file(root.join("labels/death"))),
            label: "boolean_value".into(),
            prediction_times: None,
        }),
        split: SplitRule::Column("split".into()),
        ..synthetic(1)
    }
}

/// Every event of a stay: minute, variable, z-score.
fn events(built: &Built, id: &str) -> Vec<(f64, String, f32)> {
    let data = built.load();
    let stay = data.stays.iter().find(|stay| stay.id == id).unwrap();
    let mut found = Vec::new();
    for set in stay.sets.clone() {
        for event in data.events_of(set) {
            let name = data.variables[data.event_variable[event] as usize].clone();
            found.push((data.set_minute[set], name, data.event_value[event]));
        }
    }
    found
}

#[test]
fn every_label_is_a_stay_of_what_was_known_when_it_is_predicted() {
    let folder = dataset();
    let built = Built::of(&config(folder.path()), 2).unwrap();
    let data = built.load();
    let stays: Vec<(&str, Split, u32)> = (data.stays.iter())
        .map(|stay| (stay.id.as_str(), stay.split, stay.label.unwrap()))
        .collect();
    let expected = [
        ("1", Split::Train, 0),
        ("2", Split::Test, 1),
        ("30@1969-12-31T23:15:00", Split::Validation, 0),
        ("30@1969-12-31T23:30:00", Split::Validation, 1),
    ];
    assert_eq!(stays, expected);
    let columns = StayColumns::read(&built.path("stays")).unwrap();
    let times = [30, 1010, -45, -30].map(|minute| Some(minute * MINUTE));
    assert_eq!(columns.prediction_times().unwrap(), Some(times.into()));
    // HR has mean 90 and deviation 10 in training; pH and sex never vary there.
    let row = |minute: f64, name: &str, score: f32| (minute, name.to_string(), score);
    assert_eq!(
        events(&built, "1"),
        [
            row(0.0, "HR", -1.0),
            row(0.0, "SEX//F", 1.0),
            row(0.0, "pH", 1.0),
            row(30.0, "HR", 1.0),
        ]
    );
    assert_eq!(
        events(&built, "2"),
        [
            row(0.0, "HR", -3.0),
            row(10.0, "HR", -2.0),
            row(10.0, "pH", 1.0)
        ],
        "what came after the prediction is not seen, nor what training never shows"
    );
    assert_eq!(
        events(&built, "30@1969-12-31T23:15:00"),
        [row(0.0, "HR", 0.1)]
    );
    assert_eq!(events(&built, "30@1969-12-31T23:30:00").len(), 3);
    let counts = &built.report.counts;
    assert_eq!((counts["source_rows"], counts["source_stays"]), (13, 4));
    // The death of 2, and what the two stays of 30 do not know yet, whatever its variable.
    assert_eq!(counts["events_outside_window"], 3);
    assert_eq!(
        (
            counts["duplicates_merged"],
            counts["events_of_unseen_variables"]
        ),
        (2, 1)
    );
}

#[test]
fn neither_the_order_of_rows_nor_shards_nor_their_types_change_a_byte() {
    let folder = dataset();
    let expected = Built::of(&config(folder.path()), 1).unwrap().digests();
    let other = dataset();
    let root = other.path();
    std::fs::remove_dir_all(root.join("data")).unwrap();
    let mut rows = ROWS;
    rows.reverse();
    rows.swap(2, 9);
    shard(&root.join("data/b/2.parquet"), &rows[..5]);
    let rest = &rows[5..];
    let times = rest
        .iter()
        .map(|row| row.1.map(|minute| minute * MINUTE * 1000));
    let codes: Vec<&str> = rest.iter().map(|row| row.2).collect();
    let values: Float64Array = rest
        .iter()
        .map(|row| row.3.map(|v| f64::from(v as f32)))
        .collect();
    write(
        &root.join("data/a.parquet"),
        vec![
            ("code", Arc::new(LargeStringArray::from(codes))),
            ("numeric_value", Arc::new(values)),
            (
                "subject_id",
                Arc::new(Int64Array::from_iter_values(rest.iter().map(|r| r.0))),
            ),
            (
                "time",
                Arc::new(times.collect::<TimestampNanosecondArray>()),
            ),
        ],
    );
    assert_eq!(Built::of(&config(root), 2).unwrap().digests(), expected);
}

#[test]
fn a_patient_without_a_label_is_refused_or_dropped_as_the_recipe_says() {
    let folder = dataset();
    let root = folder.path();
    shard(
        &root.join("data/9.parquet"),
        &[(7, Some(0), "HR", Some(1e9))],
    );
    let mut config = config(root);
    let text = refusal(&config);
    assert!(
        text.contains("stay 7 (") && text.contains("has no label"),
        "{text}"
    );
    config.without_label = StayPolicy::Drop;
    let built = Built::of(&config, 1).unwrap();
    assert_eq!(built.report.counts["stays_without_label"], 1);
    assert_eq!(built.load().stays.len(), 4);
}

#[test]
fn windows_and_gaps_are_those_before_the_prediction() {
    let folder = dataset();
    let mut config = config(folder.path());
    config.without_events = StayPolicy::Drop;
    config.gap_hours = Some(1.0 / 60.0);
    let gap = Built::of(&config, 1).unwrap();
    assert_eq!(events(&gap, "2").len(), 1);
    config.gap_hours = None;
    config.last_hours = Some(0.25);
    let last = Built::of(&config, 1).unwrap();
    let found = events(&last, "1");
    assert_eq!(found[0].0, 0.0, "sex has no time");
    assert_eq!((found[1].0, found[1].1.as_str()), (15.0, "HR"));
}

#[test]
fn a_bad_dataset_is_named_with_file_row_and_subject() {
    let refusal_of = |change: &dyn Fn(&Path)| {
        let folder = dataset();
        change(folder.path());
        refusal(&config(folder.path()))
    };
    let bad_row = |row: Row| {
        let text = refusal_of(&|root| shard(&root.join("data/z.parquet"), &[ROWS[1], row]));
        assert!(text.contains("z.parquet: row 2: "), "{text}");
        text
    };
    let infinite = bad_row((1, Some(5), "HR", Some(f64::INFINITY)));
    assert!(
        infinite.contains("numeric_value of `HR` is inf (subject 1)"),
        "{infinite}"
    );
    assert!(bad_row((1, Some(5), "", Some(1.0))).contains("code is empty (subject 1)"));
    let no_shard = refusal_of(&|root| std::fs::remove_dir_all(root.join("data")).unwrap());
    assert!(
        no_shard.contains("data: cannot be read as a folder"),
        "{no_shard}"
    );
    let column = refusal_of(&|root| labels(&root.join("data/z.parquet"), &[(1, 0, true)]));
    assert!(
        column.contains("z.parquet: no column `time`; it has `subject_id`"),
        "{column}"
    );
    let twice = refusal_of(&|root| labels(&root.join("labels/death/1.parquet"), &[(1, 30, true)]));
    assert!(
        twice.contains("1.parquet: row 1: subject 1 has a label at 1970-01-01T00:30:00 already")
            && twice.contains("0.parquet row 1"),
        "{twice}"
    );
    let unknown = refusal_of(&|root| splits(root, &[(1, "train"), (2, "tset")]));
    assert!(
        unknown.contains("row 2: unknown split `tset` of subject 2"),
        "{unknown}"
    );
    let absent = refusal_of(&|root| splits(root, &[(1, "train"), (2, "test")]));
    assert!(
        absent.contains("stay 30 (") && absent.contains("has no split in the source"),
        "{absent}"
    );
    let class: ArrayRef = Arc::new(Float64Array::from(vec![0.5]));
    let odd = refusal_of(&|root| {
        write(
            &root.join("labels/death/1.parquet"),
            vec![
                ("subject_id", Arc::new(Int64Array::from(vec![1]))),
                (
                    "prediction_time",
                    Arc::new(TimestampMicrosecondArray::from(vec![0])),
                ),
                ("boolean_value", class.clone()),
            ],
        );
    });
    assert!(
        odd.contains("row 1: boolean_value of subject 1 is no class: 0, 1"),
        "{odd}"
    );
}

/// A number to be predicted at each time of prediction.
pub(super) fn regression_of_times(path: PathBuf) -> TargetTable {
    TargetTable {
        task: Task::Regression,
        path: InputPath::file(path),
        delimiter: None,
        id: None,
        subject: Some("subject_id".into()),
        time: Some("prediction_time".into()),
        column: None,
        columns: Vec::new(),
        classes: None,
        missing: Vec::new(),
        without_value: StayPolicy::Error,
    }
}

#[test]
fn times_of_targets_know_their_zone_only_where_those_of_prediction_do() {
    let folder = dataset();
    let path = folder.path().join("y.parquet");
    let mut config = config(folder.path());
    let target = regression_of_times(path.clone());
    config.targets.insert("y".into(), target);
    let table = |zone: Option<&str>| {
        let minutes = [30, 1010, -45, -30].map(|minute| minute * MINUTE);
        let times = TimestampMicrosecondArray::from(minutes.to_vec());
        let times = match zone {
            Some(zone) => times.with_timezone(zone),
            None => times,
        };
        let subjects = Int64Array::from(vec![1, 2, 30, 30]);
        let values = Float64Array::from(vec![1.0, 2.0, 3.0, 4.0]);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("subject_id", Arc::new(subjects)),
            ("prediction_time", Arc::new(times)),
            ("y", Arc::new(values)),
        ];
        write(&path, columns);
    };
    table(None);
    Built::of(&config, 2).unwrap();
    table(Some("UTC"));
    let text = refusal(&config);
    assert!(text.contains("y.parquet: row 1: prediction_time"), "{text}");
    let what = "knows its time zone, and `prediction_time` of";
    assert!(text.contains(what), "{text}");
}
