//! Parquet as pandas and Spark write it: times that know their zone, times of day, an index beside the columns.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use pipeline_data::parquet_file::{Compression, write_nullable, write_with_text};

use super::{STAYS, assert_scored, died, from_data_to_metrics, guessed};
use crate::harness::Test;

const HOUR: i64 = 3_600_000_000;

fn write(folder: &Path, name: &str, columns: Vec<(&str, ArrayRef)>) {
    std::fs::create_dir_all(folder).expect("a folder");
    write_nullable(&folder.join(name), columns, Compression::SNAPPY).expect("a table");
}

fn whole(numbers: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(numbers.collect::<Int64Array>())
}

/// Stays by their hours.
fn rows() -> impl Iterator<Item = (i64, i64)> {
    STAYS.flat_map(|stay| (0..4).map(move |hour| (stay.into(), hour)))
}

#[test]
fn times_of_zones_that_have_names_run_as_they_were_guessed() {
    let zoned = |times: Vec<i64>, zone: &str| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(times).with_timezone(zone))
    };
    let begin = |stay: i64| 24 * HOUR * stay;
    let mut test = Test::new();
    let data = test.folder().join("data");
    let times = rows().map(|(stay, hour)| begin(stay) + hour * HOUR);
    let values = rows().map(|(stay, hour)| (60 + stay % 9 + hour) as f64);
    write(
        &data,
        "charts.parquet",
        vec![
            ("stay_id", whole(rows().map(|row| row.0))),
            ("charttime", zoned(times.collect(), "UTC")),
            (
                "item",
                Arc::new(StringArray::from(vec!["HR"; rows().count()])),
            ),
            (
                "value",
                Arc::new(values.map(Some).collect::<Float64Array>()),
            ),
        ],
    );
    let stays = || STAYS.map(i64::from);
    write(
        &data,
        "stays.parquet",
        vec![
            ("stay_id", whole(stays())),
            ("subject_id", whole(stays().map(|stay| 100 + stay))),
            (
                "intime",
                zoned(stays().map(begin).collect(), "Europe/Berlin"),
            ),
            ("died", whole(STAYS.map(|stay| died(stay).into()))),
        ],
    );
    let (init, run) = from_data_to_metrics(&mut test, "data", &[]);
    assert_scored(&run);
    let stays = guessed(&init, "stages.events.source.stays");
    let expected = "subject = \"subject_id\", start = \"intime\"";
    assert!(stays.contains(expected), "{stays}");
}

#[test]
fn times_of_day_and_an_index_that_is_no_column_are_named() {
    let mut test = Test::new();
    let data = test.folder().join("data");
    let times: Vec<i64> = rows().map(|(_, hour)| hour * HOUR).collect();
    let grid: Vec<(&str, ArrayRef)> = vec![
        ("stay_id", whole(rows().map(|row| row.0))),
        ("time", Arc::new(Time64MicrosecondArray::from(times))),
        ("HR", whole(rows().map(|row| 60 + row.1))),
    ];
    write(&data, "grid.parquet", grid);
    for (name, index) in [("died", "stay_id"), ("readmitted", "row_nr")] {
        let index = format!(r#"{{"index_columns": [{{"kind": "range", "name": "{index}"}}]}}"#);
        let column = vec![(name, whole(STAYS.map(|stay| died(stay).into())))];
        let path = data.join(format!("{name}.parquet"));
        write_with_text(&path, column, Compression::SNAPPY, ("pandas", index)).expect("a table");
    }
    let refused = test.run_with(["init", "exp", "--from", "data"]).failure(2);
    let refused = refused
        .stderr_has(
            "`time` of grid.parquet is not read as time: it holds times of day without a date",
        )
        .stderr_has("died.parquet: pandas kept the index `stay_id` beside the table");
    assert!(!refused.stderr.contains("row_nr"), "{refused}");
}
