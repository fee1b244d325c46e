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
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::{Array, DictionaryArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use super::EventSource;
use super::copies;
use super::folder::SourceFiles;
use super::meds_labels::{MedsLabel, label_files, read_labels, read_splits};
use super::rows::Cells;
use super::stay_table::{Start, StayRow, StayTable};
use crate::config::{DataConfig, Labels, MedsSource, SplitRule, StayPolicy};
use crate::dataset::Split;
use crate::go_on;
use crate::ingest::{Ingested, PartWriter, RawEvent, STATIC};
use crate::parquet_file::{self, Batches, sound};
use crate::stay_id::StayId;
use crate::typed_column::{self, ColumnType};
use pipeline_error::Error;

/// Rows decoded at a time.
const ROWS_IN_BATCH: usize = 1 << 14;
/// What the standard requires of a shard.
const COLUMNS: [(&str, ColumnType); 3] = [
    ("subject_id", ColumnType::Number),
    ("time", ColumnType::Time),
    ("code", ColumnType::Text),
];
/// What it leaves to the shard. Where all values are null, some writers give the column no type.
const VALUE: &str = "numeric_value";

/// A MEDS dataset with a task's labels.
pub(super) struct Meds {
    /// A file and one of its row groups each, with the number of rows before it.
    parts: Vec<RowGroup>,
    /// Shards without a column of values.
    without_values: usize,
    /// The shards, and the files of labels or times of prediction.
    listed: [SourceFiles; 2],
    /// By patient, then by time of prediction.
    labels: BTreeMap<i64, Vec<MedsLabel>>,
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
        let mut without_values = 0;
        for file in files.files() {
            let builder = parquet_file::open(file)?;
            let columns = columns_of(file, builder.schema())?;
            without_values += usize::from(columns.len() == COLUMNS.len());
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
        Ok(Self {
            parts,
            without_values,
            labels: read_labels(&label_files, label, config.without_label)?,
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
        if self.without_values > 0 {
            table.notes.push(format!(
                "{} of {} shards have no column `{VALUE}`: their events have no values",
                self.without_values,
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

/// Fails if some times know their zone and others do not: hours may lie between events and predictions.
fn refuse_two_kinds_of_times(shards: &[PathBuf], labels: &[PathBuf]) -> Result<(), Error> {
    let shards = shards.iter().map(|file| (file, "time"));
    let labels = labels.iter().map(|file| (file, "prediction_time"));
    let mut first: [Option<(&PathBuf, &str)>; 2] = [None, None];
    for (file, column) in shards.chain(labels) {
        let schema = parquet_file::open(file)?.schema().clone();
        let Ok(field) = schema.field_with_name(column) else {
            continue;
        };
        let is_zoned = matches!(field.data_type(), DataType::Timestamp(_, Some(_)));
        first[usize::from(is_zoned)].get_or_insert((file, column));
    }
    let [Some((naive, without)), Some((zoned, with))] = first else {
        return Ok(());
    };
    let what = format!(
        "`{with}` knows its time zone, and `{without}` of {} does not: they cannot be compared",
        naive.display()
    );
    Err(Error::file(zoned, what)
        .with_hint("MEDS has no time zones: write both without one, on the same clock"))
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

/// Where the columns of a shard are that are read.
fn columns_of(path: &Path, schema: &Schema) -> Result<Vec<usize>, Error> {
    let mut columns = typed_column::positions(path, schema, &COLUMNS)?;
    if let Some(value) = parquet_file::position(path, schema, VALUE)? {
        if *schema.field(value).data_type() != DataType::Null {
            typed_column::positions(path, schema, &[(VALUE, ColumnType::Number)])?;
        }
        columns.push(value);
    }
    Ok(columns)
}

/// A reader of one row group that hands out codes as they are stored: as keys.
fn open_row_group(path: &Path, number: usize) -> Result<Batches, Error> {
    let builder = parquet_file::open(path)?;
    let columns = columns_of(path, builder.schema())?;
    let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields: Vec<Field> = (builder.schema().fields().iter())
        .map(
            |field| match field.name() == "code" && field.data_type() == &DataType::Utf8 {
                true => Field::new("code", keys.clone(), field.is_nullable()),
                false => field.as_ref().clone(),
            },
        )
        .collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    let file =
        std::fs::File::open(path).map_err(|e| Error::file(path, format!("cannot be read: {e}")))?;
    let builder = sound(path, || {
        ParquetRecordBatchReaderBuilder::try_new_with_options(file, options)
    })?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
    let builder = builder.with_projection(mask).with_row_groups(vec![number]);
    Batches::of(path, builder.with_batch_size(ROWS_IN_BATCH))
}
