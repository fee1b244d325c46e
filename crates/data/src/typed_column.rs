//! Columns of other people's Parquet files: text and numbers, in every type that holds them.

use std::path::Path;

use arrow::array::{
    Array, ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, TimeUnit};

use super::names::quoted;
use pipeline_error::Error;

/// What a column must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Text,
    Number,
    /// A time of day and year.
    Time,
    /// A whole number, or true and false.
    Class,
}

/// Where the columns of these names are; one that is absent or of another type is an error.
pub(crate) fn positions(
    path: &Path,
    schema: &Schema,
    wanted: &[(&str, ColumnType)],
) -> Result<Vec<usize>, Error> {
    let position = |(name, expected): &(&str, ColumnType)| position(path, schema, name, *expected);
    wanted.iter().map(position).collect()
}

fn position(
    path: &Path,
    schema: &Schema,
    name: &str,
    expected: ColumnType,
) -> Result<usize, Error> {
    let position = schema.index_of(name).map_err(|_| {
        let there = schema.fields().iter().map(|field| field.name());
        Error::file(
            path,
            format!("no column `{name}`; it has {}", quoted(there)),
        )
    })?;
    let found = schema.field(position).data_type();
    let (fits, expected) = match expected {
        ColumnType::Text => (is_text(found), "text"),
        ColumnType::Number => (is_number(found), "a number"),
        ColumnType::Time => (
            matches!(found, DataType::Timestamp(_, _) | DataType::Date32),
            "a timestamp",
        ),
        ColumnType::Class => (
            is_number(found) || *found == DataType::Boolean,
            "a number or a boolean",
        ),
    };
    if !fits {
        let what = format!("column `{name}` is of type {found}, where {expected} is expected");
        return Err(Error::file(path, what));
    }
    Ok(position)
}

pub(crate) fn is_number(data_type: &DataType) -> bool {
    data_type.is_integer() || data_type.is_floating()
}

pub(crate) fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// The column `name`, which holds text.
pub(crate) fn text(path: &Path, rows: &RecordBatch, name: &str) -> Result<StringArray, Error> {
    cast_to(path, rows, name, &DataType::Utf8)
}

/// The column `name`, which holds numbers.
pub(crate) fn numbers(path: &Path, rows: &RecordBatch, name: &str) -> Result<Float64Array, Error> {
    cast_to(path, rows, name, &DataType::Float64)
}

/// The column `name`, which holds times, in microseconds.
pub(crate) fn times(
    path: &Path,
    rows: &RecordBatch,
    name: &str,
) -> Result<TimestampMicrosecondArray, Error> {
    let plain = DataType::Timestamp(TimeUnit::Microsecond, None);
    cast_to(path, rows, name, &plain)
}

/// The column `name` as an array of type `T`, cast to `to`.
pub(crate) fn cast_to<T: Array + Clone + 'static>(
    path: &Path,
    rows: &RecordBatch,
    name: &str,
    to: &DataType,
) -> Result<T, Error> {
    let found: Option<&ArrayRef> = rows.column_by_name(name);
    let found = found.ok_or_else(|| Error::file(path, format!("no column `{name}`")))?;
    let cast =
        cast(found, to).map_err(|error| Error::file(path, format!("column `{name}`: {error}")))?;
    let cast = cast.as_any().downcast_ref().cloned();
    cast.ok_or_else(|| Error::file(path, format!("column `{name}` is of an unexpected type")))
}
