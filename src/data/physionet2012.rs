//! The text files of the PhysioNet/CinC Challenge 2012 (Silva et al. 2012).
//!
//! `ID.txt` has the header `Time,Parameter,Value`; a time is HH:MM since admission. The row
//! `RecordID` repeats the id. −1 of Height, Weight and Gender means missing. The general
//! descriptors (Age, Gender, Height, ICUType and the first Weight, all at 00:00) are events at
//! minute 0 like any other, so a stay that has descriptors but no series (ten of the 8,000) has
//! events: it stays in the cohort, and is counted and named.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::cohort::{Batch, Cohort, RawEvent, RawStay};
use super::config::Physionet2012Source;
use super::folder::files_with_extension;
use super::input_path::InputPath;
use super::labels::Labels;
use super::stay_id::StayId;
use crate::error::Error;

const HEADER: &str = "Time,Parameter,Value";
const MINUS_ONE_IS_MISSING: [&str; 3] = ["Height", "Weight", "Gender"];
const DESCRIPTORS: [&str; 5] = ["Age", "Gender", "Height", "ICUType", "Weight"];

/// Reads every record and its label.
pub(super) fn read(
    source: &Physionet2012Source,
    interrupted: &AtomicBool,
) -> Result<Cohort, Error> {
    let mut labels = Labels::default();
    for outcomes in &source.outcomes {
        labels.read(outcomes.as_ref(), "RecordID", &source.label)?;
    }
    let mut cohort = read_records(&source.records, interrupted)?;
    labels.label(&mut cohort);
    Ok(cohort)
}

/// Reads every record of the folders, without labels.
fn read_records(folders: &[InputPath], interrupted: &AtomicBool) -> Result<Cohort, Error> {
    let mut files: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let found = files_with_extension(folder.as_ref(), "txt")?;
        if found.is_empty() {
            return Err(Error::file(folder.as_ref(), "holds no record (ID.txt)"));
        }
        files.extend(found);
    }
    Cohort::from_files(&files, interrupted, read_record)
}

fn read_record(path: &Path, batch: &mut Batch) -> Result<RawStay, Error> {
    let mut stay = RawStay::of_file(path)?;
    let bytes =
        std::fs::read(path).map_err(|e| Error::file(path, format!("cannot be read: {e}")))?;
    let text = std::str::from_utf8(&bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()]
            .iter()
            .filter(|&&b| b == b'\n')
            .count();
        bad_row(&stay, line, "not UTF-8 text")
    })?;
    let mut lines = text.lines();
    check_header(path, lines.next().unwrap_or_default())?;
    let mut has_series = false;
    for (index, line) in lines.enumerate() {
        if line.is_empty() {
            continue;
        }
        let row = parse_row(line).map_err(|what| bad_row(&stay, index + 2, &what))?;
        batch.rows += 1;
        if row.parameter == "RecordID" {
            if StayId::parse(row.value).as_ref() != Some(&stay.id) {
                let what = format!("RecordID {} in the file of another stay", row.value);
                return Err(bad_row(&stay, index + 2, &what));
            }
            continue;
        }
        let value = parse_value(row.value).map_err(|what| bad_row(&stay, index + 2, &what))?;
        if value == -1.0 && MINUS_ONE_IS_MISSING.contains(&row.parameter) {
            batch.missing += 1;
            continue;
        }
        has_series |= row.minute > 0 || !DESCRIPTORS.contains(&row.parameter);
        stay.events.push(RawEvent {
            minute: f64::from(row.minute),
            value,
            variable: batch.names.number(row.parameter),
            set: 0,
        });
    }
    if !has_series && !stay.events.is_empty() {
        batch.without_series.push(stay.id.clone());
    }
    Ok(stay)
}

fn bad_row(stay: &RawStay, line: usize, what: &str) -> Error {
    Error::file(
        &stay.origin,
        format!("line {line}: {what} (stay {})", stay.id),
    )
}

fn check_header(path: &Path, line: &str) -> Result<(), Error> {
    let line = line.trim_start_matches('\u{feff}').trim_end();
    if line.is_empty() {
        return Err(Error::file(
            path,
            format!("is empty: the header {HEADER} is expected"),
        ));
    }
    let columns: Vec<&str> = line.split(',').collect();
    let missing = HEADER.split(',').find(|column| !columns.contains(column));
    match missing {
        Some(column) => Err(Error::file(
            path,
            format!(
                "line 1: no column `{column}`; there is `{}`",
                columns.join("`, `")
            ),
        )),
        None if line != HEADER => Err(Error::file(
            path,
            format!("line 1: the header `{line}` is not `{HEADER}`"),
        )),
        None => Ok(()),
    }
}

struct Row<'a> {
    minute: u32,
    parameter: &'a str,
    value: &'a str,
}

fn parse_row(line: &str) -> Result<Row<'_>, String> {
    let mut fields = line.split(',');
    let (Some(time), Some(parameter), Some(value), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(format!(
            "{} fields where the header has 3",
            line.split(',').count()
        ));
    };
    if parameter.is_empty() {
        return Err("a row without a parameter".into());
    }
    let minute = parse_time(time)
        .ok_or_else(|| format!("time `{time}` of {parameter} is not HH:MM since admission"))?;
    Ok(Row {
        minute,
        parameter,
        value,
    })
}

fn parse_time(text: &str) -> Option<u32> {
    let (hours, minutes) = text.split_once(':')?;
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if hours.len() > 6 || minutes.len() != 2 || !plain(hours) || !plain(minutes) {
        return None;
    }
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (minutes < 60).then_some(hours * 60 + minutes)
}

fn parse_value(text: &str) -> Result<f64, String> {
    match text.trim_end().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("value `{text}` is not a finite number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static RUNNING: AtomicBool = AtomicBool::new(false);

    fn record(bytes: &[u8]) -> Result<Cohort, Error> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("12.txt"), bytes).unwrap();
        read_records(&[InputPath::file(folder.path().to_path_buf())], &RUNNING)
    }

    #[test]
    fn a_record_is_read_with_its_descriptors_and_without_missing_markers() {
        let text = "Time,Parameter,Value\r\n00:00,RecordID,12\r\n00:00,Age,54\r\n00:00,Height,-1\r\n01:07,Temp,-1\r\n48:00,Weight,80.5\r\n";
        let cohort = record(text.as_bytes()).unwrap();
        assert_eq!(cohort.variables, ["Age", "Temp", "Weight"]);
        let events: Vec<(f64, u32, f64)> = (cohort.stays[0].events.iter())
            .map(|event| (event.minute, event.variable, event.value))
            .collect();
        assert_eq!(events, [(0.0, 0, 54.0), (67.0, 1, -1.0), (2880.0, 2, 80.5)]);
        assert_eq!((cohort.rows, cohort.missing), (5, 1));
        assert!(cohort.without_series.is_empty());
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
            ("00:10,HR", "2 fields"),
            ("00:10,HR,80,1", "4 fields"),
            ("00:10,,80", "without a parameter"),
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
        assert!(
            refusal(b"Time,Value\n").contains("no column `Parameter`; there is `Time`, `Value`")
        );
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
        let error = read_records(&folders, &RUNNING).err().unwrap().to_string();
        assert!(error.contains("stay 12 is there twice"), "{error}");
        let empty = InputPath::file(folder.path().to_path_buf());
        let error = read_records(&[empty], &RUNNING).err().unwrap().to_string();
        assert!(error.contains("holds no record"), "{error}");
    }
}
