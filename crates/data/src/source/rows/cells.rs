//! A column of some rows, in one of the few types that cells are read as.

use std::borrow::Cow;
use std::path::Path;

use arrow::array::{
    Array, ArrayRef, DurationMicrosecondArray, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit as ArrowUnit};

use super::clock::{Clock, TimeCell, Told};
use crate::config::TimeUnit;
use pipeline_error::Error;

/// Texts that say that there is no value.
const MISSING: [&str; 8] = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"];

/// A column of some rows.
pub(in crate::source) enum Cells {
    Text(StringArray),
    Integer(Int64Array),
    Float(Float64Array),
    /// Microseconds since 1970; of a type with a time zone if the file's is.
    Timestamp(TimestampMicrosecondArray),
    /// Microseconds.
    Duration(DurationMicrosecondArray),
}

impl Cells {
    /// The column `name` of a Parquet file.
    pub(super) fn of(file: &Path, name: &str, column: &ArrayRef) -> Result<Self, Error> {
        let failed = |what: String| Error::file(file, format!("column `{name}`: {what}"));
        let to = |data_type: &DataType| cast(column, data_type).map_err(|e| failed(e.to_string()));
        let microseconds = ArrowUnit::Microsecond;
        Ok(match column.data_type() {
            found if found.is_integer() => Self::Integer(down(&to(&DataType::Int64)?)),
            DataType::Boolean => Self::Integer(down(&to(&DataType::Int64)?)),
            found if found.is_numeric() => Self::Float(down(&to(&DataType::Float64)?)),
            DataType::Timestamp(_, Some(_)) => {
                let zoned = DataType::Timestamp(microseconds, Some("+00:00".into()));
                Self::Timestamp(down(&to(&zoned)?))
            }
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
                Self::Timestamp(down(&to(&DataType::Timestamp(microseconds, None))?))
            }
            DataType::Duration(_) => Self::Duration(down(&to(&DataType::Duration(microseconds))?)),
            DataType::Null => Self::Text(down(&to(&DataType::Utf8)?)),
            found if holds_text(found) => Self::Text(down(&to(&DataType::Utf8)?)),
            found => return Err(failed(format!("cells of type {found} cannot be read"))),
        })
    }

    /// The number of cells.
    pub(in crate::source) fn len(&self) -> usize {
        self.array().len()
    }

    fn array(&self) -> &dyn Array {
        match self {
            Self::Text(cells) => cells,
            Self::Integer(cells) => cells,
            Self::Float(cells) => cells,
            Self::Timestamp(cells) => cells,
            Self::Duration(cells) => cells,
        }
    }

    /// What a cell says, as text; `None` where it says that there is nothing.
    pub(in crate::source) fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        if self.array().is_null(row) {
            return None;
        }
        match self {
            Self::Text(cells) => {
                let text = cells.value(row).trim();
                (!is_missing(text)).then_some(Cow::Borrowed(text))
            }
            Self::Integer(cells) => Some(cells.value(row).to_string().into()),
            Self::Float(cells) => {
                let number = cells.value(row);
                (!number.is_nan()).then(|| number.to_string().into())
            }
            Self::Timestamp(cells) => Some(cells.value(row).to_string().into()),
            Self::Duration(cells) => Some(cells.value(row).to_string().into()),
        }
    }

    /// The number in a cell: `None` where there is none, NaN where it is no number.
    pub(in crate::source) fn number(&self, row: usize) -> Option<f64> {
        if self.array().is_null(row) {
            return None;
        }
        match self {
            Self::Integer(cells) => Some(cells.value(row) as f64),
            Self::Float(cells) => Some(cells.value(row)).filter(|number| !number.is_nan()),
            Self::Text(cells) => {
                let text = cells.value(row).trim();
                match text.parse::<f64>() {
                    Ok(number) if !number.is_nan() => Some(number),
                    _ if is_missing(text) => None,
                    _ => Some(f64::NAN),
                }
            }
            Self::Timestamp(_) | Self::Duration(_) => Some(f64::NAN),
        }
    }

    /// The time in a cell.
    pub(in crate::source) fn time(&self, row: usize, clock: &Clock) -> TimeCell {
        if self.array().is_null(row) {
            return TimeCell::Missing;
        }
        match (self, clock.unit) {
            (Self::Timestamp(cells), TimeUnit::Timestamp) => match cells.timezone() {
                Some(_) => TimeCell::At(cells.value(row), Told::Zoned),
                None => clock.of_naive(cells.value(row)),
            },
            (Self::Duration(cells), TimeUnit::Duration) => {
                TimeCell::At(cells.value(row), Told::Plain)
            }
            (Self::Text(cells), _) => clock.of_text(cells.value(row)),
            _ => match self.number(row) {
                None => TimeCell::Missing,
                Some(number) => clock.of_number(number),
            },
        }
    }

    /// What a cell holds, for messages.
    pub(in crate::source) fn shown(&self, row: usize) -> String {
        match self {
            Self::Text(cells) => cells.value(row).to_string(),
            Self::Timestamp(cells) => (cells.value_as_datetime(row)).map_or_else(
                || format!("timestamp {}", cells.value(row)),
                |time| time.to_string(),
            ),
            Self::Duration(cells) => format!("a duration of {} µs", cells.value(row)),
            _ => self.text(row).unwrap_or_default().into_owned(),
        }
    }
}

/// Whether a text says that there is no value.
pub(in crate::source) fn is_missing(text: &str) -> bool {
    MISSING.contains(&text)
}

fn holds_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => holds_text(values),
        _ => false,
    }
}

/// An array whose type is known, as that type.
fn down<T: Array + Clone + 'static>(array: &ArrayRef) -> T {
    let found: Option<&T> = array.as_any().downcast_ref();
    found
        .cloned()
        .unwrap_or_else(|| unreachable!("a cast gives the type that was asked for"))
}
