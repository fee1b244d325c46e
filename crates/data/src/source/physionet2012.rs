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

use super::folder::SourceFiles;
use super::labels::Labels;
use super::rules::{ReadRules, Settings};
use super::stay_files::StayFiles;
use super::stay_table::StayTable;
use super::value_text::{looks_missing, value_hint};
use super::{EventSource, Sought};
use crate::config::Physionet2012Source;
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

    fn place_of(&self, name: Sought) -> Option<String> {
        let is_it = |row: Row| match name {
            Sought::Stay(_) => false,
            Sought::Variable(variable) => row.parameter == variable,
            Sought::Category(variable, text) => row.parameter == variable && row.value == text,
        };
        self.files.files.files().iter().find_map(|file| {
            let text = String::from_utf8(text_file::read(file).ok()?).ok()?;
            let mut rows = text.lines().map(parse_row);
            let line = rows.position(|row| row.ok().flatten().is_some_and(is_it))?;
            Some(format!("{} line {}", file.display(), line + 1))
        })
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
    let bytes = text_file::read(path)?;
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
        let bad_value = |what: String| bad_row(index + 2, &what).with_hint(hint_of(&row, settings));
        let value = parse_value(row.value);
        if value == Ok(-1.0) && MINUS_ONE_IS_MISSING.contains(&row.parameter) {
            rows.counts().missing += 1;
            continue;
        }
        let variable = rows.variable(row.parameter);
        let (variable, value) = match rows.category(variable, row.value) {
            Some(category) if !row.value.is_empty() => (category, f64::NAN),
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
    let minute = parse_time(time.trim())
        .ok_or_else(|| format!("time `{time}` of {parameter} is not HH:MM since admission"))?;
    Ok(Some(Row {
        minute,
        parameter: parameter.trim(),
        value: value.trim(),
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

/// What to do about a row whose value is no number. A cell that is empty says no more than a word for that.
fn hint_of(row: &Row, settings: Settings) -> String {
    match row.value.is_empty() || looks_missing(row.value) {
        true => "a parameter without a value was not measured: take the row out".into(),
        false => value_hint(row.parameter, row.value, settings),
    }
}

fn parse_value(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("value `{text}` is not a finite number")),
    }
}

#[cfg(test)]
mod tests;
