//! Reads a text of rows, or some bytes of it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use arrow::array::{Array, StringArray, StringBuilder};
use csv::{ErrorKind, StringRecord};

use super::{Cells, Places, RowTaker, Rows};
use crate::records::{
    CLOSE_THE_QUOTE, Records, RowLike, behind_a_line_end, fault_of, reader_builder,
};
use crate::text_file;
use pipeline_error::Error;
use pipeline_error::listed::counted;

/// Rows handed out at a time.
const ROWS_IN_BATCH: usize = 1 << 13;

/// Reads all of `file`, or the records in these bytes of it. Tells which lines inside quotes look
/// like rows.
pub(super) fn read(
    file: &Path,
    range: Option<&Range<u64>>,
    delimiter: u8,
    taker: &mut dyn RowTaker,
) -> Result<RowLike, Error> {
    let header = read_header(file, delimiter)?;
    let positions = taker.select(file, &header)?;
    let start = range.map_or(0, |range| range.start);
    let text: Box<dyn Read> = match range {
        Some(range) => Box::new(open_range(file, range)?),
        None => text_file::open(file)?,
    };
    let mut records = Records::new(text, delimiter, header.len());
    let mut reader = (reader_builder(delimiter).flexible(true))
        .has_headers(start == 0)
        .from_reader(behind_a_line_end(&mut records));
    if start == 0 {
        // Else the first record's place would be that of the header.
        (reader.byte_headers()).map_err(|error| malformed(file, start, &error))?;
    }
    let mut batch = Batch::new(file, &header, &positions, delimiter);
    let mut record = StringRecord::new();
    while (reader.read_record(&mut record)).map_err(|error| malformed(file, start, &error))? {
        let place = place_of(start, record.position());
        if record.len() != header.len() {
            let line = text_file::line_at(file, place)?;
            return Err(Error::file(
                file,
                format!(
                    "line {line}: {} where the header has {}",
                    counted(record.len(), "field"),
                    header.len()
                ),
            ));
        }
        batch.push(place, &record);
        if batch.places.len() == ROWS_IN_BATCH {
            batch.hand_out(taker)?;
        }
    }
    batch.hand_out(taker)?;
    drop(reader);
    let mut row_like = records.row_like();
    row_like.opened = row_like.opened.map(|opened| start + opened);
    Ok(row_like)
}

fn read_header(file: &Path, delimiter: u8) -> Result<Vec<String>, Error> {
    let records = Records::new(text_file::open(file)?, delimiter, 0);
    let mut reader = reader_builder(delimiter).from_reader(behind_a_line_end(records));
    let header = reader.headers();
    let header = header.map_err(|error| malformed(file, 0, &error))?;
    if header.is_empty() {
        return Err(Error::file(file, "is empty: a header line is expected"));
    }
    text_file::refuse_too_wide(file, header.len())?;
    Ok(header.iter().map(|name| name.trim().to_string()).collect())
}

/// Where a record begins, or the line ends before it, which the text was read behind.
fn place_of(start: u64, position: Option<&csv::Position>) -> u64 {
    (start + position.map_or(0, csv::Position::byte)).saturating_sub(1)
}

fn open_range(path: &Path, range: &Range<u64>) -> Result<impl Read + use<>, Error> {
    let failed = |error: std::io::Error| text_file::unreadable(path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let mark = text_file::mark_of(path, &mut file)?;
    (file.seek(SeekFrom::Start(mark + range.start))).map_err(failed)?;
    Ok(file.take(range.end - range.start))
}

fn malformed(file: &Path, start: u64, error: &csv::Error) -> Error {
    if let Some(fault) = fault_of(error) {
        return match text_file::line_at(file, start + fault.opened) {
            Ok(line) => Error::file(file, format!("line {line}: {fault}")).with_hint(fault.hint()),
            Err(error) => error,
        };
    }
    let ErrorKind::Utf8 { pos, .. } = error.kind() else {
        return Error::file(file, format!("cannot be read: {error}"));
    };
    match text_file::line_at(file, place_of(start, pos.as_ref())) {
        Ok(line) => text_file::no_utf8(file, line),
        Err(error) => error,
    }
}

/// Rows that wait to be handed out.
struct Batch<'a> {
    file: &'a Path,
    names: Vec<String>,
    positions: &'a [usize],
    /// Of a row, whether it is read or not.
    fields: usize,
    delimiter: u8,
    columns: Vec<StringBuilder>,
    places: Vec<u64>,
}

impl<'a> Batch<'a> {
    fn new(file: &'a Path, header: &[String], positions: &'a [usize], delimiter: u8) -> Self {
        Self {
            file,
            names: positions.iter().map(|&at| header[at].clone()).collect(),
            positions,
            fields: header.len(),
            delimiter,
            columns: positions.iter().map(|_| StringBuilder::new()).collect(),
            places: Vec::new(),
        }
    }

    fn push(&mut self, place: u64, record: &StringRecord) {
        self.places.push(place);
        for (column, &position) in self.columns.iter_mut().zip(self.positions) {
            column.append_value(&record[position]);
        }
    }

    fn hand_out(&mut self, taker: &mut dyn RowTaker) -> Result<(), Error> {
        let columns = self.columns.iter_mut();
        let columns: Vec<StringArray> = columns.map(StringBuilder::finish).collect();
        for (column, cells) in columns.iter().enumerate() {
            self.refuse_rows_within(column, cells)?;
        }
        let rows = Rows {
            file: self.file,
            names: &self.names,
            columns: columns.into_iter().map(Cells::Text).collect(),
            places: Places::Bytes(&self.places),
        };
        taker.take(&rows)?;
        self.places.clear();
        Ok(())
    }

    /// Fails if a cell holds lines with as many fields as a row: it is no name and no value, but
    /// what an unclosed quote has taken in.
    fn refuse_rows_within(&self, column: usize, cells: &StringArray) -> Result<(), Error> {
        let bytes = cells.value_data();
        if self.fields < 2 || !(bytes.contains(&b'\n') || bytes.contains(&b'\r')) {
            return Ok(());
        }
        let delimiters = |line: &str| line.bytes().filter(|&byte| byte == self.delimiter).count();
        let holds_row = |cell: &str| {
            let lines: Vec<&str> = cell.split(['\n', '\r']).skip(1).collect();
            let Some((last, whole)) = lines.split_last() else {
                return false;
            };
            // The last line goes on behind the cell; of a row's first cell, it always looks so.
            let position = self.positions[column];
            whole.iter().any(|line| delimiters(line) + 1 == self.fields)
                || position > 0 && delimiters(last) == position
        };
        let found = (0..cells.len()).find(|&row| holds_row(cells.value(row)));
        let Some(row) = found else {
            return Ok(());
        };
        let line = text_file::line_at(self.file, self.places[row])?;
        let what = format!(
            "line {line}: `{}` holds a line that looks like a row: its closing quote is missing",
            self.names[column]
        );
        Err(Error::file(self.file, what).with_hint(CLOSE_THE_QUOTE))
    }
}
