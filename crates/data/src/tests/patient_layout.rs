//! The reference's layout: what is read from it, and what is refused.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, Float32Array, Float64Array, Int64Array, LargeStringArray, RecordBatch,
    StringArray,
};
use arrow::datatypes::{Float64Type, Int32Type};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

use super::{Built, refusal, synthetic};
use crate::config::*;
use crate::dataset::Split;
use crate::input_path::InputPath;

/// The reference's layout below `root`.
pub(super) fn reference(root: &Path) -> DataConfig {
    let labels = LabelTable {
        delimiter: None,
        path: InputPath::file(root.join("oc.csv")),
        id: "ts_id".into(),
        column: "in_hospital_mortality".into(),
    };
    DataConfig {
        source: Source::PatientParquet(PatientParquetSource {
            path: InputPath::file(root.join("patient_ehr")),
            labels: Some(labels),
            ids: None,
        }),
        split: SplitRule::Folders(SplitFolders {
            train: "train".into(),
            validation: "valid".into(),
            test: "test".into(),
        }),
        statistics: Some(StatisticsFile {
            path: InputPath::file(root.join("stats.csv")),
        }),
        like: None,
        embeddings: Some(Embeddings::Table(InputPath::file(root.join("cached.csv")))),
        duplicates: Duplicates::Keep,
        ..synthetic(1)
    }
}

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/reference-layout")
}

pub(super) fn write_parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

pub(super) fn text(values: &[&str]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

pub(super) fn numbers(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

/// A layout of three stays (1 in train, 2 in valid, 3 in test) with two variables.
pub(super) fn small_layout() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (id, split) in [(1, "train"), (2, "valid"), (3, "test")] {
        let split = folder.path().join("patient_ehr").join(split);
        std::fs::create_dir_all(&split).unwrap();
        let columns = vec![
            ("variable", text(&["HR", "pH", "HR"])),
            ("value", numbers(&[80.0, 7.0, 100.0])),
            ("minute", numbers(&[0.0, 0.0, 60.0])),
        ];
        write_parquet(&split.join(format!("{id}.0.parquet")), columns);
    }
    std::fs::write(
        folder.path().join("oc.csv"),
        "ts_id,in_hospital_mortality\n1,0\n2,1\n3,1\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("stats.csv"),
        "variable,mean,std\nHR,90,10\npH,7,1\n",
    )
    .unwrap();
    std::fs::write(folder.path().join("cached.csv"), "Key,e0\nHR,1\npH,2\n").unwrap();
    folder
}

#[test]
fn the_references_layout_loads_with_its_splits_labels_and_z_scores() {
    let built = Built::of(&reference(&fixture()), 2).unwrap();
    let stays = [Split::Train, Split::Validation, Split::Test].map(|s| built.report.of(s).stays);
    assert_eq!(stays, [16, 8, 24]);
    assert_eq!(built.report.test.positives, Some(9));
    let data = built.load();
    assert_eq!(
        (data.stays.len(), data.variables.len(), data.embedding_dim),
        (48, 12, 12)
    );
    assert_eq!(data.stays[0].id, "200001");
    let heart_rate = data.variables.iter().position(|name| name == "HR").unwrap();
    assert_eq!(data.embeddings[heart_rate * 12], 0.034_192_767);

    let path = fixture().join("patient_ehr/train/200001.0.parquet");
    let statistics = std::fs::read_to_string(fixture().join("stats.csv")).unwrap();
    let statistics: BTreeMap<&str, (f64, f64)> = (statistics.lines().skip(1))
        .map(|line| {
            let fields: Vec<&str> = line.split(',').collect();
            (
                fields[0],
                (fields[1].parse().unwrap(), fields[2].parse().unwrap()),
            )
        })
        .collect();
    let reader = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(path).unwrap());
    let rows = reader.unwrap().build().unwrap().next().unwrap().unwrap();
    let cast = |name, to| arrow::compute::cast(rows.column_by_name(name).unwrap(), &to).unwrap();
    let names = cast("variable", arrow::datatypes::DataType::Utf8);
    let values = cast("value", arrow::datatypes::DataType::Float64);
    let minutes = cast("minute", arrow::datatypes::DataType::Float64);
    let mut expected: Vec<String> = (0..rows.num_rows())
        .map(|row| {
            let name = names.as_string::<i32>().value(row);
            let (mean, std) = statistics[name];
            let z = (values.as_primitive::<Float64Type>().value(row) - mean) / std;
            let minute = minutes.as_primitive::<Float64Type>().value(row);
            format!("{minute} {name} {:.5}", z as f32)
        })
        .collect();
    let mut found = Vec::new();
    for set in data.stays[0].sets.clone() {
        for event in data.events_of(set) {
            let name = &data.variables[data.event_variable[event] as usize];
            found.push(format!(
                "{} {name} {:.5}",
                data.set_minute[set], data.event_value[event]
            ));
        }
    }
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
}

#[test]
fn every_type_of_column_that_holds_the_numbers_is_read() {
    let layout = small_layout();
    let before = Built::of(&reference(layout.path()), 1).unwrap().load();
    let names: arrow::array::DictionaryArray<Int32Type> = ["HR", "pH", "HR"].into_iter().collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("minute", Arc::new(Int64Array::from(vec![0, 0, 60]))),
        ("note", text(&["", "", ""])),
        (
            "value",
            Arc::new(Float32Array::from(vec![80.0, 7.0, 100.0])),
        ),
        ("variable", Arc::new(names)),
        ("set_index", Arc::new(Int64Array::from(vec![0, 0, 1]))),
    ];
    write_parquet(
        &layout.path().join("patient_ehr/train/1.0.parquet"),
        columns,
    );
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "variable",
            Arc::new(LargeStringArray::from(vec!["HR", "HR", "pH"])),
        ),
        ("value", numbers(&[100.0, 80.0, 7.0])),
        ("minute", numbers(&[60.0, 0.0, 0.0])),
    ];
    write_parquet(
        &layout.path().join("patient_ehr/valid/2.0.parquet"),
        columns,
    );
    let after = Built::of(&reference(layout.path()), 1).unwrap().load();
    assert_eq!(before.event_value, [-1.0, 0.0, 1.0].repeat(3));
    assert_eq!(before.event_value, after.event_value);
    assert_eq!(before.event_variable, after.event_variable);
    assert_eq!(before.set_minute, after.set_minute);
    assert_eq!(before.set_start, [0, 2, 3, 5, 6, 8, 9]);
    assert_eq!(before.set_start, after.set_start);
}

#[test]
fn a_bad_patient_file_is_named_with_its_row() {
    let refusal_of = |columns: Vec<(&str, ArrayRef)>| {
        let layout = small_layout();
        write_parquet(
            &layout.path().join("patient_ehr/valid/2.0.parquet"),
            columns,
        );
        let text = refusal(&reference(layout.path()));
        assert!(text.contains("2.0.parquet"), "{text}");
        text
    };
    let columns = |value: f64, minute: f64| {
        vec![
            ("variable", text(&["HR", "HR"])),
            ("value", numbers(&[80.0, value])),
            ("minute", numbers(&[0.0, minute])),
        ]
    };
    assert!(
        refusal_of(columns(f64::INFINITY, 1.0))
            .contains("row 2: value inf of `HR` is not finite (stay 2)")
    );
    assert!(refusal_of(columns(80.0, -1.0)).contains("row 2: minute -1 is not a time"));
    assert!(refusal_of(columns(80.0, f64::INFINITY)).contains("row 2: minute inf"));
    let mut without = columns(1.0, 1.0);
    without.remove(1);
    assert!(refusal_of(without).contains("no column `value`; it has `variable`, `minute`"));
    let mut repeated = columns(1.0, 1.0);
    repeated.push(("value", numbers(&[1.0, 2.0])));
    assert!(refusal_of(repeated).contains("has two columns `value`"));
    let mut mistyped = columns(1.0, 1.0);
    mistyped[1].1 = text(&["80", "81"]);
    assert!(refusal_of(mistyped).contains("column `value` is of type Utf8"));
    let mut indexed = columns(1.0, 1.0);
    indexed.push(("set_index", numbers(&[0.0, 0.5])));
    assert!(refusal_of(indexed).contains("row 2: set_index 0.5"));
    let mut unknown = columns(1.0, 1.0);
    unknown[0].1 = text(&["HR", "Lactate"]);
    assert!(refusal_of(unknown).contains("no statistics of variable `Lactate`, which stay 2 ("));
}

#[test]
fn a_patient_file_that_is_no_parquet_is_named() {
    for bytes in [
        &b""[..],
        b"PAR1 but no more",
        b"PAR1\0\0\0\0\xff\xff\xff\x7fPAR1",
    ] {
        let layout = small_layout();
        std::fs::write(layout.path().join("patient_ehr/valid/2.0.parquet"), bytes).unwrap();
        assert!(refusal(&reference(layout.path())).contains("2.0.parquet: "));
    }
}

#[test]
fn a_layout_with_a_wrong_place_or_a_stay_twice_is_refused() {
    let layout = small_layout();
    let folders = layout.path().join("patient_ehr");
    std::fs::copy(
        folders.join("test/3.0.parquet"),
        folders.join("train/3.parquet"),
    )
    .unwrap();
    let text = refusal(&reference(layout.path()));
    assert!(text.contains("stay 3 is there twice"), "{text}");
    std::fs::rename(folders.join("valid"), folders.join("val")).unwrap();
    let text = refusal(&reference(layout.path()));
    assert!(
        text.contains("no folder `valid`; it has `test`, `train`, `val`"),
        "{text}"
    );
    std::fs::create_dir(folders.join("valid")).unwrap();
    std::fs::remove_file(folders.join("train/3.parquet")).unwrap();
    let text = refusal(&reference(layout.path()));
    assert!(
        text.contains("the validation split is empty (train 1, validation 0, test 1"),
        "{text}"
    );
    let by_ratio = DataConfig {
        split: SplitRule::Folders(SplitFolders {
            train: "a".into(),
            validation: "b".into(),
            test: "c".into(),
        }),
        ..synthetic(3)
    };
    assert!(refusal(&by_ratio).contains("stay S000001 is in none of the split folders"));
}

#[test]
fn a_stay_without_a_label_is_refused_or_dropped_as_the_recipe_says() {
    let layout = small_layout();
    let extra = layout.path().join("patient_ehr/train/4.parquet");
    std::fs::copy(layout.path().join("patient_ehr/train/1.0.parquet"), extra).unwrap();
    let mut config = reference(layout.path());
    let text = refusal(&config);
    assert!(
        text.contains("stay 4 (") && text.contains("has no label"),
        "{text}"
    );
    config.without_label = StayPolicy::Drop;
    let built = Built::of(&config, 1).unwrap();
    assert_eq!(
        (
            built.report.counts["stays_without_label"],
            built.load().stays.len()
        ),
        (1, 3)
    );
}

#[test]
fn a_stay_without_an_event_in_the_window_is_refused_or_dropped_as_the_recipe_says() {
    let layout = small_layout();
    let late = vec![
        ("variable", text(&["HR", "HR"])),
        ("value", numbers(&[80.0, 81.0])),
        ("minute", numbers(&[60.5, 90.0])),
    ];
    std::fs::write(
        layout.path().join("oc.csv"),
        "ts_id,in_hospital_mortality\n1,0\n2,1\n3,1\n4,1\n",
    )
    .unwrap();
    write_parquet(&layout.path().join("patient_ehr/train/4.parquet"), late);
    let mut config = reference(layout.path());
    config.hours = Some(1.0);
    let text = refusal(&config);
    assert!(
        text.contains("stay 4 (") && text.contains("no event in the first 1 hours"),
        "{text}"
    );
    config.without_events = StayPolicy::Drop;
    let report = Built::of(&config, 1).unwrap().report;
    assert_eq!(
        (
            report.counts["stays_without_events"],
            report.counts["events_outside_window"]
        ),
        (1, 5)
    );
    assert_eq!(
        report.train.events, 2,
        "the event at exactly one hour is outside"
    );
}

#[test]
fn statistics_come_from_the_training_split_alone() {
    let layout = small_layout();
    let others = vec![
        ("variable", text(&["HR", "pH", "Lactate"])),
        ("value", numbers(&[1000.0, 9.0, 2.0])),
        ("minute", numbers(&[0.0, 1.0, 0.0])),
    ];
    write_parquet(&layout.path().join("patient_ehr/test/3.0.parquet"), others);
    let mut config = reference(layout.path());
    config.statistics = None;
    config.clip = Some(8.0);
    let built = Built::of(&config, 1).unwrap();
    let data = built.load();
    assert_eq!(data.variables, ["HR", "pH"]);
    assert_eq!(
        data.event_value[6..],
        [8.0, 1.0],
        "91 is clipped; pH is constant: presence"
    );
    assert_eq!(
        (
            built.report.counts["clipped_values"],
            built.report.counts["constant_variables"]
        ),
        (1, 1)
    );
    assert_eq!(built.report.counts["events_of_unseen_variables"], 1);
    assert!(
        built.notes.iter().any(|note| note.contains("`Lactate`")),
        "{:?}",
        built.notes
    );
    assert!(
        built.notes.iter().any(|note| note.contains("`pH`")),
        "{:?}",
        built.notes
    );
    let alone = vec![
        ("variable", text(&["Lactate"])),
        ("value", numbers(&[2.0])),
        ("minute", numbers(&[0.0])),
    ];
    write_parquet(&layout.path().join("patient_ehr/test/3.0.parquet"), alone);
    let text = refusal(&config);
    assert!(
        text.contains(
            "has no event of a variable that the training split shows (others are `Lactate`)"
        ),
        "{text}"
    );
}
