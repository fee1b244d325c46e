//! The artifact `features`: one vector a stay, as Parquet.
//!
//! Columns: `stay_id` (utf8), `split` (utf8), `label` (u32, null where the stay has none), `features` (fixed-size list of f32).

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, RecordBatch, StringArray, UInt32Array};

use super::dataset::{Split, without_label};
use super::parquet_file::{self, Compression, column, nullable_column, vector_column};
use pipeline_error::Error;

/// A file as it was when it was read: another one of its name, and one that was written to, differ.
#[derive(Clone, Copy, PartialEq)]
struct FileState([i64; 7]);

impl FileState {
    fn of(file: &Metadata) -> Self {
        Self([
            file.dev() as i64,
            file.ino() as i64,
            file.size() as i64,
            file.mtime(),
            file.mtime_nsec(),
            file.ctime(),
            file.ctime_nsec(),
        ])
    }

    fn now(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        Some(Self::of(&file))
    }
}

/// The table that was read last, and its file's state before and after.
static LAST_READ: Mutex<Option<(FileState, Arc<FeatureTable>)>> = Mutex::new(None);

/// One vector a stay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FeatureTable {
    /// The stays' ids.
    pub ids: Vec<String>,
    /// Their splits.
    pub splits: Vec<Split>,
    /// Their classes; none of stays without labels.
    pub labels: Vec<Option<u32>>,
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
        let nullable: &[&str] = match self.labels.contains(&None) {
            true => &["label"],
            false => &[],
        };
        parquet_file::write_with_nulls(path, columns, nullable, Compression::UNCOMPRESSED)
    }

    /// Reads a table.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let mut table = Self::default();
        for batch in parquet_file::read(path, &["stay_id", "split", "label", "features"])? {
            table.append(path, &batch)?;
        }
        Ok(table)
    }

    /// The same; a file that this process read last, and nobody has written to since, is not read again: the heads of a
    /// sweep look at one table.
    pub fn read_shared(path: &Path) -> Result<Arc<Self>, Error> {
        let last = || LAST_READ.lock().unwrap_or_else(PoisonError::into_inner);
        let before = FileState::now(path);
        let known = last().clone().filter(|(state, _)| Some(*state) == before);
        if let Some((_, table)) = known {
            return Ok(table);
        }
        let table = Arc::new(Self::read(path)?);
        if let Some(state) = before.filter(|state| FileState::now(path) == Some(*state)) {
            *last() = Some((state, Arc::clone(&table)));
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
        let labels: &UInt32Array = nullable_column(path, batch, "label")?;
        self.labels.extend(labels);
        let (width, values) = vector_column(path, batch, "features")?;
        self.width = width;
        self.values.extend(values);
        Ok(())
    }

    /// The rows of one split's stays.
    pub fn rows_of(&self, split: Split) -> Vec<usize> {
        let rows = 0..self.ids.len();
        rows.filter(|&row| self.splits[row] == split).collect()
    }

    /// The ids of the stays in these rows.
    pub fn ids(&self, rows: &[usize]) -> Vec<String> {
        rows.iter().map(|&row| self.ids[row].clone()).collect()
    }

    /// The classes of the stays in these rows. The first stay without one is an error.
    pub fn classes(&self, rows: &[usize]) -> Result<Vec<u32>, Error> {
        let label = |&row: &usize| self.labels[row].ok_or_else(|| without_label(&self.ids[row]));
        rows.iter().map(label).collect()
    }

    /// The vectors of the stays in these rows, row-major [rows, width].
    pub fn vectors(&self, rows: &[usize]) -> Vec<f32> {
        let vectors = rows
            .iter()
            .flat_map(|row| &self.values[row * self.width..][..self.width]);
        vectors.copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_file_is_not_read_again() -> Result<(), Box<dyn std::error::Error>> {
        let table = |value| FeatureTable {
            ids: vec!["7".into()],
            splits: vec![Split::Train],
            labels: vec![Some(1)],
            width: 1,
            values: vec![value],
        };
        let folder = tempfile::tempdir()?;
        let (path, other) = (
            folder.path().join("a.parquet"),
            folder.path().join("b.parquet"),
        );
        table(1.0).write(&path)?;
        let first = FeatureTable::read_shared(&path)?;
        assert!(Arc::ptr_eq(&first, &FeatureTable::read_shared(&path)?));
        // Of the same size, under the same name.
        table(2.0).write(&other)?;
        assert_eq!(*FeatureTable::read_shared(&other)?, table(2.0));
        std::fs::rename(&other, &path)?;
        assert_eq!(*FeatureTable::read_shared(&path)?, table(2.0));
        // In place, as nobody writes to a store: times may be as coarse as a tick, sizes are not.
        let mut longer = table(3.0);
        longer.ids[0].push('7');
        longer.write(&path)?;
        assert_eq!(*FeatureTable::read_shared(&path)?, longer);
        std::fs::remove_file(&path)?;
        assert!(FeatureTable::read_shared(&path).is_err());
        Ok(())
    }

    #[test]
    fn a_table_reads_back_as_it_was_written() -> Result<(), Box<dyn std::error::Error>> {
        let table = FeatureTable {
            ids: vec!["7".into(), "8".into(), "9".into()],
            splits: vec![Split::Train, Split::Test, Split::Train],
            labels: vec![Some(0), None, Some(1)],
            width: 2,
            values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        };
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("features.parquet");
        table.write(&path)?;
        assert_eq!(FeatureTable::read(&path)?, table);
        assert_eq!(table.classes(&table.rows_of(Split::Train))?, [0, 1]);
        assert_eq!(
            table.vectors(&table.rows_of(Split::Train)),
            [1.0, 2.0, 5.0, 6.0]
        );
        let error = table.classes(&table.rows_of(Split::Test)).unwrap_err();
        assert!(error.to_string().contains("stay 8 has no label"), "{error}");
        assert_eq!(table.ids(&table.rows_of(Split::Train)), ["7", "9"]);
        Ok(())
    }
}
