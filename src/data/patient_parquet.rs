//! One Parquet file a stay, in folders: the layout of the SeqSetVAE reference.
//!
//! Columns: `variable` (text), `value` and `minute` (numbers), optionally `set_index` (whole
//! numbers); others are ignored. Where the split is by folders, exactly those are read; else
//! every file in the folder and in the folders directly below it.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::cohort::{Batch, Cohort, RawEvent, RawStay};
use super::config::{PatientParquetSource, SplitRule};
use super::csv_table::quoted;
use super::folder::{files_with_extension, subfolders};
use super::labels::Labels;
use super::parquet_file;
use crate::error::Error;

/// Reads every stay and its label.
pub(super) fn read(
    source: &PatientParquetSource,
    split: &SplitRule,
    interrupted: &AtomicBool,
) -> Result<Cohort, Error> {
    let mut labels = Labels::default();
    let table = &source.labels;
    labels.read(table.path.as_ref(), &table.id, &table.column)?;
    let files = list_files(source.path.as_ref(), split)?;
    let mut cohort = Cohort::from_files(&files, interrupted, read_stay)?;
    labels.label(&mut cohort);
    Ok(cohort)
}

fn list_files(root: &Path, split: &SplitRule) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    if let SplitRule::Folders(folders) = split {
        for name in [&folders.train, &folders.validation, &folders.test] {
            let folder = root.join(name);
            if !folder.is_dir() {
                let there: Vec<String> = (subfolders(root)?.iter())
                    .filter_map(|path| path.file_name().map(|name| name.display().to_string()))
                    .collect();
                let what = format!("has no folder `{name}`; it has {}", quoted(there.iter()));
                return Err(Error::file(root, what));
            }
            files.extend(files_with_extension(&folder, "parquet")?);
        }
    } else {
        files.extend(files_with_extension(root, "parquet")?);
        for folder in subfolders(root)? {
            files.extend(files_with_extension(&folder, "parquet")?);
        }
    }
    if files.is_empty() {
        return Err(Error::file(root, "holds no stay (ID.parquet)"));
    }
    Ok(files)
}

fn read_stay(path: &Path, batch: &mut Batch) -> Result<RawStay, Error> {
    let mut stay = RawStay::of_file(path)?;
    let (reader, has_set_index) = open(path)?;
    stay.has_set_index = has_set_index;
    for rows in reader {
        let rows = rows.map_err(|e| Error::file(path, format!("cannot be read: {e}")))?;
        append(&mut stay, &rows, batch)?;
    }
    batch.rows += stay.events.len() as u64;
    Ok(stay)
}

fn open(path: &Path) -> Result<(ParquetRecordBatchReader, bool), Error> {
    let builder = parquet_file::open(path)?;
    let schema = builder.schema();
    let mut columns = Vec::new();
    for name in ["variable", "value", "minute"] {
        columns.push(check_column(path, schema, name)?);
    }
    let has_set_index = schema.index_of("set_index").is_ok();
    if has_set_index {
        columns.push(check_column(path, schema, "set_index")?);
    }
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
    let reader = (builder.with_projection(mask).build())
        .map_err(|e| Error::file(path, format!("cannot be read: {e}")))?;
    Ok((reader, has_set_index))
}

/// The position of the column `name`, which must be text (`variable`) or numeric (the others).
fn check_column(path: &Path, schema: &Schema, name: &str) -> Result<usize, Error> {
    let position = schema.index_of(name).map_err(|_| {
        let there = schema.fields().iter().map(|field| field.name());
        Error::file(
            path,
            format!("no column `{name}`; it has {}", quoted(there)),
        )
    })?;
    let found = schema.field(position).data_type();
    let (fits, expected) = if name == "variable" {
        (is_text(found), "text")
    } else {
        (found.is_integer() || found.is_floating(), "a number")
    };
    if !fits {
        let what = format!("column `{name}` is of type {found}, where {expected} is expected");
        return Err(Error::file(path, what));
    }
    Ok(position)
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

fn append(stay: &mut RawStay, rows: &RecordBatch, batch: &mut Batch) -> Result<(), Error> {
    let names = cast_column(stay, rows, "variable", &DataType::Utf8)?;
    let values = cast_column(stay, rows, "value", &DataType::Float64)?;
    let minutes = cast_column(stay, rows, "minute", &DataType::Float64)?;
    let sets = match stay.has_set_index {
        true => Some(cast_column(stay, rows, "set_index", &DataType::Float64)?),
        false => None,
    };
    let (Some(names), Some(values), Some(minutes)) = (
        names.as_any().downcast_ref::<StringArray>(),
        values.as_any().downcast_ref::<Float64Array>(),
        minutes.as_any().downcast_ref::<Float64Array>(),
    ) else {
        return Err(Error::file(&stay.origin, "columns of an unexpected type"));
    };
    let sets = sets
        .as_ref()
        .and_then(|sets| sets.as_any().downcast_ref::<Float64Array>());
    for row in 0..rows.num_rows() {
        let bad = |stay: &RawStay, what: String| {
            let row = stay.events.len() + 1;
            Error::file(
                &stay.origin,
                format!("row {row}: {what} (stay {})", stay.id),
            )
        };
        let number = |column: &Float64Array, name: &str| match column.is_null(row) {
            true => Err(bad(stay, format!("{name} is null"))),
            false => Ok(column.value(row)),
        };
        if names.is_null(row) || names.value(row).is_empty() {
            return Err(bad(stay, "no variable is named".into()));
        }
        let (value, minute) = (number(values, "value")?, number(minutes, "minute")?);
        if !value.is_finite() {
            let what = format!("value {value} of `{}` is not finite", names.value(row));
            return Err(bad(stay, what));
        }
        if !(minute.is_finite() && minute >= 0.0) {
            return Err(bad(stay, format!("minute {minute} is not a time ≥ 0")));
        }
        let set = sets.map_or(Ok(0.0), |sets| number(sets, "set_index"))?;
        if !(set >= 0.0 && set <= f64::from(u32::MAX) && set.fract() == 0.0) {
            return Err(bad(
                stay,
                format!("set_index {set} is not a whole number ≥ 0"),
            ));
        }
        stay.events.push(RawEvent {
            // Adding 0 makes −0 the same time as 0.
            minute: minute + 0.0,
            value,
            variable: batch.names.number(names.value(row)),
            set: set as u32,
        });
    }
    Ok(())
}

fn cast_column(
    stay: &RawStay,
    rows: &RecordBatch,
    name: &str,
    to: &DataType,
) -> Result<ArrayRef, Error> {
    let column = rows
        .column_by_name(name)
        .ok_or_else(|| Error::file(&stay.origin, format!("no column `{name}`")))?;
    cast(column, to).map_err(|e| Error::file(&stay.origin, format!("column `{name}`: {e}")))
}
