//! One cohort, written down in any way.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray, TimestampMicrosecondArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use pipeline_data::parquet_file::{Compression, write_nullable};
use pipeline_random::{Draws, Stream};

/// Microseconds.
pub const MINUTE: i64 = 60_000_000;
/// When the first stay began: 2021-01-01.
const BEGIN: i64 = 1_609_459_200_000_000;

/// A measurement.
pub struct Event {
    pub stay: usize,
    /// Since the stay began.
    pub minute: i64,
    pub item: &'static str,
    pub value: f64,
}

/// Stays with their measurements.
pub struct Cohort {
    pub ids: Vec<i64>,
    pub events: Vec<Event>,
}

impl Cohort {
    /// Some 40 stays. Values are exact in half precision, so that no width changes one; some are of the same variable
    /// and time.
    pub fn new() -> Self {
        let mut draws = Stream::new(19, "a cohort").at(&[]);
        let ids = (0..40).map(|at| 7 + 13 * at).collect();
        let mut events = Vec::new();
        for stay in 0..40 {
            for _ in 0..4 + draws.below(8) {
                let item = ["HR", "lactate", "temperature"][draws.below(3) as usize];
                events.push(Event {
                    stay,
                    minute: 20 * draws.below(12) as i64,
                    item,
                    value: draws.below(400) as f64 / 4.0,
                });
            }
        }
        Self { ids, events }
    }

    /// When an event was, in microseconds since 1970.
    pub fn time(&self, event: &Event) -> i64 {
        self.begin(event.stay) + event.minute * MINUTE
    }

    /// When a stay began.
    pub fn begin(&self, stay: usize) -> i64 {
        BEGIN + stay as i64 * 1_007 * MINUTE
    }

    /// Whether it ended badly.
    pub fn label(&self, stay: usize) -> i64 {
        i64::from(stay.is_multiple_of(3))
    }
}

/// Columns of text with their names: a table before it is a file.
#[derive(Clone)]
pub struct Table {
    pub header: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// The events, a row each: `stay_id`, `time`, `item`, `value`.
    pub fn of_events(
        cohort: &Cohort,
        id: impl Fn(i64) -> String,
        time: impl Fn(&Event) -> String,
        value: impl Fn(f64) -> String,
    ) -> Self {
        let row = |event: &Event| {
            let id = id(cohort.ids[event.stay]);
            vec![id, time(event), event.item.into(), value(event.value)]
        };
        Self {
            header: vec!["stay_id", "time", "item", "value"],
            rows: cohort.events.iter().map(row).collect(),
        }
    }

    /// The stays: `stay_id`, `begin`, `died`.
    pub fn of_stays(
        cohort: &Cohort,
        id: impl Fn(i64) -> String,
        begin: impl Fn(i64) -> String,
        label: impl Fn(i64) -> String,
    ) -> Self {
        let row = |stay: usize| {
            let id = id(cohort.ids[stay]);
            vec![id, begin(cohort.begin(stay)), label(cohort.label(stay))]
        };
        Self {
            header: vec!["stay_id", "begin", "died"],
            rows: (0..cohort.ids.len()).map(row).collect(),
        }
    }

    /// The rows in another order.
    pub fn shuffled(mut self, seed: u64) -> Self {
        let mut draws: Draws = Stream::new(seed, "rows").at(&[]);
        for last in (1..self.rows.len()).rev() {
            let other = draws.below(last as u64 + 1) as usize;
            self.rows.swap(last, other);
        }
        self
    }

    /// The columns in the opposite order.
    pub fn mirrored(mut self) -> Self {
        self.header.reverse();
        self.rows.iter_mut().for_each(|row| row.reverse());
        self
    }

    /// As tables of at most so many rows.
    pub fn shards(self, rows: usize) -> Vec<Self> {
        let shard = |rows: &[Vec<String>]| Self {
            header: self.header.clone(),
            rows: rows.to_vec(),
        };
        self.rows.chunks(rows).map(shard).collect()
    }

    /// As text with these separators.
    pub fn text(&self, field: &str, line: &str) -> String {
        let header = self.header.join(field) + line;
        let rows = self.rows.iter().map(|row| row.join(field) + line);
        header + &rows.collect::<String>()
    }

    /// As Parquet: the columns of these names are of these types, all others are text.
    pub fn parquet(&self, path: &Path, types: &[(&str, DataType)]) {
        let column = |(at, name): (usize, &&'static str)| {
            let cells = self.rows.iter().map(|row| row[at].as_str());
            let of = types.iter().find(|(typed, _)| typed == name);
            (
                *name,
                typed(cells, of.map_or(&DataType::Utf8, |(_, of)| of)),
            )
        };
        let columns = self.header.iter().enumerate().map(column).collect();
        write_nullable(path, columns, Compression::SNAPPY).expect("is written");
    }
}

/// Cells of a type. Times are given in microseconds since 1970.
fn typed<'a>(cells: impl Iterator<Item = &'a str>, of: &DataType) -> ArrayRef {
    // An empty cell is null where the column is no text.
    let text = StringArray::from_iter(cells.map(|cell| (!cell.is_empty()).then_some(cell)));
    let whole = || {
        text.iter()
            .map(|cell| cell.and_then(|cell| cell.parse().ok()))
    };
    let plain: ArrayRef = match of {
        DataType::Timestamp(_, None) => Arc::new(TimestampMicrosecondArray::from_iter(whole())),
        DataType::Timestamp(_, Some(zone)) => {
            let times = TimestampMicrosecondArray::from_iter(whole());
            Arc::new(times.with_timezone(zone.clone()))
        }
        DataType::Dictionary(..) | DataType::Boolean => Arc::new(text.clone()),
        DataType::Float16 | DataType::Decimal128(..) => {
            cast(&text, &DataType::Float64).expect("numbers")
        }
        _ => Arc::new(text.clone()),
    };
    cast(&plain, of).expect("cells of the type")
}
