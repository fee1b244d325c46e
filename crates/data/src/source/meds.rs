//! The Medical Event Data Standard, 0.4: one row an event, sharded by patient.
//!
//! `data/**/*.parquet` hold `subject_id`, `time` (null for what has none: sex),
//! `code` and, if there are values, `numeric_value`; the label files `subject_id`, `prediction_time` and a label. Every
//! label is a stay: its patient's events up to the time of prediction. Where a patient has several
//! labels, a stay is called `SUBJECT@TIME`. A birth (`MEDS_BIRTH`) has a time by the standard, decades before the
//! stay mostly: it is known of the patient, not measured, and belongs to minute 0 like sex. Without labels every
//! row of `prediction_times` is a stay; where there are none either every patient is, and all of his events are seen.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use arrow::array::{Array, DictionaryArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int32Type};

use super::EventSource;
use super::copies;
use super::folder::SourceFiles;
use super::meds_labels::{LabelsBySubject, MedsLabel, label_files, read_labels, read_splits};
use super::meds_shards::{
    TEXT, VALUE, columns_of, has_values, holds_texts, open_row_group, refuse_two_kinds_of_times,
};
use super::rows::Cells;
use super::stay_table::{Start, StayRow, StayTable};
use crate::config::{DataConfig, Labels, MedsSource, SplitRule, StayPolicy};
use crate::dataset::Split;
use crate::go_on;
use crate::ingest::{Ingested, PartWriter, RawEvent, STATIC};
use crate::parquet_file;
use crate::stay_id::StayId;
use crate::typed_column;
use pipeline_error::Error;

/// A MEDS dataset with a task's labels.
pub(super) struct Meds {
    /// A file and one of its row groups each, with the number of rows before it.
    parts: Vec<RowGroup>,
    /// Shards without a column of values.
    without_values: usize,
    /// Shards with texts of values.
    with_texts: usize,
    /// The shards, and the files of labels or times of prediction.
    listed: [SourceFiles; 2],
    /// By patient, then by time of prediction.
    labels: LabelsBySubject,
    /// Of label files that may be several tasks.
    note: Option<String>,
    splits: Option<BTreeMap<i64, Split>>,
    /// Whether events of patients without a label or time of prediction are of any use.
    needs_labels: bool,
    /// Whether stays are the times of prediction: a patient without one is no stay.
    has_times_alone: bool,
}

struct RowGroup {
    file: PathBuf,
    number: usize,
    rows_before: usize,
}

impl Meds {
    /// Lists the shards and reads labels and splits.
    pub(super) fn open(source: &MedsSource, config: &DataConfig) -> Result<Self, Error> {
        let root = source.path.as_ref();
        let data = root.join("data");
        let mut files = SourceFiles::new(false);
        if files.add_with_ending(&data, "parquet", |_| true)? == 0 {
            return Err(Error::file(&data, "holds no shard (*.parquet)"));
        }
        copies::refuse(files.files())?;
        let label = source.labels.is_some().then_some(source.label.as_str());
        let label_files = match source.labels.as_ref().or(source.prediction_times.as_ref()) {
            Some(path) => label_files(path.as_ref())?,
            None => SourceFiles::new(false),
        };
        let has_times_alone = source.prediction_times.is_some();
        refuse_two_kinds_of_times(files.files(), label_files.files())?;
        let mut parts = Vec::new();
        let (mut without_values, mut with_texts) = (0, 0);
        for file in files.files() {
            let builder = parquet_file::open(file)?;
            let columns = columns_of(file, builder.schema())?;
            without_values += usize::from(!has_values(&columns));
            with_texts += usize::from(holds_texts(&builder));
            let mut rows_before = 0;
            for (number, group) in builder.metadata().row_groups().iter().enumerate() {
                parts.push(RowGroup {
                    file: file.clone(),
                    number,
                    rows_before,
                });
                rows_before += group.num_rows() as usize;
            }
        }
        let splits = match &config.split {
            SplitRule::Column(column) => {
                let table = root.join("metadata/subject_splits.parquet");
                Some(read_splits(&table, column)?)
            }
            _ => None,
        };
        let (labels, note) = read_labels(&label_files, label, config.without_label)?;
        Ok(Self {
            parts,
            without_values,
            with_texts,
            labels,
            note,
            listed: [files, label_files],
            splits,
            needs_labels: has_times_alone
                || config.labels == Labels::Source && config.without_label == StayPolicy::Drop,
            has_times_alone,
        })
    }
}

impl EventSource for Meds {
    fn parts(&self) -> usize {
        self.parts.len()
    }

    fn read(
        &self,
        part: usize,
        rows: &mut PartWriter,
        interrupted: &AtomicBool,
    ) -> Result<(), Error> {
        let RowGroup {
            file,
            number,
            rows_before,
        } = &self.parts[part];
        rows.file(file);
        let mut before = *rows_before;
        for batch in open_row_group(file, *number)? {
            go_on(interrupted)?;
            let batch = batch?;
            self.append(file, before, &batch, rows)?;
            before += batch.num_rows();
        }
        rows.counts().rows += (before - rows_before) as u64;
        Ok(())
    }

    fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        let mut table = StayTable {
            is_dated: true,
            ..StayTable::default()
        };
        let mut used = 0;
        for (series, found) in ingested.series.iter().enumerate() {
            let subject = subject_number(&found.id);
            let labels = subject.and_then(|subject| self.labels.get(&subject));
            let split = match &self.splits {
                Some(splits) => subject.and_then(|subject| splits.get(&subject)).copied(),
                None => None,
            };
            let row = |id: StayId, label: Option<&MedsLabel>| StayRow {
                landmark_of: None,
                id,
                subject: Some(found.id.clone()),
                series,
                label: label.and_then(|label| label.class),
                start: Start::FirstEvent,
                prediction: label.map(|label| label.prediction),
                split,
            };
            match labels.map_or(&[][..], Vec::as_slice) {
                [] if self.has_times_alone => {}
                [] => table.rows.push(row(found.id.clone(), None)),
                [one] => table.rows.push(row(found.id.clone(), Some(one))),
                several => {
                    let name = |label: &MedsLabel| format!("{}@{}", found.id, label.time_text());
                    let rows = several.iter();
                    let rows = rows.map(|label| row(StayId::Name(name(label)), Some(label)));
                    table.rows.extend(rows);
                }
            }
            used += labels.map_or(0, Vec::len) as u64;
        }
        let labels: usize = self.labels.values().map(Vec::len).sum();
        table.unused_labels = labels as u64 - used;
        if table.unused_labels > 0 {
            let (unused, of_what) = match self.has_times_alone {
                true => (table.unused_labels, "times of prediction are"),
                false => (table.unused_labels, "labels are"),
            };
            table.notes.push(format!(
                "{unused} of {labels} {of_what} of patients without an event: nothing is predicted of them"
            ));
        }
        table.notes.extend(self.note.clone());
        if self.without_values > 0 {
            table.notes.push(format!(
                "{} of {} shards have no column `{VALUE}`: their events have no values",
                self.without_values,
                self.listed[0].files().len()
            ));
        }
        if self.with_texts > 0 {
            table.notes.push(format!(
                "{} of {} shards have texts in `{TEXT}`, which are not read: an event counts by its `{VALUE}`, or as present",
                self.with_texts,
                self.listed[0].files().len()
            ));
        }
        table.rows.sort_by(|a, b| a.id.cmp(&b.id));
        for listed in &self.listed {
            listed.tell(&mut table);
        }
        Ok(table)
    }
}

impl Meds {
    fn append(
        &self,
        file: &Path,
        before: usize,
        batch: &RecordBatch,
        out: &mut PartWriter,
    ) -> Result<(), Error> {
        let subjects = typed_column::whole_numbers(file, before, batch, "subject_id")?;
        let times = typed_column::times(file, before, batch, "time")?;
        let codes = Codes::of(file, batch)?;
        let values = batch.column_by_name(VALUE);
        let values = values.map(|values| Cells::of(file, before, VALUE, values));
        let values = values.transpose()?;
        let mut variables = vec![None; codes.names.len()];
        let (mut subject, mut series, mut wanted) = (None, 0, false);
        for row in 0..batch.num_rows() {
            let bad = |what: String| Error::file(file, format!("row {}: {what}", before + row + 1));
            if subjects.is_null(row) {
                return Err(bad("subject_id is null".into()));
            }
            if subject != Some(subjects.value(row)) {
                let number = subjects.value(row);
                subject = Some(number);
                series = out.series(StayId::of_number(number));
                wanted = !self.needs_labels || self.labels.contains_key(&number);
            }
            if !wanted {
                out.counts().of_others += 1;
                continue;
            }
            let of = || format!("(subject {})", subjects.value(row));
            let code = codes
                .key(row)
                .ok_or_else(|| bad(format!("code is null {}", of())))?;
            let name = codes.names.value(code).trim();
            if name.is_empty() {
                return Err(bad(format!("code is empty {}", of())));
            }
            let (mut variable, is_birth) =
                *variables[code].get_or_insert_with(|| (out.variable(name), is_birth(name)));
            let value = values.as_ref().and_then(|values| values.number(row));
            let mut value = value.unwrap_or(f64::NAN);
            if let Some(values) = &values
                && out.is_categorical(variable)
                && !value.is_nan()
            {
                let text = values.category(row);
                let text = text
                    .map_err(|what| bad(format!("numeric_value of `{name}` {}: {what}", of())))?;
                variable = out
                    .category(variable, &text.unwrap_or_default())
                    .unwrap_or(variable);
                value = f64::NAN;
            }
            if value.is_infinite() {
                return Err(bad(format!(
                    "numeric_value of `{name}` is {value} {}",
                    of()
                )));
            }
            let time = if times.is_null(row) || is_birth {
                STATIC
            } else {
                times.value(row)
            };
            let event = RawEvent {
                time,
                value,
                variable,
                set: 0,
            };
            out.push(series, event)?;
        }
        Ok(())
    }
}

/// A batch's codes: keys into names.
struct Codes {
    keys: DictionaryArray<Int32Type>,
    names: StringArray,
}

impl Codes {
    fn of(file: &Path, batch: &RecordBatch) -> Result<Self, Error> {
        let kind = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let keys: DictionaryArray<Int32Type> = typed_column::cast_to(file, batch, "code", &kind)?;
        let names = keys.values().as_any().downcast_ref().cloned();
        let names = names.ok_or_else(|| Error::file(file, "column `code` holds no text"))?;
        Ok(Self { keys, names })
    }

    fn key(&self, row: usize) -> Option<usize> {
        self.keys.key(row)
    }
}

/// Whether a code is that of births: `MEDS_BIRTH`, whatever follows it (`MEDS_BIRTH//F`).
fn is_birth(code: &str) -> bool {
    let rest = code.strip_prefix("MEDS_BIRTH");
    rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

fn subject_number(id: &StayId) -> Option<i64> {
    match id {
        StayId::Number(number) => i64::try_from(*number).ok(),
        StayId::Name(name) => name.parse().ok(),
    }
}
