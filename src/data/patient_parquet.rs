//! One Parquet file a stay, in folders: the layout of the SeqSetVAE reference.
//!
//! Columns: `variable` (text), `value` and `minute` (numbers), optionally `set_index` (whole
//! numbers); others are ignored. Where the split is by folders, exactly those are read; else
//! every file in the folder and in the folders directly below it.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use arrow::array::{Array, Float64Array, RecordBatch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::cohort::{Batch, Cohort, RawEvent, RawStay};
use super::config::{PatientParquetSource, SplitRule};
use super::csv_table::quoted;
use super::folder::{files_with_extension, subfolders};
use super::labels::Labels;
use super::parquet_file;
use super::typed_column::{self, ColumnType};
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
    let has_set_index = schema.index_of("set_index").is_ok();
    let mut wanted = vec![
        ("variable", ColumnType::Text),
        ("value", ColumnType::Number),
        ("minute", ColumnType::Number),
    ];
    if has_set_index {
        wanted.push(("set_index", ColumnType::Number));
    }
    let columns = typed_column::positions(path, schema, &wanted)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
    let reader = (builder.with_projection(mask).build())
        .map_err(|e| Error::file(path, format!("cannot be read: {e}")))?;
    Ok((reader, has_set_index))
}

fn append(stay: &mut RawStay, rows: &RecordBatch, batch: &mut Batch) -> Result<(), Error> {
    let names = typed_column::text(&stay.origin, rows, "variable")?;
    let values = typed_column::numbers(&stay.origin, rows, "value")?;
    let minutes = typed_column::numbers(&stay.origin, rows, "minute")?;
    let sets = match stay.has_set_index {
        true => Some(typed_column::numbers(&stay.origin, rows, "set_index")?),
        false => None,
    };
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
        let (value, minute) = (number(&values, "value")?, number(&minutes, "minute")?);
        if !value.is_finite() {
            let what = format!("value {value} of `{}` is not finite", names.value(row));
            return Err(bad(stay, what));
        }
        if !(minute.is_finite() && minute >= 0.0) {
            return Err(bad(stay, format!("minute {minute} is not a time ≥ 0")));
        }
        let set = sets
            .as_ref()
            .map_or(Ok(0.0), |sets| number(sets, "set_index"))?;
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
