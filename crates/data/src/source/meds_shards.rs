//! The shards of a MEDS dataset: their columns, and how they are opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

use crate::parquet_file::{self, Batches, sound};
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
/// What helps where one of two times has a zone.
pub(super) const NO_ZONES: &str =
    "MEDS has no time zones: write both without one, on the same clock";
/// What it leaves to the shard.
pub(super) const VALUE: &str = "numeric_value";
/// What else a value may be.
pub(super) const TEXT: &str = "text_value";

/// Where the columns of a shard are that are read.
pub(super) fn columns_of(path: &Path, schema: &Schema) -> Result<Vec<usize>, Error> {
    let mut columns = positions(path, schema, &COLUMNS)?;
    if parquet_file::position(path, schema, VALUE)?.is_some() {
        columns.extend(positions(path, schema, &[(VALUE, ColumnType::Number)])?);
    }
    Ok(columns)
}

/// Where the columns of these names are. A column of nulls, or without rows, may have the type of nulls: some writers know
/// no other for it.
pub(super) fn positions(
    path: &Path,
    schema: &Schema,
    wanted: &[(&str, ColumnType)],
) -> Result<Vec<usize>, Error> {
    let mut found = Vec::with_capacity(wanted.len());
    for column in wanted {
        match parquet_file::position(path, schema, column.0)? {
            Some(at) if *schema.field(at).data_type() == DataType::Null => found.push(at),
            _ => found.extend(typed_column::positions(path, schema, &[*column])?),
        }
    }
    Ok(found)
}

/// Whether the column of values is among them.
pub(super) fn has_values(columns: &[usize]) -> bool {
    columns.len() > COLUMNS.len()
}

/// Whether a shard has a value that is a text. A column counts as one with texts unless its statistics say that all is null.
pub(super) fn holds_texts(shard: &ParquetRecordBatchReaderBuilder<std::fs::File>) -> bool {
    let mut columns = shard.parquet_schema().columns().iter();
    let Some(at) = columns.position(|column| column.path().string() == TEXT) else {
        return false;
    };
    shard.metadata().row_groups().iter().any(|group| {
        let cells = group.column(at);
        let nulls = cells.statistics().and_then(|known| known.null_count_opt());
        nulls.is_none_or(|nulls| (nulls as i64) < cells.num_values())
    })
}

/// A reader of one row group that hands out codes as they are stored: as keys.
pub(super) fn open_row_group(path: &Path, number: usize) -> Result<Batches, Error> {
    let builder = parquet_file::open(path)?;
    let columns = columns_of(path, builder.schema())?;
    let keys = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields: Vec<Field> = (builder.schema().fields().iter())
        .map(
            |field| match field.name() == "code" && field.data_type() == &DataType::Utf8 {
                true => field.as_ref().clone().with_data_type(keys.clone()),
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

/// Fails if some times know their zone and others do not: hours may lie between events and predictions.
pub(super) fn refuse_two_kinds_of_times(
    shards: &[PathBuf],
    labels: &[PathBuf],
) -> Result<(), Error> {
    let shards = shards.iter().map(|file| (file, "time"));
    let labels = labels.iter().map(|file| (file, "prediction_time"));
    let mut first: [Option<(&PathBuf, &str)>; 2] = [None, None];
    for (file, column) in shards.chain(labels) {
        let schema = parquet_file::open(file)?.schema().clone();
        let Ok(field) = schema.field_with_name(column) else {
            continue;
        };
        if *field.data_type() == DataType::Null {
            continue;
        }
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
    Err(Error::file(zoned, what).with_hint(NO_ZONES))
}
