//! Rows of tables that are too large to hold: CSV, TSV and PSV files, compressed or not, and
//! Parquet files, any number of them, read in parts.

mod cells;
mod clock;
mod complaint;
mod csv_piece;
mod csv_ranges;
mod days;
mod parquet_piece;
mod table_files;
mod time_text;

use std::path::{Path, PathBuf};

pub(super) use cells::Cells;
pub(super) use clock::{Clock, TimeCell, Told};
pub(super) use table_files::TableFiles;

use crate::small_table::{SmallRow, SmallTable};
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
        match self.place(row).told() {
            Ok(place) => Error::file(self.file, format!("{place}: {what}")),
            Err(error) => error,
        }
    }

    /// Where a row stands.
    pub(super) fn place(&self, row: usize) -> RowPlace {
        RowPlace {
            file: self.file.to_path_buf(),
            at: match self.places {
                Places::Rows(before) => At::Row(before + row + 1),
                Places::Bytes(bytes) => At::Byte(bytes[row]),
            },
        }
    }
}

/// Where a row stands, to be told later: a line is found by reading up to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowPlace {
    pub(super) file: PathBuf,
    at: At,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum At {
    Row(usize),
    Byte(u64),
    /// Of a text that has been read whole.
    Line(u64),
}

impl RowPlace {
    /// A row of a small table.
    pub(super) fn of_small(table: &SmallTable, row: &SmallRow) -> Self {
        Self {
            file: table.path().to_path_buf(),
            at: match table.is_text() {
                true => At::Line(row.line),
                false => At::Row(row.line as usize),
            },
        }
    }

    /// `line 3` or `row 3`.
    pub(super) fn told(&self) -> Result<String, Error> {
        Ok(match self.at {
            At::Row(row) => format!("row {row}"),
            At::Line(line) => format!("line {line}"),
            At::Byte(byte) => format!("line {}", text_file::line_at(&self.file, byte)?),
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
