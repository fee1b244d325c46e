//! Twelve made-up patients in the layout of the Medical Event Data Standard.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use pipeline_data::plain_table::PlainTable;

use crate::harness::Test;

/// Where [`write`] puts them, in the test's folder.
const FOLDER: &str = "meds";
const HOUR: i64 = 3_600_000_000;

/// Writes shards, labels of the task `in_hospital_mortality` and splits, and points `MEDS` at them.
/// Every second patient is positive; the last has no label.
pub fn write(test: Test) -> Test {
    let root = test.folder().join(FOLDER);
    let ids = || 1..=12_i64;
    for (shard, of_shard) in [ids().take(7).collect::<Vec<_>>(), ids().skip(7).collect()]
        .into_iter()
        .enumerate()
    {
        table(
            &root.join(format!("data/{shard}.parquet")),
            events(&of_shard),
        );
    }
    labels(
        &root.join("labels/in_hospital_mortality/0.parquet"),
        ids().take(11),
    );
    let split = |id: i64| match id {
        ..=6 => "train",
        7 | 8 => "tuning",
        _ => "held_out",
    };
    table(
        &root.join("metadata/subject_splits.parquet"),
        vec![
            (
                "subject_id",
                Arc::new(ids().map(Some).collect::<Int64Array>()),
            ),
            (
                "split",
                Arc::new(StringArray::from_iter_values(ids().map(split))),
            ),
        ],
    );
    test.env("MEDS", &root.to_string_lossy())
}

/// Writes a label of each of these patients.
pub fn labels(path: &Path, ids: impl Iterator<Item = i64>) {
    let labelled: Vec<i64> = ids.collect();
    let classes = labelled.iter().map(|id| Some(id % 2 == 1));
    let times = labelled.iter().map(|_| Some(40 * HOUR));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("subject_id", Arc::new(Int64Array::from(labelled.clone()))),
        (
            "prediction_time",
            Arc::new(times.collect::<TimestampMicrosecondArray>()),
        ),
        ("boolean_value", Arc::new(classes.collect::<BooleanArray>())),
    ];
    table(path, columns);
}

/// Writes a table of Parquet.
pub fn table(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let folder = path.parent().expect("a folder");
    std::fs::create_dir_all(folder).expect("a folder can be made");
    let columns = columns
        .into_iter()
        .map(|(name, column)| (name, column, true));
    let rows = RecordBatch::try_from_iter_with_nullable(columns).expect("a table");
    let file = File::create(path).expect("a file can be made");
    // The Polars of es-aces reads it.
    let mut table = PlainTable::create(file, rows.schema()).expect("a table can be begun");
    table.append(&rows).expect("rows can be written");
    table.finish().expect("a table can be written");
}

fn events(ids: &[i64]) -> Vec<(&'static str, ArrayRef)> {
    let mut rows: Vec<(i64, Option<i64>, &str, Option<f32>)> = Vec::new();
    for &id in ids {
        rows.push((id, None, "SEX//F", None));
        for hour in 0..5 {
            let wave = (id * 7 + hour * 5) % 11;
            rows.push((id, Some(hour * 9 * HOUR), "HR", Some(60.0 + wave as f32)));
            rows.push((
                id,
                Some(hour * 9 * HOUR),
                "Temp",
                Some(36.0 + (wave % 3) as f32),
            ));
        }
    }
    vec![
        (
            "subject_id",
            Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>()),
        ),
        (
            "time",
            Arc::new(
                rows.iter()
                    .map(|row| row.1)
                    .collect::<TimestampMicrosecondArray>(),
            ),
        ),
        (
            "code",
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.2))),
        ),
        (
            "numeric_value",
            Arc::new(rows.iter().map(|row| row.3).collect::<Float32Array>()),
        ),
    ]
}
