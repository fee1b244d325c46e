use std::collections::BTreeSet;
use std::io::Write;

use super::*;
use crate::config::StayPolicy;

fn open(folders: &[InputPath]) -> Result<Physionet2012, Error> {
    Ok(Physionet2012 {
        files: StayFiles {
            files: list_records(folders)?,
            labels: Labels::default(),
            rules: ReadRules {
                ids: None,
                missing: Vec::new(),
                without_label: StayPolicy::Error,
                known: None,
                settings: Settings {
                    of_tables: false,
                    categorical: true,
                },
            },
        },
        without_series: Mutex::default(),
    })
}

fn read_records(folders: &[InputPath]) -> Result<Ingested, Error> {
    let source = open(folders)?;
    let scratch = tempfile::tempdir().unwrap();
    let (categorical, go_on) = (BTreeSet::new(), AtomicBool::new(false));
    Ingested::read(&source, scratch.path(), 1 << 20, &categorical, &go_on)
}

fn record(bytes: &[u8]) -> Result<Ingested, Error> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("12.txt"), bytes).unwrap();
    read_records(&[InputPath::file(folder.path().to_path_buf())])
}

#[test]
fn a_record_is_read_with_its_descriptors_and_without_missing_markers() {
    let text = "Time,Parameter,Value\r\n00:00,RecordID,12\r\n00:00,Age,54\r\n00:00,Height,-1\r\n01:07,Temp,-1\r\n48:00,Weight,80.5\r\n";
    let cohort = record(text.as_bytes()).unwrap();
    assert_eq!(cohort.variables, ["Age", "Temp", "Weight"]);
    let (mut bytes, mut events) = (Vec::new(), Vec::new());
    cohort
        .load(&cohort.series[0], &mut bytes, &mut events)
        .unwrap();
    let events: Vec<(i64, u32, f64)> = (events.iter())
        .map(|event| {
            (
                event.time / MICROSECONDS_OF_A_MINUTE,
                event.variable,
                event.value,
            )
        })
        .collect();
    assert_eq!(events, [(0, 0, 54.0), (67, 1, -1.0), (2880, 2, 80.5)]);
    assert_eq!((cohort.counts.rows, cohort.counts.missing), (5, 1));
}

#[test]
fn rows_that_name_no_parameter_are_skipped_and_counted() {
    let text = "Time,Parameter,Value\n00:00,,-1\n00:10,HR,80\n00:20,,\n,,\n00:30, ,7\n";
    let cohort = record(text.as_bytes()).unwrap();
    assert_eq!(cohort.variables, ["HR"]);
    assert_eq!((cohort.counts.rows, cohort.counts.unnamed), (5, 4));
}

#[test]
fn a_row_without_a_value_is_to_be_taken_out_and_blanks_are_no_part_of_one() {
    for value in ["", "NaN", "null"] {
        let text = format!("Time,Parameter,Value\n00:10,HR,{value}\n");
        let hint = record(text.as_bytes())
            .err()
            .unwrap()
            .hint()
            .unwrap_or_default()
            .to_string();
        assert!(hint.contains("take the row out"), "{value}: {hint}");
    }
    let cohort = record(b"Time,Parameter,Value\n 00:10, HR, 90\n").unwrap();
    assert_eq!((cohort.variables.len(), cohort.counts.rows), (1, 1));
}

#[test]
fn a_bad_row_is_named_with_file_line_and_stay() {
    for (row, what) in [
        ("00:10,HR,abc", "value `abc`"),
        ("00:10,HR,", "value ``"),
        ("00:10,HR,inf", "value `inf`"),
        ("00:10,HR,NaN", "value `NaN`"),
        ("-1:10,HR,80", "time `-1:10`"),
        ("00:60,HR,80", "time `00:60`"),
        ("10,HR,80", "time `10`"),
        ("00:10", "1 field where"),
        ("00:10,HR", "2 fields"),
        ("00:10,HR,80,1", "4 fields"),
        ("00:00,RecordID,13", "RecordID 13"),
    ] {
        let text = format!("Time,Parameter,Value\n00:00,Age,54\n{row}\n");
        let error = record(text.as_bytes()).err().unwrap().to_string();
        assert!(
            error.contains("12.txt: line 3: ")
                && error.contains(what)
                && error.contains("(stay 12)"),
            "{error}"
        );
    }
}

#[test]
fn a_file_that_is_no_record_is_named() {
    let refusal = |bytes: &[u8]| record(bytes).err().unwrap().to_string();
    assert!(refusal(b"").contains("12.txt: is empty"));
    assert!(refusal(b"Time,Value\n").contains("no column `Parameter`; there is `Time`, `Value`"));
    assert!(refusal(b"Parameter,Time,Value\n").contains("is not `Time,Parameter,Value`"));
    assert!(refusal(b"Time,Parameter,Value\n00:00,Age,5\xff\n").contains("line 2: not UTF-8"));
}

#[test]
fn a_stay_in_two_folders_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folders: Vec<InputPath> = (["a", "b"].iter())
        .map(|name| InputPath::file(folder.path().join(name)))
        .collect();
    for path in &folders {
        std::fs::create_dir(path.as_ref()).unwrap();
        std::fs::write(path.as_ref().join("12.txt"), "Time,Parameter,Value\n").unwrap();
    }
    let error = read_records(&folders).err().unwrap().to_string();
    assert!(error.contains("stay 12 is there twice"), "{error}");
    let empty = InputPath::file(folder.path().to_path_buf());
    let error = read_records(&[empty]).err().unwrap().to_string();
    assert!(error.contains("holds no record"), "{error}");
}

#[test]
fn a_record_may_be_compressed() {
    let text = b"Time,Parameter,Value\n00:00,RecordID,12\n00:10,HR,90\n";
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text).unwrap();
    let zstandard = zstd::encode_all(&text[..], 1).unwrap();
    for (name, bytes) in [
        ("12.txt.gz", gzip.finish().unwrap()),
        ("12.TXT.zst", zstandard),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), bytes).unwrap();
        let cohort = read_records(&[InputPath::file(folder.path().to_path_buf())]).unwrap();
        assert_eq!(cohort.variables, ["HR"], "{name}");
        assert_eq!(cohort.series[0].id, StayId::Number(12));
    }
}

#[test]
fn the_place_of_a_parameter_or_category_is_its_first_row() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("12.txt");
    let text = "Time,Parameter,Value\n00:00,RecordID,12\n00:10,HR,90\n00:20, HR ,high\n";
    std::fs::write(&file, text).unwrap();
    let source = open(&[InputPath::file(folder.path().to_path_buf())]).unwrap();
    let line = |number| Some(format!("{} line {number}", file.display()));
    assert_eq!(source.place_of(Sought::Variable("HR")), line(3));
    assert_eq!(source.place_of(Sought::Category("HR", "high")), line(4));
    assert_eq!(source.place_of(Sought::Variable("hr")), None);
}
