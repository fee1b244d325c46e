//! What training writes down: one row an epoch, any numeric columns, as Parquet.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use parquet::arrow::ArrowWriter;

use crate::error::Error;

/// Rows of named numbers; every row has the same columns in the same order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    rows: Vec<Vec<(&'static str, Option<f64>)>>,
}

impl History {
    /// Appends a row; `None` is a number that is undefined.
    pub fn push(&mut self, row: Vec<(&'static str, Option<f64>)>) {
        self.rows.push(row);
    }

    /// One column, in the order of the rows.
    pub fn column(&self, name: &str) -> Vec<Option<f64>> {
        self.rows
            .iter()
            .filter_map(|row| {
                row.iter()
                    .find(|(column, _)| *column == name)
                    .map(|(_, value)| *value)
            })
            .collect()
    }

    /// Writes all rows.
    pub fn write_parquet(&self, path: &Path) -> Result<(), Error> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::file(path, format!("cannot be written: {error}"))
        };
        let names: Vec<&'static str> = self
            .rows
            .first()
            .map(|row| row.iter().map(|(name, _)| *name).collect())
            .unwrap_or_default();
        let columns = names.iter().map(|name| {
            let values = Float64Array::from(self.column(name));
            (*name, Arc::new(values) as ArrayRef, true)
        });
        let batch = RecordBatch::try_from_iter_with_nullable(columns).map_err(|e| failed(&e))?;
        let file = File::create(path).map_err(|e| failed(&e))?;
        let mut writer =
            ArrowWriter::try_new(file, batch.schema(), None).map_err(|e| failed(&e))?;
        writer.write(&batch).map_err(|e| failed(&e))?;
        writer.close().map_err(|e| failed(&e))?;
        Ok(())
    }
}
