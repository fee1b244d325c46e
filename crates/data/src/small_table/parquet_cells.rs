//! Cells of a Parquet file, written out as text.

use std::path::Path;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::DataType;

use crate::decimal_text::without_zero_fraction;
use crate::typed_column::strict_cast;
use pipeline_error::Error;

/// Whether cells of a type can be written out as one text each. A list is no name, and a number only by chance.
pub(super) fn is_written(data_type: &DataType) -> bool {
    !data_type.is_nested() && can_cast_types(data_type, &DataType::Utf8)
}

/// A column of Parquet, written out. Times that know their zone are written as UTC, and say so.
pub(super) fn written(path: &Path, name: &str, column: &ArrayRef) -> Result<StringArray, Error> {
    let text = match column.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
            cast(column, &utc).and_then(|utc| cast(&utc, &DataType::Utf8))
        }
        _ => {
            let text = strict_cast(column, &DataType::Utf8);
            Ok(text.map_err(|bad| bad.in_column(path, 0, name))?)
        }
    };
    let text = text.map_err(|error| Error::file(path, format!("column `{name}`: {error}")))?;
    let text = text.as_any().downcast_ref().cloned();
    text.ok_or_else(|| Error::file(path, format!("column `{name}` is of an unexpected type")))
}

/// What a cell of a Parquet file is as text: a number without a fraction of zeros, NaN as nothing.
pub(super) fn without_ornament(text: &str, data_type: &DataType) -> String {
    match text.trim() {
        "NaN" if data_type.is_floating() => String::new(),
        number if data_type.is_decimal() => without_zero_fraction(number).to_string(),
        number if data_type.is_floating() => {
            number.strip_suffix(".0").unwrap_or(number).to_string()
        }
        text => text.to_string(),
    }
}
