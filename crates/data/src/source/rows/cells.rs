//! A column of some rows, in one of the few types that cells are read as.

use std::borrow::Cow;
use std::path::Path;

use arrow::array::{
    Array, ArrayRef, DurationMicrosecondArray, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, TimeUnit as ArrowUnit};
use arrow::util::display::array_value_to_string;

use super::clock::{Clock, TimeCell, Told};
use super::days::Days;
use crate::config::TimeUnit;
use crate::missing::is_missing;
use crate::small_table::TypedTime;
use crate::typed_column::{self, FloatWidth, exact_text, holds_text};
use pipeline_error::Error;

/// A column of some rows.
pub(in crate::source) enum Cells {
    Text(StringArray),
    Integer(Int64Array),
    Float(Float64Array, FloatWidth),
    /// Decimals, and whole numbers without a sign: exact for names, rounded for amounts.
    Exact {
        exact: ArrayRef,
        rounded: Float64Array,
    },
    /// Microseconds since 1970; of a type with a time zone if the file's is.
    Timestamp {
        cells: TimestampMicrosecondArray,
        days: Days,
    },
    /// Microseconds.
    Duration(DurationMicrosecondArray),
}

impl Cells {
    /// The column `name` of a Parquet file, `before` rows after its begin. A cell that the type it
    /// is read as does not hold is an error that names its row.
    pub(in crate::source) fn of(
        file: &Path,
        before: usize,
        name: &str,
        column: &ArrayRef,
    ) -> Result<Self, Error> {
        let column = &typed_column::without_nats(column);
        // Of categories the values say all, and the keys nothing; text of old writers is not marked as such.
        let plain = match column.data_type() {
            DataType::Dictionary(_, values) if !holds_text(values) => Some((**values).clone()),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => Some(DataType::Utf8),
            _ => None,
        };
        if let Some(plain) = plain {
            let column = typed_column::strict_cast(column, &plain);
            let column = column.map_err(|bad| bad.in_column(file, before, name))?;
            return Self::of(file, before, name, &column);
        }
        let to = |data_type: &DataType| {
            typed_column::strict_cast(column, data_type)
                .map_err(|bad| bad.in_column(file, before, name))
        };
        let microseconds = ArrowUnit::Microsecond;
        Ok(match column.data_type() {
            DataType::UInt64 => Self::Exact {
                exact: column.clone(),
                rounded: down(&to(&DataType::Float64)?),
            },
            found if found.is_decimal() => Self::Exact {
                exact: column.clone(),
                rounded: down(&to(&DataType::Float64)?),
            },
            found if found.is_integer() => Self::Integer(down(&to(&DataType::Int64)?)),
            DataType::Boolean => Self::Integer(down(&to(&DataType::Int64)?)),
            found if found.is_floating() => {
                let width = FloatWidth::of(found);
                Self::Float(down(&to(&DataType::Float64)?), width)
            }
            DataType::Timestamp(_, Some(_)) => {
                let zoned = DataType::Timestamp(microseconds, Some("+00:00".into()));
                let cells = down(&to(&zoned)?);
                Self::Timestamp {
                    cells,
                    days: Days::No,
                }
            }
            found @ (DataType::Timestamp(..) | DataType::Date32 | DataType::Date64) => {
                Self::Timestamp {
                    cells: down(&to(&DataType::Timestamp(microseconds, None))?),
                    days: match found {
                        DataType::Date32 => Days::Plain,
                        DataType::Date64 => Days::WithClock,
                        _ => Days::No,
                    },
                }
            }
            DataType::Duration(_) => Self::Duration(down(&to(&DataType::Duration(microseconds))?)),
            DataType::Null => Self::Text(down(&to(&DataType::Utf8)?)),
            found if holds_text(found) => Self::Text(down(&to(&DataType::Utf8)?)),
            found => {
                let what = format!("column `{name}`: cells of type {found} cannot be read");
                return Err(Error::file(file, what));
            }
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
            Self::Float(cells, _) => cells,
            Self::Exact { rounded, .. } => rounded,
            Self::Timestamp { cells, .. } => cells,
            Self::Duration(cells) => cells,
        }
    }

    /// What a cell says, as text, as in a table of stays; `None` where it is empty.
    pub(in crate::source) fn text(&self, row: usize) -> Option<Cow<'_, str>> {
        if self.array().is_null(row) {
            return None;
        }
        match self {
            Self::Text(cells) => {
                let text = cells.value(row).trim();
                (!text.is_empty()).then_some(Cow::Borrowed(text))
            }
            Self::Integer(cells) => Some(cells.value(row).to_string().into()),
            Self::Float(cells, width) => {
                let number = cells.value(row);
                (!number.is_nan()).then(|| width.text(number).into())
            }
            Self::Exact { exact, .. } => exact_text(exact, row).map(Cow::Owned),
            Self::Timestamp { cells, days } => {
                let text = array_value_to_string(cells, row).ok()?;
                let date = text.split('T').next().filter(|_| *days == Days::Plain);
                Some(date.map(str::to_string).unwrap_or(text).into())
            }
            Self::Duration(cells) => array_value_to_string(cells, row).ok().map(Cow::Owned),
        }
    }

    /// The same of a cell that names a category: the error is that of a float too large to be exact.
    pub(in crate::source) fn category(&self, row: usize) -> Result<Option<Cow<'_, str>>, String> {
        if let Self::Float(cells, width) = self
            && !cells.is_null(row)
        {
            width.check_exact(cells.value(row))?;
        }
        Ok(self.text(row))
    }

    /// The same of a cell that names a stay, a patient or a variable: floats are whole numbers.
    pub(in crate::source) fn name(&self, row: usize) -> Result<Option<Cow<'_, str>>, String> {
        Ok(match self.integer(row)? {
            Some(number) => Some(number.to_string().into()),
            None => self.text(row),
        })
    }

    /// The whole number in a cell of integers or floats that names something; `None` in any other.
    pub(in crate::source) fn integer(&self, row: usize) -> Result<Option<i64>, String> {
        match self {
            Self::Integer(cells) if !cells.is_null(row) => Ok(Some(cells.value(row))),
            Self::Float(cells, width) if !cells.is_null(row) && !cells.value(row).is_nan() => {
                width.whole(cells.value(row)).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The number in a cell: `None` where there is none, NaN where it is no number.
    pub(in crate::source) fn number(&self, row: usize) -> Option<f64> {
        if self.array().is_null(row) {
            return None;
        }
        match self {
            Self::Integer(cells) => Some(cells.value(row) as f64),
            Self::Float(cells, _) | Self::Exact { rounded: cells, .. } => {
                Some(cells.value(row)).filter(|number| !number.is_nan())
            }
            Self::Text(cells) => {
                let text = cells.value(row).trim();
                match text.parse::<f64>() {
                    Ok(number) if !number.is_nan() => Some(number),
                    _ if is_missing(text) => None,
                    _ => Some(f64::NAN),
                }
            }
            Self::Timestamp { .. } | Self::Duration(_) => Some(f64::NAN),
        }
    }

    /// The time in a cell.
    pub(in crate::source) fn time(&self, row: usize, clock: &Clock) -> TimeCell {
        if self.array().is_null(row) {
            return TimeCell::Missing;
        }
        match (self, clock.unit) {
            (Self::Timestamp { cells, days }, _) => {
                let time = clock.of_typed(TypedTime {
                    microseconds: cells.value(row),
                    is_zoned: cells.timezone().is_some(),
                    is_day: *days != Days::No,
                });
                time.unwrap_or(TimeCell::Unreadable)
            }
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
            Self::Timestamp { cells, .. } => (cells.value_as_datetime(row)).map_or_else(
                || format!("timestamp {}", cells.value(row)),
                |time| time.to_string(),
            ),
            Self::Duration(cells) => format!("a duration of {} µs", cells.value(row)),
            _ => self.text(row).unwrap_or_default().into_owned(),
        }
    }
}

/// An array whose type is known, as that type.
fn down<T: Array + Clone + 'static>(array: &ArrayRef) -> T {
    let found: Option<&T> = array.as_any().downcast_ref();
    found
        .cloned()
        .unwrap_or_else(|| unreachable!("a cast gives the type that was asked for"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        BinaryArray, Date32Array, Date64Array, DictionaryArray, Float32Array, Int8Array,
    };

    use super::*;
    use crate::config::{StayPolicy, TimeColumn};

    fn texts(column: ArrayRef) -> Vec<Option<String>> {
        let cells = Cells::of(Path::new("a.parquet"), 0, "c", &column).unwrap();
        let text = |row| cells.text(row).map(Cow::into_owned);
        (0..column.len()).map(text).collect()
    }

    #[test]
    fn a_date_that_is_a_name_is_called_as_in_a_table_of_stays() {
        let dates = Date32Array::from(vec![Some(0), None]);
        assert_eq!(texts(Arc::new(dates)), [Some("1970-01-01".into()), None]);
        let times = TimestampMicrosecondArray::from(vec![1_000_000]);
        let time = Some("1970-01-01T00:00:01".to_string());
        assert_eq!(texts(Arc::new(times.clone())), [time]);
        let zoned = times.with_timezone("+02:00");
        let time = Some("1970-01-01T00:00:01Z".to_string());
        assert_eq!(texts(Arc::new(zoned)), [time]);
    }

    #[test]
    fn a_day_of_either_type_is_known_to_have_no_time_of_day() {
        let time = TimeColumn {
            column: "t".into(),
            unit: TimeUnit::Timestamp,
            format: None,
            zone: None,
            negative: StayPolicy::Error,
        };
        let clock = Clock::new(&time).unwrap();
        let days: [ArrayRef; 2] = [
            Arc::new(Date32Array::from(vec![1])),
            Arc::new(Date64Array::from(vec![86_400_000])),
        ];
        for column in days {
            let cells = Cells::of(Path::new("a.parquet"), 0, "c", &column).unwrap();
            let expected = TimeCell::At(86_400_000_000, Told::Day);
            assert_eq!(cells.time(0, &clock), expected, "{}", column.data_type());
        }
    }

    #[test]
    fn keys_and_unmarked_bytes_are_read_as_what_they_stand_for() {
        let keys = Int8Array::from(vec![Some(1), None, Some(0)]);
        let floats = Float32Array::from(vec![0.1, 2.5]);
        let categories = DictionaryArray::new(keys, Arc::new(floats));
        let written = [Some("2.5".to_string()), None, Some("0.1".to_string())];
        assert_eq!(texts(Arc::new(categories)), written);
        let bytes = BinaryArray::from(vec![Some("é".as_bytes()), None]);
        assert_eq!(texts(Arc::new(bytes)), [Some("é".into()), None]);
        let latin: ArrayRef = Arc::new(BinaryArray::from(vec![Some(b"\xe9".as_slice())]));
        let error = Cells::of(Path::new("a.parquet"), 6, "c", &latin).err();
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("a.parquet: row 7: c"), "{error}");
    }
}
