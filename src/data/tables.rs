//! Writes the three tables. Their columns are described in [`crate::data`].

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, StringArray, UInt32Array,
    UInt64Array,
};

use super::cohort::{RawEvent, RawStay};
use super::dataset::Split;
use super::embedding::EmbeddingRows;
use super::parquet_file::{self, Compression};
use super::statistics::Variable;
use crate::error::Error;

/// Columns of the table of events.
#[derive(Default)]
pub(super) struct EventRows {
    stay: Vec<u32>,
    set: Vec<u32>,
    minute: Vec<f32>,
    variable: Vec<u32>,
    raw: Vec<f64>,
    value: Vec<f32>,
}

impl EventRows {
    /// Empty columns with room for `events`.
    pub(super) fn with_capacity(events: usize) -> Self {
        Self {
            stay: Vec::with_capacity(events),
            set: Vec::with_capacity(events),
            minute: Vec::with_capacity(events),
            variable: Vec::with_capacity(events),
            raw: Vec::with_capacity(events),
            value: Vec::with_capacity(events),
        }
    }

    /// Appends an event with its z-score.
    pub(super) fn push(&mut self, stay: u32, event: &RawEvent, value: f32) {
        self.stay.push(stay);
        self.set.push(event.set);
        self.minute.push(event.minute as f32);
        self.variable.push(event.variable);
        self.raw.push(event.value);
        self.value.push(value);
    }
}

/// Sets of an arranged stay.
pub(super) fn sets_of(stay: &RawStay) -> u32 {
    stay.events.last().map_or(0, |event| event.set + 1)
}

/// Writes the table of events.
pub(super) fn write_events(path: &Path, rows: EventRows) -> Result<(), Error> {
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("stay", Arc::new(UInt32Array::from(rows.stay))),
        ("set", Arc::new(UInt32Array::from(rows.set))),
        ("minute", Arc::new(Float32Array::from(rows.minute))),
        ("variable", Arc::new(UInt32Array::from(rows.variable))),
        ("raw", Arc::new(Float64Array::from(rows.raw))),
        ("value", Arc::new(Float32Array::from(rows.value))),
    ];
    parquet_file::write(path, columns, Compression::SNAPPY)
}

/// Writes the table of stays. Every stay has a label by now.
pub(super) fn write_stays(path: &Path, stays: &[RawStay], splits: &[Split]) -> Result<(), Error> {
    let ids: Vec<String> = stays.iter().map(|stay| stay.id.to_string()).collect();
    let names: Vec<&str> = splits.iter().map(|split| split.name()).collect();
    let labels = stays.iter().map(|stay| stay.label.map(i64::from));
    let events = stays.iter().map(|stay| stay.events.len() as u32);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("stay_id", Arc::new(StringArray::from(ids))),
        ("split", Arc::new(StringArray::from(names))),
        ("label", Arc::new(labels.collect::<Int64Array>())),
        (
            "sets",
            Arc::new(UInt32Array::from_iter_values(stays.iter().map(sets_of))),
        ),
        ("events", Arc::new(UInt32Array::from_iter_values(events))),
    ];
    parquet_file::write(path, columns, Compression::SNAPPY)
}

/// Writes the table of variables.
pub(super) fn write_variables(
    path: &Path,
    variables: &[Variable],
    embeddings: &EmbeddingRows,
) -> Result<(), Error> {
    let names: Vec<&str> = variables.iter().map(|v| v.name.as_str()).collect();
    let constant: Vec<bool> = variables.iter().map(|v| v.constant).collect();
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
        (
            "train_events",
            Arc::new(UInt64Array::from_iter_values(train_events)),
        ),
        ("embedding", embedding),
    ];
    parquet_file::write(path, columns, Compression::SNAPPY)
}
