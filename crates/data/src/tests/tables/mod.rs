//! `long` and `wide`: one cohort in every layout gives the same artifacts.

mod errors;
mod notes;
mod physionet2019;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DurationNanosecondArray, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use tempfile::TempDir;

use super::{Built, refusal, synthetic};
use crate::config::*;
use crate::dataset::Split;
use crate::input_path::InputPath;
use crate::parquet_file::{Compression, write_nullable};

/// Stay, minute, HR, pH, rhythm.
type Row = (u32, i64, Option<f64>, Option<f64>, &'static str);

const ROWS: [Row; 7] = [
    (9, 0, Some(80.0), None, "sinus"),
    (9, 90, Some(100.0), Some(7.0), ""),
    (10, 0, Some(60.5), None, "AF"),
    (10, 1500, None, Some(7.5), "sinus"),
    (11, 30, Some(90.0), Some(7.25), "AF"),
    (12, 1, Some(70.0), Some(7.25), ""),
    (12, 2, Some(75.0), Some(7.5), "sinus"),
];
const STAYS: &str = "stay,patient,age,admitted,fold,died\n\
     9,1,50,2150-01-01 00:00:00,train,0\n\
     10,2,,2150-01-01 00:00:00,valid,1\n\
     11,3,70,2150-01-01 00:00:00,held_out,0\n\
     12,1,51,2150-01-01 00:00:00,train,1\n";
/// 2150-01-01 in microseconds.
const ADMITTED: i64 = 5_680_281_600_000_000;
const MINUTE: i64 = 60_000_000;

fn folder_with(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

fn input(folder: &Path, name: &str) -> InputPath {
    InputPath::file(folder.join(name))
}

fn time(column: &str, unit: TimeUnit) -> TimeColumn {
    TimeColumn {
        format: None,
        zone: None,
        column: column.into(),
        unit,
        negative: StayPolicy::Error,
    }
}

fn stays(folder: &Path) -> StaysTable {
    StaysTable {
        delimiter: None,
        path: input(folder, "stays.csv"),
        id: "stay".into(),
        subject: Some("patient".into()),
        start: None,
        prediction: None,
        variables: vec!["age".into()],
    }
}

fn labels(folder: &Path) -> LabelTable {
    LabelTable {
        delimiter: None,
        path: input(folder, "stays.csv"),
        id: "stay".into(),
        column: "died".into(),
    }
}

fn long(folder: &Path, files: &[&str], unit: TimeUnit) -> DataConfig {
    let mut stays = stays(folder);
    stays.start = (unit == TimeUnit::Timestamp).then(|| "admitted".into());
    of(Source::Long(LongSource {
        delimiter: None,
        files: files.iter().map(|name| input(folder, name)).collect(),
        id: Some("stay".into()),
        time: time("time", unit),
        variable: "item".into(),
        value: "value".into(),
        stays: Some(stays),
        labels: Some(labels(folder)),
        ids: None,
        missing: Vec::new(),
    }))
}

fn wide(folder: &Path, files: &[&str], unit: TimeUnit) -> DataConfig {
    of(Source::Wide(WideSource {
        delimiter: None,
        landmarks: None,
        negatives: Negatives::Whole,
        files: files.iter().map(|name| input(folder, name)).collect(),
        id: Some("stay".into()),
        time: time("time", unit),
        ignore: Vec::new(),
        statics: Vec::new(),
        stays: Some(stays(folder)),
        labels: Some(labels(folder)),
        row_label: None,
        ids: None,
        missing: Vec::new(),
    }))
}

fn of(source: Source) -> DataConfig {
    DataConfig {
        source,
        split: SplitRule::Column("fold".into()),
        categorical: vec!["rhythm".into()],
        ..synthetic(1)
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

/// A line an event, of these rows.
fn long_lines(rows: &[Row], time: impl Fn(i64) -> String) -> Vec<String> {
    let mut lines = Vec::new();
    for &(stay, minute, rate, ph, rhythm) in rows {
        for (item, value) in [
            ("HR", number(rate)),
            ("pH", number(ph)),
            ("rhythm", rhythm.into()),
        ] {
            if !value.is_empty() {
                lines.push(format!("{stay},{},{item},{value}\n", time(minute)));
            }
        }
    }
    lines
}

fn long_text(rows: &[Row], time: impl Fn(i64) -> String) -> String {
    format!("stay,time,item,value\n{}", long_lines(rows, time).concat())
}

fn wide_text(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let (rate, ph) = (number(row.2), number(row.3));
        format!("{},{},{},{rate},{ph}\n", row.4, row.1, row.0)
    };
    let lines: String = rows.iter().map(line).collect();
    format!("rhythm,time,stay,HR,pH\n{lines}")
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn wide_parquet(path: &Path) {
    let nanoseconds = ROWS.iter().map(|row| row.1 * MINUTE * 1000);
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "pH",
            Arc::new(ROWS.iter().map(|row| row.3).collect::<Float64Array>()),
        ),
        (
            "stay",
            Arc::new(Int64Array::from_iter_values(
                ROWS.iter().map(|row| i64::from(row.0)),
            )),
        ),
        (
            "time",
            Arc::new(DurationNanosecondArray::from_iter_values(nanoseconds)),
        ),
        (
            "HR",
            Arc::new(ROWS.iter().map(|row| row.2).collect::<Float64Array>()),
        ),
        (
            "rhythm",
            Arc::new(StringArray::from_iter_values(ROWS.iter().map(|row| row.4))),
        ),
    ];
    write_nullable(path, columns, Compression::SNAPPY).unwrap();
}

fn long_parquet(path: &Path) {
    let mut rows = Vec::new();
    for &(stay, minute, rate, ph, _) in &ROWS {
        rows.extend(rate.map(|value| (stay, minute, "HR", value)));
        rows.extend(ph.map(|value| (stay, minute, "pH", value)));
    }
    let times = rows.iter().map(|row| ADMITTED + row.1 * MINUTE);
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "value",
            Arc::new(Float64Array::from_iter_values(rows.iter().map(|row| row.3))),
        ),
        (
            "item",
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.2))),
        ),
        (
            "time",
            Arc::new(TimestampMicrosecondArray::from_iter_values(times)),
        ),
        (
            "stay",
            Arc::new(Float64Array::from_iter_values(
                rows.iter().map(|row| f64::from(row.0)),
            )),
        ),
    ];
    write_nullable(path, columns, Compression::SNAPPY).unwrap();
}

#[test]
fn one_cohort_gives_the_same_artifacts_in_every_layout() {
    let stamp = |minute: i64| {
        format!(
            "2150-01-{:02} {:02}:{:02}:00",
            1 + minute / 1440,
            minute / 60 % 24,
            minute % 60
        )
    };
    let minutes = long_text(&ROWS, |minute| minute.to_string());
    let backwards: Vec<Row> = ROWS.iter().rev().copied().collect();
    let folder = folder_with(&[
        ("stays.csv", STAYS.as_bytes()),
        ("minutes.csv", minutes.as_bytes()),
        (
            "parts/1.csv",
            long_text(&ROWS[4..], |minute| minute.to_string()).as_bytes(),
        ),
        (
            "parts/2.csv.gz",
            &gzip(&long_text(&ROWS[..4], |minute| minute.to_string())),
        ),
        (
            "stamps.tsv.zst",
            &zstd::encode_all(
                long_text(&backwards, stamp).replace(',', "\t").as_bytes(),
                1,
            )
            .unwrap(),
        ),
        (
            "hours.csv",
            long_text(&ROWS, |minute| (minute as f64 / 60.0).to_string())
                .replace('\n', "\r\n")
                .as_bytes(),
        ),
        (
            "clock.csv",
            long_text(&ROWS, |minute| {
                format!("{}:{:02}", minute / 60, minute % 60)
            })
            .as_bytes(),
        ),
        ("wide.psv", wide_text(&ROWS).replace(',', "|").as_bytes()),
        (
            "wide.csv",
            wide_text(&backwards).replace(",,", ",NaN,").as_bytes(),
        ),
    ]);
    wide_parquet(&folder.path().join("wide.parquet"));
    let root = folder.path();
    let first = Built::of(&long(root, &["minutes.csv"], TimeUnit::Minutes), 1).unwrap();
    let data = first.load();
    assert_eq!(data.variables, ["HR", "age", "pH", "rhythm=sinus"]);
    let stays: Vec<(&str, Split, u32)> = (data.stays.iter())
        .map(|stay| (stay.id.as_str(), stay.split, stay.label.unwrap()))
        .collect();
    use Split::*;
    assert_eq!(
        stays,
        [
            ("9", Train, 0),
            ("10", Validation, 1),
            ("11", Test, 0),
            ("12", Train, 1)
        ]
    );
    // Stay 10: atrial fibrillation is never in training, and its age is not known.
    assert_eq!(first.report.of(Validation).events, 3);
    assert_eq!(first.report.counts["events_of_unseen_variables"], 2);
    let layouts = [
        long(root, &["parts"], TimeUnit::Minutes),
        long(root, &["parts/*.csv*", "parts/1.csv"], TimeUnit::Minutes),
        long(root, &["stamps.tsv.zst"], TimeUnit::Timestamp),
        long(root, &["hours.csv"], TimeUnit::Hours),
        long(root, &["clock.csv"], TimeUnit::Duration),
        wide(root, &["wide.psv"], TimeUnit::Minutes),
        wide(root, &["wide.csv"], TimeUnit::Minutes),
        wide(root, &["wide.parquet"], TimeUnit::Duration),
    ];
    for layout in layouts {
        let built = Built::of(&layout, 2).unwrap();
        assert_eq!(built.digests(), first.digests(), "{:?}", layout.source);
    }
}

#[test]
fn ids_that_are_numbers_of_any_type_are_the_same_stays() {
    let folder = folder_with(&[
        ("stays.csv", STAYS.as_bytes()),
        (
            "events.csv",
            long_text(&ROWS, |minute| minute.to_string())
                .replace("\n9,", "\n9.0,")
                .as_bytes(),
        ),
    ]);
    long_parquet(&folder.path().join("events.parquet"));
    let mut text = long(folder.path(), &["events.csv"], TimeUnit::Minutes);
    text.variables.drop = vec!["rhythm".into()];
    let mut parquet = long(folder.path(), &["events.parquet"], TimeUnit::Timestamp);
    parquet.categorical.clear();
    let [text, parquet] = [text, parquet].map(|config| Built::of(&config, 2).unwrap());
    // The tables of variables name the categories that the recipe lists.
    assert_eq!(text.digests()[..2], parquet.digests()[..2]);
    assert_eq!(text.report.counts["events_not_selected"], 5);
}

#[test]
fn the_table_of_stays_is_the_cohort() {
    let others = format!(
        "{}77,5,HR,66\n",
        long_text(&ROWS, |minute| minute.to_string())
    );
    let folder = folder_with(&[
        (
            "stays.csv",
            format!("{STAYS}13,9,44,2150-01-01,train,0\n").as_bytes(),
        ),
        ("events.csv", others.as_bytes()),
    ]);
    let mut config = long(folder.path(), &["events.csv"], TimeUnit::Minutes);
    let built = Built::of(&config, 2).unwrap();
    assert_eq!(built.report.counts["rows_of_other_stays"], 1);
    let told = |note: &String| {
        note.starts_with("1 of 17 rows belong to no stay of") && note.contains("events.csv line 18")
    };
    assert!(built.notes.iter().any(told), "{:?}", built.notes);
    assert_eq!(
        built.report.train.stays, 3,
        "stay 13 has an age, and nothing else"
    );
    if let Source::Long(source) = &mut config.source
        && let Some(stays) = &mut source.stays
    {
        stays.variables.clear();
    }
    assert!(refusal(&config).contains("stay 13 ("));
}

#[test]
fn times_before_the_stay_may_be_left_out_and_are_counted() {
    let text = format!(
        "{}9,-5,HR,999\n",
        long_text(&ROWS, |minute| minute.to_string())
    );
    let folder = folder_with(&[("stays.csv", STAYS.as_bytes()), ("e.csv", text.as_bytes())]);
    let mut config = long(folder.path(), &["e.csv"], TimeUnit::Minutes);
    if let Source::Long(source) = &mut config.source {
        source.time.negative = StayPolicy::Drop;
    }
    let built = Built::of(&config, 2).unwrap();
    assert_eq!(built.report.counts["events_outside_window"], 1);
}
