//! The artifact `features`: one vector a stay, as Parquet.
//!
//! Columns: `stay_id` (utf8), `split` (utf8), `label` (u32), `features` (fixed-size list of f32).

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray, UInt32Array,
};
use arrow::datatypes::{DataType, Field};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::dataset::Split;
use crate::error::Error;

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
        let failed = |error: &dyn std::fmt::Display| Error::file(path, format!("cannot be written: {error}"));
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let values = Arc::new(Float32Array::from(self.values.clone()));
        let features = FixedSizeListArray::try_new(item, self.width as i32, values, None)
            .map_err(|e| failed(&e))?;
        let splits: StringArray = self.splits.iter().map(|split| Some(split.name())).collect();
        let batch = RecordBatch::try_from_iter([
            ("stay_id", Arc::new(StringArray::from(self.ids.clone())) as ArrayRef),
            ("split", Arc::new(splits)),
            ("label", Arc::new(UInt32Array::from(self.labels.clone()))),
            ("features", Arc::new(features)),
        ])
        .map_err(|e| failed(&e))?;
        let file = File::create(path).map_err(|e| failed(&e))?;
        let mut writer = ArrowWriter::try_new(file, batch.schema(), None).map_err(|e| failed(&e))?;
        writer.write(&batch).map_err(|e| failed(&e))?;
        writer.close().map_err(|e| failed(&e))?;
        Ok(())
    }

    /// Reads a table.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let failed = |error: &dyn std::fmt::Display| Error::file(path, format!("is no feature table: {error}"));
        let file = File::open(path).map_err(|e| failed(&e))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.build())
            .map_err(|e| failed(&e))?;
        let mut table = Self::default();
        for batch in reader {
            table.append(&batch.map_err(|e| failed(&e))?).map_err(|e| failed(&e))?;
        }
        Ok(table)
    }

    fn append(&mut self, batch: &RecordBatch) -> Result<(), String> {
        let column = |name: &str| batch.column_by_name(name).ok_or(format!("no column {name}"));
        let wrong = |name: &str| format!("the column {name} has another type");
        let ids = column("stay_id")?;
        let ids = ids.as_any().downcast_ref::<StringArray>().ok_or_else(|| wrong("stay_id"))?;
        self.ids.extend(ids.iter().flatten().map(str::to_string));
        let splits = column("split")?;
        let splits = splits.as_any().downcast_ref::<StringArray>().ok_or_else(|| wrong("split"))?;
        for name in splits.iter().flatten() {
            self.splits.push(Split::from_name(name).ok_or_else(|| format!("no split {name}"))?);
        }
        let labels = column("label")?;
        let labels = labels.as_any().downcast_ref::<UInt32Array>().ok_or_else(|| wrong("label"))?;
        self.labels.extend(labels.values());
        let lists = column("features")?;
        let lists = lists.as_any().downcast_ref::<FixedSizeListArray>();
        let lists = lists.ok_or_else(|| wrong("features"))?;
        self.width = lists.value_length() as usize;
        let values = lists.values().as_any().downcast_ref::<Float32Array>();
        self.values.extend(values.ok_or_else(|| wrong("features"))?.values());
        if self.ids.len() * self.width == self.values.len() && self.ids.len() == self.labels.len() {
            Ok(())
        } else {
            Err("a column has missing values".into())
        }
    }

    /// The rows of one split: labels, and vectors row-major.
    pub fn of_split(&self, split: Split) -> (Vec<u32>, Vec<f32>) {
        let rows: Vec<usize> = (0..self.ids.len()).filter(|&row| self.splits[row] == split).collect();
        let labels = rows.iter().map(|&row| self.labels[row]).collect();
        let vectors = rows.iter().flat_map(|&row| &self.values[row * self.width..][..self.width]);
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
        assert_eq!(table.of_split(Split::Train), (vec![0, 1], vec![1.0, 2.0, 5.0, 6.0]));
        Ok(())
    }
}
