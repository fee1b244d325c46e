//! Small CSV files with a header, whose every complaint names file and line.

use std::path::{Path, PathBuf};

use csv::{ErrorKind, Position, ReaderBuilder, StringRecord, Trim};

use crate::error::Error;

/// A CSV file in memory. Every row has as many fields as the header.
pub(super) struct CsvTable {
    path: PathBuf,
    /// Names of the columns.
    pub(super) header: Vec<String>,
    /// The rows below the header.
    pub(super) rows: Vec<CsvRow>,
}

/// A row of a CSV file.
pub(super) struct CsvRow {
    /// Its line in the file, from 1.
    pub(super) line: u64,
    /// Its fields, without surrounding blanks.
    pub(super) fields: StringRecord,
}

impl CsvTable {
    /// Reads `path`. Errors: unreadable, empty, without rows, not UTF-8, ragged.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let bytes =
            std::fs::read(path).map_err(|e| Error::file(path, format!("cannot be read: {e}")))?;
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(bytes);
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
            rows.push(CsvRow { line, fields });
        }
        if rows.is_empty() {
            return Err(Error::file(path, "has a header, but no rows"));
        }
        Ok(Self {
            path: path.to_path_buf(),
            header,
            rows,
        })
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
        Error::file(&self.path, format!("line {line}: {what}"))
    }

    /// The finite number in column `column` of `row`.
    pub(super) fn number(&self, row: &CsvRow, column: usize) -> Result<f64, Error> {
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

/// Names in backquotes, with commas.
pub(super) fn quoted<'a>(names: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
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
        let outcome = CsvTable::read(&path).and_then(|table| table.column("b").map(drop));
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
        let table = CsvTable::read(&path).unwrap();
        assert_eq!(table.header, ["a", "b"]);
        assert_eq!(table.rows[0].line, 2);
        assert_eq!(table.number(&table.rows[0], 1).unwrap(), 2.0);
    }
}
