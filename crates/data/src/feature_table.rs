//! The artifact `features`: one vector a stay, as Parquet.
//!
//! Columns: `stay_id` (utf8), `split` (utf8), `label` (u32), `features` (fixed-size list of f32).

use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array};

use super::dataset::Split;
use super::parquet_file::{self, Compression, column, vector_column};
use pipeline_error::Error;

/// One vector a stay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureTable {
    /// The stays' ids.
    pub ids: Vec<String>,
    /// Their splits.
    pub splits: Vec<Split>,
    /// Their classes.
    pub labels: Vec<u32>,
    /// Numbers in a vector.
    pub width: usize,
    /// The vectors, row-major [stays, width].
    pub values: Vec<f32>,
}

impl FeatureTable {
    /// Writes the table.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let splits: StringArray = self.splits.iter().map(|split| Some(split.name())).collect();
        let features = parquet_file::vectors(path, self.width, self.values.clone())?;
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("stay_id", Arc::new(StringArray::from(self.ids.clone()))),
            ("split", Arc::new(splits)),
            ("label", Arc::new(UInt32Array::from(self.labels.clone()))),
            ("features", features),
        ];
        parquet_file::write(path, columns, Compression::UNCOMPRESSED)
    }

    /// Reads a table.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut table = Self::default();
        for batch in parquet_file::read(path, &["stay_id", "split", "label", "features"])? {
            table.append(path, &batch)?;
        }
        Ok(table)
    }

    fn append(&mut self, path: &Path, batch: &RecordBatch) -> Result<(), Error> {
        let ids: &StringArray = column(path, batch, "stay_id")?;
        self.ids.extend(ids.iter().flatten().map(str::to_string));
        let splits: &StringArray = column(path, batch, "split")?;
        for name in splits.iter().flatten() {
            let split = Split::from_name(name);
            let unknown = || Error::file(path, format!("there is no split `{name}`"));
            self.splits.push(split.ok_or_else(unknown)?);
        }
        let labels: &UInt32Array = column(path, batch, "label")?;
        self.labels.extend(labels.values());
        let (width, values) = vector_column(path, batch, "features")?;
        self.width = width;
        self.values.extend(values);
        Ok(())
    }

    /// The ids of one split's stays, in the order of [`FeatureTable::of_split`].
    pub fn ids_of(&self, split: Split) -> Vec<String> {
        let rows = self.ids.iter().zip(&self.splits);
        rows.filter(|(_, own)| **own == split)
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// The rows of one split: labels, and vectors row-major.
    pub fn of_split(&self, split: Split) -> (Vec<u32>, Vec<f32>) {
        let rows: Vec<usize> = (0..self.ids.len())
            .filter(|&row| self.splits[row] == split)
            .collect();
        let labels = rows.iter().map(|&row| self.labels[row]).collect();
        let vectors = rows
            .iter()
            .flat_map(|&row| &self.values[row * self.width..][..self.width]);
        (labels, vectors.copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reads_back_as_it_was_written() -> Result<(), Box<dyn std::error::Error>> {
        let table = FeatureTable {
            ids: vec!["7".into(), "8".into(), "9".into()],
            splits: vec![Split::Train, Split::Test, Split::Train],
            labels: vec![0, 1, 1],
            width: 2,
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        };
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("features.parquet");
        table.write(&path)?;
        assert_eq!(FeatureTable::read(&path)?, table);
        assert_eq!(
            table.of_split(Split::Train),
            (vec![0, 1], vec![1.0, 2.0, 5.0, 6.0])
        );
        assert_eq!(table.ids_of(Split::Train), ["7", "9"]);
        Ok(())
    }
}
