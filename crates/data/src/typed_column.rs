//! Columns of other people's Parquet files: text and numbers, in every type that holds them.

use std::path::Path;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::{cast, nullif};
use arrow::datatypes::{
    DataType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Int64Type, Schema,
    TimeUnit, UInt64Type,
};
use arrow::util::display::array_value_to_string;

use super::decimal_text::without_zero_fraction;
use super::names::quoted;
use super::parquet_file;
use pipeline_error::Error;

/// What a column must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Text,
    /// A text, or a whole number: a code.
    Name,
    Number,
    /// A time of day and year.
    Time,
    /// A whole number, or true and false.
    Class,
}

/// Where the columns of these names are; one that is absent, there twice or of another type is an error.
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
    let position = parquet_file::position(path, schema, name)?.ok_or_else(|| {
        let there = schema.fields().iter().map(|field| field.name());
        Error::file(
            path,
            format!("no column `{name}`; it has {}", quoted(there)),
        )
    })?;
    let found = schema.field(position).data_type();
    let (fits, expected) = match expected {
        ColumnType::Text => (is_text(found), "text"),
        ColumnType::Name => (
            is_text(found) || found.is_integer(),
            "text or a whole number",
        ),
        ColumnType::Number => (is_number(found), "a number"),
        ColumnType::Time => (matches!(found, DataType::Timestamp(_, _)), "a timestamp"),
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
    data_type.is_integer() || data_type.is_floating() || data_type.is_decimal()
}

pub(crate) fn is_text(data_type: &DataType) -> bool {
    holds_text(data_type)
}

/// Whether cells of a type are texts, also where they are stored as keys.
pub(crate) fn holds_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => holds_text(values),
        _ => false,
    }
}

/// How many bits the floating-point numbers of a column have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloatWidth {
    Half,
    Single,
    Double,
}

impl FloatWidth {
    pub(crate) fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Float16 => Self::Half,
            DataType::Float32 => Self::Single,
            _ => Self::Double,
        }
    }

    /// Bits of its whole numbers: below 2 to that power each is told from its neighbours. That power itself is what the
    /// next whole number is rounded to.
    fn bits(self) -> i32 {
        match self {
            Self::Half => 11,
            Self::Single => 24,
            Self::Double => 53,
        }
    }

    /// The shortest text that is this number and no other of the width.
    pub(crate) fn text(self, number: f64) -> String {
        match self {
            Self::Double => number.to_string(),
            Self::Single | Self::Half => (number as f32).to_string(),
        }
    }

    /// Fails if a number stands for several whole numbers.
    pub(crate) fn check_exact(self, number: f64) -> Result<(), String> {
        match number.abs() >= f64::from(2).powi(self.bits()) && number.is_finite() {
            true => Err(format!(
                "`{}` is a float from 2^{} on, where whole numbers are not told apart: it may have been another \
                 (write the column as integers or text)",
                self.text(number),
                self.bits()
            )),
            false => Ok(()),
        }
    }

    /// The whole number that a float is, which names something.
    pub(crate) fn whole(self, number: f64) -> Result<i64, String> {
        self.check_exact(number)?;
        match number.is_finite() && number.fract() == 0.0 {
            true => Ok(number as i64),
            false => Err(format!(
                "`{}` is a float that is no whole number (write the column as integers or text)",
                self.text(number)
            )),
        }
    }
}

/// The text of a whole or decimal number of any width, exactly; a fraction of zeros is none.
/// `None` where the cell is null or of another type.
pub(crate) fn exact_text(cells: &ArrayRef, row: usize) -> Option<String> {
    if cells.is_null(row) {
        return None;
    }
    let text = match cells.data_type() {
        DataType::UInt64 => cells.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Decimal32(..) => (cells.as_primitive::<Decimal32Type>()).value_as_string(row),
        DataType::Decimal64(..) => (cells.as_primitive::<Decimal64Type>()).value_as_string(row),
        DataType::Decimal128(..) => (cells.as_primitive::<Decimal128Type>()).value_as_string(row),
        DataType::Decimal256(..) => (cells.as_primitive::<Decimal256Type>()).value_as_string(row),
        _ => return None,
    };
    Some(without_zero_fraction(&text).to_string())
}

/// A cell that the type it is to be read as does not hold.
#[derive(Debug)]
pub(crate) struct BadCell {
    /// Index into the cells; `None` if no cell of the type can be read so.
    row: Option<usize>,
    what: String,
}

impl BadCell {
    /// The complaint about the column `name`, whose cells follow the first `before` rows.
    pub(crate) fn in_column(self, path: &Path, before: usize, name: &str) -> Error {
        let what = match self.row {
            Some(row) => format!("row {}: {name} {}", before + row + 1, self.what),
            None => format!("column `{name}`: {}", self.what),
        };
        Error::file(path, what)
    }
}

/// The cells as another type. A cell that it does not hold is an error, and never null.
pub(crate) fn strict_cast(cells: &ArrayRef, to: &DataType) -> Result<ArrayRef, BadCell> {
    if cells.data_type() == to {
        return Ok(cells.clone());
    }
    let read = cast(cells, to).map_err(|error| BadCell {
        row: None,
        what: error.to_string(),
    })?;
    if read.logical_null_count() == cells.logical_null_count() {
        return Ok(read);
    }
    let (before, after) = (cells.logical_nulls(), read.logical_nulls());
    let is_null = |nulls: &Option<arrow::buffer::NullBuffer>, row: usize| {
        nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    };
    let lost = (0..cells.len()).find(|&row| is_null(&after, row) && !is_null(&before, row));
    let row = lost.unwrap_or(0);
    let shown = array_value_to_string(cells, row).unwrap_or_else(|_| "of this cell".into());
    Err(BadCell {
        row: Some(row),
        what: format!("`{shown}` ({}) is beyond {to}", cells.data_type()),
    })
}

/// Which cells are NaT, numpy's mark for no time: the least number of 64 bits, whatever the unit. Most programs write null
/// for it. `None` where no cell is one.
fn nats(cells: &ArrayRef) -> Option<BooleanArray> {
    let data_type = match cells.data_type() {
        DataType::Dictionary(_, values) => values,
        data_type => data_type,
    };
    if !matches!(data_type, DataType::Timestamp(..) | DataType::Duration(_)) {
        return None;
    }
    let numbers = cast(cells, &DataType::Int64).ok()?;
    let numbers = numbers.as_primitive::<Int64Type>();
    let is_nat = |number: Option<i64>| number == Some(i64::MIN);
    numbers.values().contains(&i64::MIN).then(|| {
        let nats = numbers.iter().map(|number| Some(is_nat(number)));
        nats.collect()
    })
}

/// The cells, null where they are NaT.
pub(crate) fn without_nats(cells: &ArrayRef) -> ArrayRef {
    let plain = nats(cells).and_then(|nats| nullif(cells, &nats).ok());
    plain.unwrap_or_else(|| cells.clone())
}

/// The column `name`, which holds text, or whole numbers: their digits.
pub(crate) fn text(path: &Path, rows: &RecordBatch, name: &str) -> Result<StringArray, Error> {
    cast_to(path, rows, name, &DataType::Utf8)
}

/// The column `name`, which holds numbers.
pub(crate) fn numbers(path: &Path, rows: &RecordBatch, name: &str) -> Result<Float64Array, Error> {
    cast_to(path, rows, name, &DataType::Float64)
}

/// The column `name`, which holds times, in microseconds; `before` rows of the file come first. What null means there is for
/// the caller to say, and NaT is an error.
pub(crate) fn times(
    path: &Path,
    before: usize,
    rows: &RecordBatch,
    name: &str,
) -> Result<TimestampMicrosecondArray, Error> {
    let nats = nats(column(path, rows, name)?);
    let nat = nats.and_then(|nats| nats.iter().position(|is_nat| is_nat == Some(true)));
    if let Some(row) = nat {
        let what = format!("row {}: {name} is NaT, which is no time", before + row + 1);
        return Err(Error::file(path, what)
            .with_hint("null says that there is no time; where one is needed, take the row out"));
    }
    let plain = DataType::Timestamp(TimeUnit::Microsecond, None);
    cast_from(path, before, rows, name, &plain)
}

/// The column `name`, whose numbers of any type are whole and name something: exactly.
pub(crate) fn whole_numbers(
    path: &Path,
    before: usize,
    rows: &RecordBatch,
    name: &str,
) -> Result<Int64Array, Error> {
    let found = column(path, rows, name)?;
    let data_type = found.data_type();
    if data_type.is_integer() {
        return cast_from(path, before, rows, name, &DataType::Int64);
    }
    let bad = |row: usize, what: String| {
        BadCell {
            row: Some(row),
            what,
        }
        .in_column(path, before, name)
    };
    let whole: Vec<Option<i64>> = if data_type.is_decimal() {
        let whole = |row| {
            let Some(text) = exact_text(found, row) else {
                return Ok(None);
            };
            let number = text.parse().map(Some);
            number.map_err(|_| bad(row, format!("`{text}` is no whole number of 64 bits")))
        };
        (0..found.len()).map(whole).collect::<Result<_, Error>>()?
    } else {
        let width = FloatWidth::of(data_type);
        let floats: Float64Array = cast_from(path, before, rows, name, &DataType::Float64)?;
        let whole = |(row, number): (usize, Option<f64>)| {
            let whole = number.map(|number| width.whole(number)).transpose();
            whole.map_err(|what| bad(row, what))
        };
        floats
            .iter()
            .enumerate()
            .map(whole)
            .collect::<Result<_, Error>>()?
    };
    Ok(whole.into_iter().collect())
}

/// The column `name` as an array of type `T`, cast to `to`.
pub(crate) fn cast_to<T: Array + Clone + 'static>(
    path: &Path,
    rows: &RecordBatch,
    name: &str,
    to: &DataType,
) -> Result<T, Error> {
    cast_from(path, 0, rows, name, to)
}

/// The same of rows that follow the first `before` of the file.
fn cast_from<T: Array + Clone + 'static>(
    path: &Path,
    before: usize,
    rows: &RecordBatch,
    name: &str,
    to: &DataType,
) -> Result<T, Error> {
    let cast = strict_cast(column(path, rows, name)?, to);
    let cast = cast.map_err(|bad| bad.in_column(path, before, name))?;
    let cast = cast.as_any().downcast_ref().cloned();
    cast.ok_or_else(|| Error::file(path, format!("column `{name}` is of an unexpected type")))
}

fn column<'a>(path: &Path, rows: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, Error> {
    let found = rows.column_by_name(name);
    found.ok_or_else(|| Error::file(path, format!("no column `{name}`")))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{DurationSecondArray, TimestampMillisecondArray, TimestampNanosecondArray};

    use super::*;

    #[test]
    fn the_mark_for_no_time_is_none_in_every_unit() {
        let times = [Some(i64::MIN), None, Some(i64::MIN + 1), Some(0)];
        let columns: [ArrayRef; 4] = [
            Arc::new(TimestampMillisecondArray::from(times.to_vec())),
            Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC")),
            Arc::new(TimestampNanosecondArray::from(times.to_vec())),
            Arc::new(DurationSecondArray::from(times.to_vec())),
        ];
        for column in columns {
            let plain = without_nats(&column);
            assert_eq!(plain.data_type(), column.data_type());
            let nulls: Vec<bool> = (0..4).map(|row| plain.is_null(row)).collect();
            assert_eq!(nulls, [true, true, false, false]);
        }
        let whole: ArrayRef = Arc::new(Int64Array::from(vec![i64::MIN]));
        assert_eq!(without_nats(&whole).null_count(), 0);
        let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![0, i64::MIN]));
        let rows = RecordBatch::try_from_iter([("time", times)]).unwrap();
        let error = super::times(Path::new("a.parquet"), 10, &rows, "time").unwrap_err();
        assert!(
            error.to_string().contains("a.parquet: row 12: time is NaT"),
            "{error}"
        );
    }

    #[test]
    fn a_float_that_may_have_been_the_next_whole_number_is_no_name() {
        for (width, first) in [
            (FloatWidth::Half, 2048.0),
            (FloatWidth::Single, 16_777_216.0),
            (FloatWidth::Double, 9_007_199_254_740_992.0),
        ] {
            assert_eq!(width.whole(first - 1.0), Ok(first as i64 - 1));
            assert!(width.whole(first).is_err(), "{first}");
            assert!(width.whole(-first).is_err(), "{first}");
        }
    }
}
