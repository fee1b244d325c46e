//! The text files of the PhysioNet/CinC Challenge 2012 (Silva et al. 2012).
//!
//! `ID.txt` has the header `Time,Parameter,Value`; a time is HH:MM since admission. The row
//! `RecordID` repeats the id. −1 of Height, Weight and Gender means missing. The general
//! descriptors (Age, Gender, Height, ICUType and the first Weight, all at 00:00) are events at
//! minute 0 like any other, so a stay that has descriptors but no series (ten of the 8,000) has
//! events: it stays in the cohort, and is counted and named. A row that names no parameter (`00:00,,-1`;
//! 1,594 files of set-c have one) is no measurement: it is skipped and counted.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use super::EventSource;
use super::folder::SourceFiles;
use super::labels::Labels;
use super::rules::{ReadRules, Settings};
use super::stay_files::StayFiles;
use super::stay_table::StayTable;
use super::value_text::value_hint;
use crate::config::Physionet2012Source;
use crate::foreign_file;
use crate::ingest::{Ingested, MICROSECONDS_OF_A_MINUTE, PartWriter, RawEvent};
use crate::input_path::InputPath;
use crate::stay_id::StayId;
use crate::text_file;
use pipeline_error::Error;
use pipeline_error::listed::counted;

const HEADER: &str = "Time,Parameter,Value";
const MINUS_ONE_IS_MISSING: [&str; 3] = ["Height", "Weight", "Gender"];
const DESCRIPTORS: [&str; 5] = ["Age", "Gender", "Height", "ICUType", "Weight"];
/// Everything that the challenge's records may hold; a part of them need not hold all of it.
#[rustfmt::skip]
const VARIABLES: [&str; 41] = [
    "ALP", "ALT", "AST", "Age", "Albumin", "BUN", "Bilirubin", "Cholesterol", "Creatinine", "DiasABP", "FiO2",
    "GCS", "Gender", "Glucose", "HCO3", "HCT", "HR", "Height", "ICUType", "K", "Lactate", "MAP", "MechVent", "Mg",
    "NIDiasABP", "NIMAP", "NISysABP", "Na", "PaCO2", "PaO2", "Platelets", "RespRate", "SaO2", "SysABP", "Temp",
    "TroponinI", "TroponinT", "Urine", "WBC", "Weight", "pH",
];

/// The records of the challenge, and their outcomes.
pub(super) struct Physionet2012 {
    files: StayFiles,
    /// Stays without a series, found while reading.
    without_series: Mutex<Vec<StayId>>,
}

impl Physionet2012 {
    /// Lists the records and reads the outcomes.
    pub(super) fn open(source: &Physionet2012Source, rules: ReadRules) -> Result<Self, Error> {
        let mut labels = Labels::default();
        for outcomes in &source.outcomes {
            labels.read(outcomes.as_ref(), None, "RecordID", &source.label, &rules)?;
        }
        Ok(Self {
            files: StayFiles {
                files: list_records(&source.records)?,
                labels,
                rules,
            },
            without_series: Mutex::default(),
        })
    }
}

impl EventSource for Physionet2012 {
    fn parts(&self) -> usize {
        self.files.parts()
    }

    fn read(
        &self,
        part: usize,
        rows: &mut PartWriter,
        interrupted: &AtomicBool,
    ) -> Result<(), Error> {
        self.files.read(part, interrupted, |file| {
            let (stay, has_series) = read_record(file, self.files.rules.settings, rows)?;
            if !has_series {
                self.without_series
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(stay);
            }
            Ok(())
        })
    }

    fn known_variables(&self) -> &'static [&'static str] {
        &VARIABLES
    }

    fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        let mut stays = self.files.stays(ingested)?;
        if ingested.counts.unnamed > 0 {
            stays.notes.push(match ingested.counts.unnamed {
                1 => "1 row names no parameter: it is skipped".into(),
                count => format!("{count} rows name no parameter: they are skipped"),
            });
        }
        let without = &mut *(self.without_series.lock()).unwrap_or_else(PoisonError::into_inner);
        without.sort();
        if !without.is_empty() {
            let ids: Vec<String> = without.iter().map(ToString::to_string).collect();
            stays.without_series = without.len() as u64;
            let have = match ids.len() {
                1 => "1 stay has no series: descriptors are its".into(),
                count => format!("{count} stays have no series: descriptors are their"),
            };
            stays
                .notes
                .push(format!("{have} only events: {}", ids.join(", ")));
        }
        Ok(stays)
    }
}

fn list_records(folders: &[InputPath]) -> Result<SourceFiles, Error> {
    let mut files = SourceFiles::new(true);
    let is_direct = |below: &Path| below.components().count() == 1;
    for folder in folders {
        if files.add_with_ending(folder.as_ref(), "txt", is_direct)? == 0 {
            return Err(Error::file(folder.as_ref(), "holds no record (ID.txt)"));
        }
    }
    Ok(files)
}

/// Reads a record; false if it has events, and all of them are descriptors.
fn read_record(
    path: &Path,
    settings: Settings,
    rows: &mut PartWriter,
) -> Result<(StayId, bool), Error> {
    let (stay, id) = rows.stay_of_file(path, None)?;
    let bytes = text_file::read_raw(path)?;
    foreign_file::refuse(path, &bytes[..bytes.len().min(foreign_file::LOOKED_AT)])?;
    let bad_row =
        |line: usize, what: &str| Error::file(path, format!("line {line}: {what} (stay {id})"));
    let text = std::str::from_utf8(&bytes).map_err(|e| {
        let line = 1 + bytes[..e.valid_up_to()]
            .iter()
            .filter(|&&b| b == b'\n')
            .count();
        bad_row(line, "not UTF-8 text")
    })?;
    let mut lines = text.lines();
    check_header(path, lines.next().unwrap_or_default())?;
    let (mut has_events, mut has_series) = (false, false);
    for (index, line) in lines.enumerate() {
        if line.is_empty() {
            continue;
        }
        let row = parse_row(line).map_err(|what| bad_row(index + 2, &what))?;
        rows.counts().rows += 1;
        let Some(row) = row else {
            rows.counts().unnamed += 1;
            continue;
        };
        if row.parameter == "RecordID" {
            if StayId::read(row.value, None).ok().flatten().as_ref() != Some(&id) {
                let what = format!("RecordID {} in the file of another stay", row.value);
                return Err(bad_row(index + 2, &what));
            }
            continue;
        }
        let bad_value = |what: String| {
            let hint = value_hint(row.parameter, row.value.trim(), settings);
            bad_row(index + 2, &what).with_hint(hint)
        };
        let value = parse_value(row.value);
        if value == Ok(-1.0) && MINUS_ONE_IS_MISSING.contains(&row.parameter) {
            rows.counts().missing += 1;
            continue;
        }
        let variable = rows.variable(row.parameter);
        let (variable, value) = match rows.category(variable, row.value.trim()) {
            Some(category) if !row.value.trim().is_empty() => (category, f64::NAN),
            _ => (variable, value.map_err(bad_value)?),
        };
        has_events = true;
        has_series |= row.minute > 0 || !DESCRIPTORS.contains(&row.parameter);
        let event = RawEvent {
            time: i64::from(row.minute) * MICROSECONDS_OF_A_MINUTE,
            value,
            variable,
            set: 0,
        };
        rows.push(stay, event)?;
    }
    Ok((id, has_series || !has_events))
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

/// What a row says; nothing if it names no parameter.
fn parse_row(line: &str) -> Result<Option<Row<'_>>, String> {
    let mut fields = line.split(',');
    let (Some(time), Some(parameter), Some(value), None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(format!(
            "{} where the header has 3",
            counted(line.split(',').count(), "field")
        ));
    };
    if parameter.trim().is_empty() {
        return Ok(None);
    }
    let minute = parse_time(time)
        .ok_or_else(|| format!("time `{time}` of {parameter} is not HH:MM since admission"))?;
    Ok(Some(Row {
        minute,
        parameter: parameter.trim(),
        value,
    }))
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
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::StayPolicy;

    fn read_records(folders: &[InputPath]) -> Result<Ingested, Error> {
        let source = Physionet2012 {
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
        };
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
        let error = read_records(&folders).err().unwrap().to_string();
        assert!(error.contains("stay 12 is there twice"), "{error}");
        let empty = InputPath::file(folder.path().to_path_buf());
        let error = read_records(&[empty]).err().unwrap().to_string();
        assert!(error.contains("holds no record"), "{error}");
    }
}
