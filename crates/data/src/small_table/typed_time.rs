use arrow::array::{Array, ArrayRef, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};

/// A time of a Parquet column whose type says that it is one, so that no format need say how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TypedTime {
    /// Since 1970; without a zone, as if it were UTC.
    pub(crate) microseconds: i64,
    pub(crate) is_zoned: bool,
    /// Whether it has no time of day.
    pub(crate) is_day: bool,
}

impl TypedTime {
    /// The times in a column, one a row; nothing if its type is another. One beyond 64-bit microseconds is none.
    pub(super) fn of_column(column: &ArrayRef) -> Vec<Option<Self>> {
        let data_type = match column.data_type() {
            DataType::Dictionary(_, values) => values,
            data_type => data_type,
        };
        let (is_zoned, is_day) = match data_type {
            DataType::Timestamp(_, zone) => (zone.is_some(), false),
            DataType::Date32 | DataType::Date64 => (false, true),
            _ => return Vec::new(),
        };
        let zone = is_zoned.then(|| "+00:00".into());
        let times = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, zone)).ok();
        let times = times.as_ref().and_then(|times| {
            let times = times.as_any().downcast_ref::<TimestampMicrosecondArray>();
            times.map(|times| times.iter().collect::<Vec<_>>())
        });
        let times = times.unwrap_or_else(|| vec![None; column.len()]);
        let typed = |microseconds| Self {
            microseconds,
            is_zoned,
            is_day,
        };
        times.into_iter().map(|time| time.map(typed)).collect()
    }
}
