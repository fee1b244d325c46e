//! Small tables, CSV or Parquet, whose every complaint names file and line (or row).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, StringArray};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::{DataType, Field};
use csv::{ErrorKind, Position, ReaderBuilder, StringRecord, Trim};

use super::names::quoted;
use super::parquet_file;
use super::text_file::{self, Container};
use super::typed_column;
use pipeline_error::Error;

/// A table in memory. Every row has as many fields as the header.
pub(super) struct SmallTable {
    path: PathBuf,
    /// What a row's number counts: `line` of a text, `row` of a Parquet file.
    unit: &'static str,
    /// Names of the columns.
    pub(super) header: Vec<String>,
    /// The rows below the header.
    pub(super) rows: Vec<SmallRow>,
}

/// A row of a table.
pub(super) struct SmallRow {
    /// Its line in the file, or its row, from 1.
    pub(super) line: u64,
    /// Its fields, without surrounding blanks. What Parquet holds is written out; null is empty.
    pub(super) fields: StringRecord,
}

impl SmallTable {
    /// Reads `path`: the contents tell whether it is Parquet or text, which may be compressed.
    /// Errors: unreadable, empty, without rows, not UTF-8, ragged.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let table = match text_file::container(path)? {
            Container::Parquet => Self::of_parquet(path)?,
            _ => Self::of_text(path)?,
        };
        match table.rows.is_empty() {
            true => Err(Error::file(path, "has a header, but no rows")),
            false => Ok(table),
        }
    }

    fn of_text(path: &Path) -> Result<Self, Error> {
        let bytes = &text_file::read(path)?[..];
        let mut reader = (ReaderBuilder::new().trim(Trim::All))
            .delimiter(text_file::delimiter(path))
            .from_reader(bytes);
        let malformed = |e: csv::Error| Error::file(path, describe(&e, bytes));
        let header: Vec<String> = reader
            .headers()
            .map_err(malformed)?
            .iter()
            .map(str::to_string)
            .collect();
        if header.is_empty() {
            return Err(Error::file(path, "is empty: a header line is expected"));
        }
        let mut rows = Vec::new();
        let mut lines = LineCounter::new(bytes);
        for record in reader.records() {
            let fields = record.map_err(malformed)?;
            let line = fields.position().map_or(0, |at| lines.line_of(at));
            rows.push(SmallRow { line, fields });
        }
        Ok(Self {
            path: path.to_path_buf(),
            unit: "line",
            header,
            rows,
        })
    }

    fn of_parquet(path: &Path) -> Result<Self, Error> {
        let schema = parquet_file::open(path)?.schema().clone();
        let is_written = |field: &&Arc<Field>| can_cast_types(field.data_type(), &DataType::Utf8);
        let header: Vec<&str> = (schema.fields().iter())
            .filter(is_written)
            .map(|field| field.name().as_str())
            .collect();
        let mut rows = Vec::new();
        for batch in parquet_file::read(path, &header)? {
            let columns = (header.iter())
                .map(|name| written(path, &batch, name))
                .collect::<Result<Vec<_>, Error>>()?;
            for row in 0..batch.num_rows() {
                let field = |column: &StringArray| match column.is_null(row) {
                    true => String::new(),
                    false => column.value(row).trim().to_string(),
                };
                rows.push(SmallRow {
                    line: rows.len() as u64 + 1,
                    fields: columns.iter().map(field).collect(),
                });
            }
        }
        Ok(Self {
            path: path.to_path_buf(),
            unit: "row",
            header: header.into_iter().map(str::to_string).collect(),
            rows,
        })
    }

    /// Its file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether rows are lines of a text.
    pub(super) fn is_text(&self) -> bool {
        self.unit == "line"
    }

    /// Where a row stands, for a complaint about another: `labels.csv line 3`.
    pub(super) fn place(&self, line: u64) -> String {
        format!("{} {} {line}", self.path.display(), self.unit)
    }

    /// The position of the one column called `name`.
    pub(super) fn column(&self, name: &str) -> Result<usize, Error> {
        let mut found = (0..self.header.len()).filter(|&i| self.header[i] == name);
        match (found.next(), found.next()) {
            (Some(position), None) => Ok(position),
            (Some(_), Some(_)) => Err(Error::file(&self.path, format!("has two columns `{name}`"))),
            (None, _) => Err(Error::file(
                &self.path,
                format!(
                    "has no column `{name}`; it has {}",
                    quoted(self.header.iter())
                ),
            )),
        }
    }

    /// A complaint about the row at `line`.
    pub(super) fn error(&self, line: u64, what: impl std::fmt::Display) -> Error {
        Error::file(&self.path, format!("{} {line}: {what}", self.unit))
    }

    /// The finite number in column `column` of `row`.
    pub(super) fn number(&self, row: &SmallRow, column: usize) -> Result<f64, Error> {
        let text = &row.fields[column];
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(self.error(
                row.line,
                format!("{} `{text}` is not a finite number", self.header[column]),
            )),
        }
    }
}

/// A column of Parquet, written out. Times that know their zone are written as UTC, and say so.
fn written(path: &Path, batch: &RecordBatch, name: &str) -> Result<StringArray, Error> {
    let column = batch.column_by_name(name);
    let Some((column, DataType::Timestamp(unit, Some(_)))) =
        column.map(|column| (column, column.data_type().clone()))
    else {
        return typed_column::text(path, batch, name);
    };
    let utc = DataType::Timestamp(unit, Some("+00:00".into()));
    let text = cast(column, &utc).and_then(|utc| cast(&utc, &DataType::Utf8));
    let text = text.map_err(|error| Error::file(path, format!("column `{name}`: {error}")))?;
    let text = text.as_any().downcast_ref().cloned();
    text.ok_or_else(|| Error::file(path, format!("column `{name}` is of an unexpected type")))
}

fn describe(error: &csv::Error, bytes: &[u8]) -> String {
    let line = |position: &Option<Position>| {
        (position.as_ref()).map_or(0, |at| LineCounter::new(bytes).line_of(at))
    };
    match error.kind() {
        ErrorKind::Utf8 { pos, .. } => format!("line {}: not UTF-8 text", line(pos)),
        ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => format!(
            "line {}: {len} fields where the header has {expected_len}",
            line(pos)
        ),
        _ => error.to_string(),
    }
}

/// Counts lines up to a record, for positions in rising order. The reader's own count is of no
/// use: its position of a record lies before the line feed of `\r\n` and before blank lines.
struct LineCounter<'a> {
    bytes: &'a [u8],
    counted: usize,
    line: u64,
}

impl<'a> LineCounter<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            counted: 0,
            line: 1,
        }
    }

    fn line_of(&mut self, position: &Position) -> u64 {
        let start = (position.byte() as usize).min(self.bytes.len());
        let blank = (self.bytes[start..].iter())
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let passed = self.bytes[self.counted..start + blank].iter();
        self.line += passed.filter(|&&byte| byte == b'\n').count() as u64;
        self.counted = start + blank;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        std::fs::write(&path, bytes).unwrap();
        let outcome = SmallTable::read(&path).and_then(|table| table.column("b").map(drop));
        outcome.unwrap_err().to_string()
    }

    #[test]
    fn a_malformed_table_is_refused_with_its_line() {
        assert!(refusal(b"").contains("table.csv: is empty"));
        assert!(refusal(b"a,b\n").contains("no rows"));
        let ragged = "1 fields where the header has 2";
        assert!(refusal(b"a,b\n1,2\n3\n").contains(&format!("line 3: {ragged}")));
        assert!(refusal(b"a,b\r\n1,2\r\n\r\n3\r\n").contains(&format!("line 4: {ragged}")));
        assert!(refusal(b"a,b\n1,2\n\xff,2\n").contains("line 3: not UTF-8"));
        assert!(refusal(b"a,c\n1,2\n").contains("no column `b`; it has `a`, `c`"));
        assert!(refusal(b"b,b\n1,2\n").contains("two columns `b`"));
    }

    #[test]
    fn a_byte_order_mark_and_carriage_returns_are_no_part_of_a_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        std::fs::write(&path, b"\xef\xbb\xbfa, b\r\n1,2\r\n").unwrap();
        let table = SmallTable::read(&path).unwrap();
        assert_eq!(table.header, ["a", "b"]);
        assert_eq!(table.rows[0].line, 2);
        assert_eq!(table.number(&table.rows[0], 1).unwrap(), 2.0);
    }
}
