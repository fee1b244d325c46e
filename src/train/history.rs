//! What training writes down: one row an epoch, any numeric columns, as Parquet.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};

use crate::data::parquet_file::{self, Compression};
use crate::error::Error;

/// Rows of named numbers; every row has the same columns in the same order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    rows: Vec<Vec<(String, Option<f64>)>>,
}

impl History {
    /// Appends a row; `None` is a number that is undefined.
    pub fn push<N: Into<String>>(&mut self, row: impl IntoIterator<Item = (N, Option<f64>)>) {
        let row = row.into_iter().map(|(name, value)| (name.into(), value));
        self.rows.push(row.collect());
    }

    /// The rows, each with its columns' names.
    pub fn rows(&self) -> impl Iterator<Item = &[(String, Option<f64>)]> {
        self.rows.iter().map(Vec::as_slice)
    }

    /// The columns' names.
    pub fn columns(&self) -> Vec<String> {
        let names = self.rows.first().into_iter().flatten();
        names.map(|(name, _)| name.clone()).collect()
    }

    /// One column, in the order of the rows.
    pub fn column(&self, name: &str) -> Vec<Option<f64>> {
        self.rows
            .iter()
            .filter_map(|row| {
                row.iter()
                    .find(|(column, _)| column == name)
                    .map(|(_, value)| *value)
            })
            .collect()
    }

    /// Writes all rows.
    pub fn write_parquet(&self, path: &Path) -> Result<(), Error> {
        let names = self.columns();
        let columns = names.iter().map(|name| {
            let values = Float64Array::from(self.column(name));
            (name.as_str(), Arc::new(values) as ArrayRef)
        });
        parquet_file::write_nullable(path, columns.collect(), Compression::UNCOMPRESSED)
    }
}
