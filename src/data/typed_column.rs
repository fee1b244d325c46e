//! Columns of other people's Parquet files: text and numbers, in every type that holds them.

use std::path::Path;

use arrow::array::{Array, ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};

use super::csv_table::quoted;
use crate::error::Error;

/// What a column must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnType {
    Text,
    Number,
}

/// Where the columns of these names are; one that is absent or of another type is an error.
pub(super) fn positions(
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
        ColumnType::Number => (found.is_integer() || found.is_floating(), "a number"),
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

/// The column `name`, which holds text.
pub(super) fn text(path: &Path, rows: &RecordBatch, name: &str) -> Result<StringArray, Error> {
    column(path, rows, name, &DataType::Utf8)
}

/// The column `name`, which holds numbers.
pub(super) fn numbers(path: &Path, rows: &RecordBatch, name: &str) -> Result<Float64Array, Error> {
    column(path, rows, name, &DataType::Float64)
}

fn column<T: Array + Clone + 'static>(
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
