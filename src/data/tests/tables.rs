//! `long`, `wide` and PhysioNet 2019: one cohort in every layout gives the same artifacts, and bad
//! rows are named.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, DurationNanosecondArray, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use tempfile::TempDir;

use super::{Built, refusal, synthetic};
use crate::data::config::*;
use crate::data::dataset::Split;
use crate::data::input_path::InputPath;
use crate::data::parquet_file::{Compression, write_nullable};

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
        column: column.into(),
        unit,
        negative: StayPolicy::Error,
    }
}

fn stays(folder: &Path) -> StaysTable {
    StaysTable {
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
        path: input(folder, "stays.csv"),
        id: "stay".into(),
        column: "died".into(),
    }
}

fn long(folder: &Path, files: &[&str], unit: TimeUnit) -> DataConfig {
    let mut stays = stays(folder);
    stays.start = (unit == TimeUnit::Timestamp).then(|| "admitted".into());
    of(Source::Long(LongSource {
        files: files.iter().map(|name| input(folder, name)).collect(),
        id: Some("stay".into()),
        time: time("time", unit),
        variable: "item".into(),
        value: "value".into(),
        stays: Some(stays),
        labels: labels(folder),
    }))
}

fn wide(folder: &Path, files: &[&str], unit: TimeUnit) -> DataConfig {
    of(Source::Wide(WideSource {
        files: files.iter().map(|name| input(folder, name)).collect(),
        id: Some("stay".into()),
        time: time("time", unit),
        ignore: Vec::new(),
        statics: Vec::new(),
        stays: Some(stays(folder)),
        labels: Some(labels(folder)),
        row_label: None,
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
        .map(|stay| (stay.id.as_str(), stay.split, stay.label))
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
    assert_eq!(text.digests(), parquet.digests());
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
fn a_bad_row_of_a_long_table_is_named_with_file_line_and_stay() {
    let good = long_text(&ROWS[..2], |minute| minute.to_string());
    for (row, what) in [
        (
            "9,1,HR,abc",
            "line 7: value `abc` of `HR` is not a finite number (stay 9)",
        ),
        ("9,1,HR,inf", "line 7: value `inf` of `HR`"),
        ("9,,HR,1", "line 7: no time (stay 9)"),
        (
            "9,soon,HR,1",
            "line 7: time `soon` is no time as minutes (stay 9)",
        ),
        ("9,-1,HR,1", "line 7: time `-1` is before 0 (stay 9)"),
        ("9,1e300,HR,1", "line 7: time `1e300` is no time"),
        ("9,1,,1", "line 7: no item is named (stay 9)"),
        (",1,HR,1", "line 7: the stay id is blank"),
        ("9,1,HR", "line 7: 3 fields where the header has 4"),
        ("9,1,HR,\u{fffd}", "line 7: value `\u{fffd}`"),
    ] {
        let text = format!("{good}\n{row}\n9,2,HR,1\n");
        // The empty line before the bad row counts as a line.
        assert_eq!(good.lines().count(), 5);
        let folder = folder_with(&[("stays.csv", STAYS.as_bytes()), ("e.csv", text.as_bytes())]);
        let found = refusal(&long(folder.path(), &["e.csv"], TimeUnit::Minutes));
        assert!(found.contains(&format!("e.csv: {what}")), "{found}");
    }
    let folder = folder_with(&[
        ("stays.csv", STAYS.as_bytes()),
        ("e.csv", b"stay,time,item,value\n9,1,HR,\xff\n"),
        ("empty.csv", b""),
        ("other.csv", b"stay,time,name,value\n9,1,HR,1\n"),
        ("twice.csv", b"stay,time,item,value,value\n9,1,HR,1,1\n"),
        ("none/readme.txt", b""),
    ]);
    for (file, what) in [
        ("e.csv", "e.csv: line 2: not UTF-8 text"),
        ("empty.csv", "empty.csv: is empty"),
        (
            "other.csv",
            "other.csv: has no column `item`; it has `stay`, `time`, `name`, `value`",
        ),
        ("twice.csv", "twice.csv: has two columns `value`"),
        ("none", "none: holds no table"),
        ("x*.csv", "x*.csv: fits no file"),
    ] {
        let found = refusal(&long(folder.path(), &[file], TimeUnit::Minutes));
        assert!(found.contains(what), "{found}");
    }
}

#[test]
fn what_is_no_time_in_the_stated_unit_is_refused_in_parquet_as_well() {
    let folder = folder_with(&[("stays.csv", STAYS.as_bytes())]);
    wide_parquet(&folder.path().join("wide.parquet"));
    let found = refusal(&wide(folder.path(), &["wide.parquet"], TimeUnit::Minutes));
    assert!(
        found.contains("wide.parquet: row 1: time `a duration of 0 µs` is no time as minutes"),
        "{found}"
    );
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

#[test]
fn a_bad_row_of_the_table_of_stays_is_named() {
    let events = long_text(&ROWS, |minute| minute.to_string());
    for (from, to, what) in [
        (
            "\n12,1,51",
            "\n12,1,old",
            "stays.csv: line 5: age `old` is not a finite number",
        ),
        ("\n12,1", "\n10.0,1", "line 5: stay 10 is at "),
        ("\n12,1", "\n,1", "line 5: the stay id is blank"),
        (
            "12,1,51,2150-01-01 00:00:00,train",
            "12,1,51,2150-01-01 00:00:00,fold3",
            "line 5: fold `fold3` of stay 12 is no split",
        ),
        (
            "12,1,51,2150-01-01 00:00:00",
            "12,1,51,yesterday",
            "line 5: admitted `yesterday` of stay 12 is no time as timestamp",
        ),
        (
            "\n12,1,",
            "\n12,,",
            "line 5: patient `` of stay 12 names no patient",
        ),
        (
            "12,1,51",
            "12,3,51",
            "patient 3 is in two splits: stay 11 in test, stay 12 in train",
        ),
        ("train,1\n", "train,x\n", "line 5: label `x` of stay 12"),
    ] {
        let text = STAYS.replace(from, to);
        assert_ne!(text, STAYS);
        let events = events.replace(",item", ",item");
        let stamps = events
            .lines()
            .map(|line| line.to_string() + "\n")
            .collect::<String>();
        let folder = folder_with(&[("stays.csv", text.as_bytes()), ("e.csv", stamps.as_bytes())]);
        let unit = match what.contains("timestamp") {
            true => TimeUnit::Timestamp,
            false => TimeUnit::Minutes,
        };
        let found = refusal(&long(folder.path(), &["e.csv"], unit));
        assert!(found.contains(what), "{found}");
    }
}

#[test]
fn an_outcome_is_no_input() {
    let text = format!(
        "{}9,1,died,1\n",
        long_text(&ROWS, |minute| minute.to_string())
    );
    let folder = folder_with(&[("stays.csv", STAYS.as_bytes()), ("e.csv", text.as_bytes())]);
    let mut config = long(folder.path(), &["e.csv"], TimeUnit::Minutes);
    let found = refusal(&config);
    assert!(
        found.contains("variable `died` is called like a column of the labels"),
        "{found}"
    );
    config.variables.drop = vec!["died".into()];
    assert!(Built::of(&config, 1).is_ok());
    // Age stands in the table of labels, too, but the recipe names it as a variable.
    if let Source::Long(source) = &mut config.source
        && let Some(stays) = &mut source.stays
    {
        stays.variables.push("died".into());
        config.variables.drop.clear();
    }
    assert!(
        refusal(&config).contains("variable `died`"),
        "also where it is named a static one"
    );
}

const SEPSIS: [(&str, &str); 4] = [
    (
        "p000001.psv",
        "HR|Temp|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel\n80|NaN|50|1|NaN|NaN|-3|1|0\n90|37|50|1|NaN|NaN|-3|2|0\n",
    ),
    (
        "p000002.psv",
        "HR|Temp|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel\n100|NaN|60|0|1|0|-3|1|0\n110|38|60|0|1|0|-3|2|0\n120|39|60|0|1|0|-3|3|1\n130|39|60|0|1|0|-3|4|1\n",
    ),
    (
        "p000003.psv",
        "HR|Temp|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel\n70|36|70|0|1|0|-1|1|0\n",
    ),
    (
        "p000004.psv",
        "HR|Temp|Age|Gender|Unit1|Unit2|HospAdmTime|ICULOS|SepsisLabel\n75|36|71|0|1|0|-1|1|0\n",
    ),
];

fn sepsis(folder: &Path) -> DataConfig {
    DataConfig {
        source: Source::Physionet2019(Physionet2019Source {
            records: vec![input(folder, "set*")],
        }),
        split: SplitRule::File(input(folder, "splits.csv")),
        ..synthetic(1)
    }
}

fn sepsis_folder(change: impl Fn(&str, &str) -> String) -> TempDir {
    let files: Vec<(String, String)> = SEPSIS
        .iter()
        .map(|(name, text)| (format!("set/{name}"), change(name, text)))
        .collect();
    let mut files: Vec<(&str, &[u8])> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_bytes()))
        .collect();
    files.push((
        "splits.csv",
        b"id,split\np000001,train\np000002,train\np000003,valid\np000004,test\n",
    ));
    folder_with(&files)
}

#[test]
fn hours_from_the_first_positive_one_on_are_not_seen() {
    let folder = sepsis_folder(|_, text| text.to_string());
    let mut config = sepsis(folder.path());
    if let Source::Physionet2019(source) = &mut config.source {
        source.records = vec![input(folder.path(), "set")];
    }
    let built = Built::of(&config, 2).unwrap();
    let data = built.load();
    let stays: Vec<(&str, u32, usize)> = (data.stays.iter())
        .map(|stay| (stay.id.as_str(), stay.label, stay.sets.len()))
        .collect();
    // Minute 0 holds what is known at admission.
    assert_eq!(
        stays,
        [
            ("p000001", 0, 3),
            ("p000002", 1, 3),
            ("p000003", 0, 2),
            ("p000004", 0, 2)
        ]
    );
    assert_eq!(data.set_minute[..3], [0.0, 60.0, 120.0]);
    assert_eq!(built.report.counts["events_outside_window"], 4);
    assert_eq!(built.report.train.events, (3 + 3) + (5 + 3));
    assert!(
        !data
            .variables
            .iter()
            .any(|name| name == "SepsisLabel" || name == "ICULOS")
    );
}

#[test]
fn rows_that_contradict_each_other_are_refused() {
    let older = |name: &str, text: &str| match name {
        "p000002.psv" => text.replace("39|60|0|1|0|-3|4", "39|61|0|1|0|-3|4"),
        _ => text.to_string(),
    };
    let folder = sepsis_folder(older);
    let mut config = sepsis(folder.path());
    config.split = SplitRule::File(input(folder.path(), "splits.csv"));
    if let Source::Physionet2019(source) = &mut config.source {
        source.records = vec![input(folder.path(), "set/*.psv")];
    }
    let found = refusal(&config);
    assert!(
        found.contains("p000002.psv: line 5: `Age` of stay p000002 has several values"),
        "{found}"
    );
    let folder = sepsis_folder(|_, text| {
        text.replace("|1|0\n80", "|1|0\n80")
            .replace("|2|0\n", "|2|maybe\n")
    });
    if let Source::Physionet2019(source) = &mut config.source {
        source.records = vec![input(folder.path(), "set/*.psv")];
    }
    let found = refusal(&config);
    assert!(
        found
            .contains("p000001.psv: line 3: SepsisLabel `maybe` is neither 0 nor 1 (stay p000001)"),
        "{found}"
    );
}
