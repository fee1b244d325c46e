//! Rows of tables that are too large to hold: CSV, TSV and PSV files, compressed or not, and
//! Parquet files, any number of them, read in parts.

mod cells;
mod csv_piece;
mod csv_ranges;
mod parquet_piece;
mod table_files;
mod time_text;

use std::path::Path;

pub(super) use cells::{Cells, TimeCell, time_of_text};
pub(super) use table_files::TableFiles;

use crate::text_file;
use pipeline_error::Error;

/// Some rows of one file: the columns that were selected.
pub(super) struct Rows<'a> {
    pub(super) file: &'a Path,
    /// Names of the selected columns.
    pub(super) names: &'a [String],
    /// The selected columns, in that order.
    pub(super) columns: Vec<Cells>,
    places: Places<'a>,
}

/// Where rows stand in their file.
enum Places<'a> {
    /// Of each row, its first byte in the text.
    Bytes(&'a [u64]),
    /// Rows before the first.
    Rows(usize),
}

impl Rows<'_> {
    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.columns.first().map_or(0, Cells::len)
    }

    /// A complaint about a row, which names its line or number.
    pub(super) fn error(&self, row: usize, what: impl std::fmt::Display) -> Error {
        match self.line(row) {
            Ok(line) => Error::file(self.file, format!("{line}: {what}")),
            Err(error) => error,
        }
    }

    /// Where a row stands, for a complaint about another: `charts.csv line 3`.
    pub(super) fn place(&self, row: usize) -> Result<String, Error> {
        Ok(format!("{} {}", self.file.display(), self.line(row)?))
    }

    fn line(&self, row: usize) -> Result<String, Error> {
        Ok(match self.places {
            Places::Rows(before) => format!("row {}", before + row + 1),
            Places::Bytes(bytes) => {
                format!("line {}", text_file::line_at(self.file, bytes[row])?)
            }
        })
    }
}

/// Takes what is read.
pub(super) trait RowTaker {
    /// The rows that follow are those of this file.
    fn begin(&mut self, file: &Path) -> Result<(), Error>;

    /// Says which of a file's columns to read, by position.
    fn select(&self, file: &Path, header: &[String]) -> Result<Vec<usize>, Error>;

    /// Looks at the columns that pandas says are the index of the table a Parquet file was made of.
    fn check_index(&self, _file: &Path, _index: &[String]) -> Result<(), Error> {
        Ok(())
    }

    /// Takes some rows.
    fn take(&mut self, rows: &Rows) -> Result<(), Error>;
}

/// Where the one column called `name` is.
pub(super) fn position_of(file: &Path, header: &[String], name: &str) -> Result<usize, Error> {
    let mut found = (0..header.len()).filter(|&at| header[at] == name);
    match (found.next(), found.next()) {
        (Some(position), None) => Ok(position),
        (Some(_), Some(_)) => Err(Error::file(file, format!("has two columns `{name}`"))),
        (None, _) => Err(text_file::no_column(file, header, name)),
    }
}
