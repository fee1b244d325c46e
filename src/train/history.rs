//! What training writes down: one row an epoch, any numeric columns, as Parquet.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};

use crate::data::parquet_file::{self, Compression};
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
        let names = self.rows.first().into_iter().flatten();
        let columns = names.map(|(name, _)| {
            let values = Float64Array::from(self.column(name));
            (*name, Arc::new(values) as ArrayRef)
        });
        parquet_file::write_nullable(path, columns.collect(), Compression::UNCOMPRESSED)
    }
}
