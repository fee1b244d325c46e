//! What training writes down: one row an epoch, any numeric columns, as Parquet.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array};

use pipeline_data::parquet_file::{self, Compression};
use pipeline_error::Error;

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

    /// Reads what [`History::write_parquet`] wrote.
    pub fn read_parquet(path: &Path) -> Result<Self, Error> {
        let batches = parquet_file::Batches::of(path, parquet_file::open(path)?)?;
        let mut history = Self::default();
        for batch in batches {
            let batch = batch?;
            let schema = batch.schema();
            let names = schema.fields().iter().map(|field| field.name());
            let columns: Vec<(&String, &Float64Array)> = names
                .zip(batch.columns())
                .map(|(name, column)| {
                    let numbers = column.as_any().downcast_ref();
                    let numbers = numbers.ok_or_else(|| {
                        Error::file(path, format!("the column `{name}` is not f64"))
                    })?;
                    Ok((name, numbers))
                })
                .collect::<Result<_, Error>>()?;
            for row in 0..batch.num_rows() {
                let value = |column: &Float64Array| column.is_valid(row).then(|| column.value(row));
                history.push(
                    columns
                        .iter()
                        .map(|(name, column)| (name.as_str(), value(column))),
                );
            }
        }
        Ok(history)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_back_to_the_bit_with_what_is_undefined() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.parquet");
        let mut history = History::default();
        history.push([("epoch", Some(1.0)), ("auroc", None)]);
        history.push([("epoch", Some(0.1 + 0.2)), ("auroc", Some(-0.0))]);
        history.write_parquet(&path).unwrap();
        assert_eq!(History::read_parquet(&path).unwrap(), history);
    }

    #[test]
    fn another_table_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.parquet");
        let column: ArrayRef = Arc::new(arrow::array::Float32Array::from(vec![1.0]));
        parquet_file::write(&path, vec![("a", column)], Compression::SNAPPY).unwrap();
        let error = History::read_parquet(&path).unwrap_err().to_string();
        assert!(error.contains("`a` is not f64"), "{error}");
    }
}
