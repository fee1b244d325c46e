//! Writes the three tables. Their columns are described in [`crate`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray, UInt32Array, UInt64Array,
};

use super::config::Labels;
use super::contract;
use super::dataset::Split;
use super::embedding::EmbeddingRows;
use super::ingest::{RawEvent, time_to_minutes};
use super::parquet_file::{self, Compression, EncodedRows, StreamedTable};
use super::source::StayRow;
use super::statistics::Variable;
use pipeline_error::Error;

/// Columns of the table of events, of some stays.
#[derive(Default)]
pub(super) struct EventRows {
    /// Events of each stay.
    sizes: Vec<(u32, u32)>,
    set: Vec<u32>,
    /// Exact to the microsecond for 285 years; in 32 bits sets of one stay would run together after months.
    minute: Vec<f64>,
    variable: Vec<u32>,
    raw: Vec<f64>,
    value: Vec<f32>,
}

impl EventRows {
    /// Appends an event with its z-score.
    pub(super) fn push(&mut self, event: &RawEvent, value: f32) {
        self.set.push(event.set);
        self.minute.push(time_to_minutes(event.time));
        self.variable.push(event.variable);
        // An event without a value counts as presence.
        self.raw.push(if event.value.is_nan() {
            1.0
        } else {
            event.value
        });
        self.value.push(value);
    }

    /// Says that the last `events` events are those of stay number `stay` among all that are kept.
    pub(super) fn end_stay(&mut self, stay: u32, events: u32) {
        self.sizes.push((stay, events));
    }

    /// Whether there is any event.
    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    /// Moves the numbers of the stays by as many as there are before them.
    pub(super) fn after(mut self, stays: u32) -> Self {
        for (stay, _) in &mut self.sizes {
            *stay += stays;
        }
        self
    }

    fn columns(self) -> Vec<(&'static str, ArrayRef)> {
        let sizes = self.sizes.iter();
        let stays = sizes.flat_map(|&(stay, events)| std::iter::repeat_n(stay, events as usize));
        vec![
            ("stay", Arc::new(UInt32Array::from_iter_values(stays))),
            ("set", Arc::new(UInt32Array::from(self.set))),
            ("minute", Arc::new(Float64Array::from(self.minute))),
            ("variable", Arc::new(UInt32Array::from(self.variable))),
            ("raw", Arc::new(Float64Array::from(self.raw))),
            ("value", Arc::new(Float32Array::from(self.value))),
        ]
    }
}

/// The table of events, written a row group at a time.
pub(super) struct EventTable(StreamedTable);

impl EventTable {
    pub(super) fn create(path: &Path) -> Result<Self, Error> {
        let columns = EventRows::default().columns();
        StreamedTable::create(path, columns, Compression::SNAPPY).map(Self)
    }

    /// Encodes the rows of a row group: the work, which any thread may do.
    pub(super) fn encode(&self, rows: EventRows) -> Result<EncodedRows, Error> {
        self.0.encode(rows.columns())
    }

    /// Writes the next row group.
    pub(super) fn append(&mut self, rows: EncodedRows) -> Result<(), Error> {
        self.0.append(rows)
    }

    pub(super) fn finish(self) -> Result<(), Error> {
        self.0.finish()
    }
}

/// A row of the table of stays.
pub(super) struct KeptStay<'a> {
    pub(super) stay: &'a StayRow,
    /// Its number among all stays of the source.
    pub(super) row: usize,
    pub(super) split: Split,
    pub(super) sets: u32,
    pub(super) events: u32,
}

/// Writes the table of stays. Every stay has a label by now, or none has. The times of prediction are there if all
/// stays have one, and clocks show the date; beside them the columns of the attributes.
pub(super) fn write_stays(
    path: &Path,
    stays: &[KeptStay],
    labels: Labels,
    is_dated: bool,
    attributes: &[(String, ArrayRef)],
) -> Result<(), Error> {
    let text = |of: &dyn Fn(&KeptStay) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(stays.iter().map(of)))
    };
    let count = |of: &dyn Fn(&KeptStay) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(stays.iter().map(of)))
    };
    let classes = stays.iter().map(|kept| kept.stay.label.map(i64::from));
    let subject = |kept: &KeptStay| {
        let subject = kept.stay.subject.as_ref().unwrap_or(&kept.stay.id);
        subject.to_string()
    };
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("stay_id", text(&|kept| kept.stay.id.to_string())),
        ("subject_id", text(&subject)),
        ("split", text(&|kept| kept.split.name().to_string())),
        ("label", Arc::new(classes.collect::<Int64Array>())),
        ("sets", count(&|kept| kept.sets)),
        ("events", count(&|kept| kept.events)),
    ];
    let predictions: Option<Vec<i64>> = stays.iter().map(|kept| kept.stay.prediction).collect();
    if let Some(times) = predictions.filter(|_| is_dated) {
        let times = TimestampMicrosecondArray::from(times);
        columns.push(("prediction_time", Arc::new(times)));
    }
    let mut nullable: Vec<&str> = match labels {
        Labels::Source => Vec::new(),
        Labels::None => vec!["label"],
    };
    let attributes = attributes.iter();
    let attributes = attributes.map(|(name, column)| (name.as_str(), column.clone()));
    nullable.extend(attributes.clone().map(|(name, _)| name));
    columns.extend(attributes);
    parquet_file::write_with_nulls(path, columns, &nullable, Compression::SNAPPY)
}

/// Writes the table of targets: the ids of the stays, and a column or more a target.
pub(super) fn write_targets(
    path: &Path,
    stays: &[KeptStay],
    targets: &[(String, ArrayRef)],
) -> Result<(), Error> {
    let ids = stays.iter().map(|kept| kept.stay.id.to_string());
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(ids));
    let of_targets = targets.iter();
    let of_targets = of_targets.map(|(name, column)| (name.as_str(), column.clone()));
    let columns = std::iter::once(("stay_id", ids)).chain(of_targets);
    let nullable: Vec<&str> = targets.iter().map(|(name, _)| name.as_str()).collect();
    parquet_file::write_with_nulls(path, columns.collect(), &nullable, Compression::SNAPPY)
}

/// Writes the table of variables, and beside it the settings that say with them what inputs mean.
pub(super) fn write_variables(
    path: &Path,
    variables: &[Variable],
    embeddings: &EmbeddingRows,
    settings: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let names: Vec<&str> = variables.iter().map(|v| v.name.as_str()).collect();
    let constant: Vec<bool> = variables.iter().map(|v| v.constant).collect();
    let numeric: Vec<bool> = variables.iter().map(|v| v.numeric).collect();
    let number =
        |of: fn(&Variable) -> f64| Float64Array::from_iter_values(variables.iter().map(of));
    let train_events = variables.iter().map(|v| v.train_events);
    let numbers = embeddings.numbers.clone();
    let embedding = parquet_file::vectors(path, embeddings.dimension, numbers)?;
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("name", Arc::new(StringArray::from(names))),
        ("mean", Arc::new(number(|v| v.mean))),
        ("std", Arc::new(number(|v| v.std))),
        ("constant", Arc::new(BooleanArray::from(constant))),
        ("numeric", Arc::new(BooleanArray::from(numeric))),
        (
            "train_events",
            Arc::new(UInt64Array::from_iter_values(train_events)),
        ),
        ("embedding", embedding),
    ];
    let settings = serde_json::to_string(settings)
        .map_err(|error| Error::file(path, format!("cannot be written: {error}")))?;
    let settings = (contract::METADATA, settings);
    parquet_file::write_with_text(path, columns, Compression::SNAPPY, settings)
}

/// Where the tables lie in a work folder.
pub(super) fn place(work: &Path, table: &str) -> PathBuf {
    work.join(format!("{table}.parquet"))
}
