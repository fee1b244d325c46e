//! Reads a text of rows, or some bytes of it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use arrow::array::StringBuilder;
use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::{Cells, Places, RowTaker, Rows};
use crate::text_file;
use pipeline_error::Error;

/// Rows handed out at a time.
const ROWS_IN_BATCH: usize = 1 << 13;

/// Reads all of `file`, or the records in these bytes of it.
pub(super) fn read(
    file: &Path,
    range: Option<&Range<u64>>,
    taker: &mut dyn RowTaker,
) -> Result<(), Error> {
    let header = read_header(file)?;
    let positions = taker.select(file, &header)?;
    let start = range.map_or(0, |range| range.start);
    let text: Box<dyn Read> = match range {
        Some(range) => Box::new(open_range(file, range)?),
        None => text_file::open(file)?,
    };
    let mut reader = (ReaderBuilder::new().flexible(true))
        .has_headers(start == 0)
        .delimiter(text_file::delimiter(file))
        .from_reader(text);
    if start == 0 {
        // Else the first record's place would be that of the header.
        (reader.byte_headers()).map_err(|error| malformed(file, start, &error))?;
    }
    let mut batch = Batch::new(file, &header, &positions);
    let mut record = StringRecord::new();
    while (reader.read_record(&mut record)).map_err(|error| malformed(file, start, &error))? {
        let place = start + record.position().map_or(0, csv::Position::byte);
        if record.len() != header.len() {
            let line = text_file::line_at(file, place)?;
            return Err(Error::file(
                file,
                format!(
                    "line {line}: {} fields where the header has {}",
                    record.len(),
                    header.len()
                ),
            ));
        }
        batch.push(place, &record);
        if batch.places.len() == ROWS_IN_BATCH {
            batch.hand_out(taker)?;
        }
    }
    batch.hand_out(taker)
}

fn read_header(file: &Path) -> Result<Vec<String>, Error> {
    let mut reader = (ReaderBuilder::new())
        .delimiter(text_file::delimiter(file))
        .from_reader(text_file::open(file)?);
    let header = reader.headers();
    let header = header.map_err(|error| malformed(file, 0, &error))?;
    if header.is_empty() {
        return Err(Error::file(file, "is empty: a header line is expected"));
    }
    Ok(header.iter().map(|name| name.trim().to_string()).collect())
}

fn open_range(path: &Path, range: &Range<u64>) -> Result<impl Read + use<>, Error> {
    let failed = |error: std::io::Error| text_file::unreadable(path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let mark = text_file::mark_of(path, &mut file)?;
    (file.seek(SeekFrom::Start(mark + range.start))).map_err(failed)?;
    Ok(file.take(range.end - range.start))
}

fn malformed(file: &Path, start: u64, error: &csv::Error) -> Error {
    let ErrorKind::Utf8 { pos, .. } = error.kind() else {
        return Error::file(file, format!("cannot be read: {error}"));
    };
    let place = start + pos.as_ref().map_or(0, csv::Position::byte);
    match text_file::line_at(file, place) {
        Ok(line) => Error::file(file, format!("line {line}: not UTF-8 text")),
        Err(error) => error,
    }
}

/// Rows that wait to be handed out.
struct Batch<'a> {
    file: &'a Path,
    names: Vec<String>,
    positions: &'a [usize],
    columns: Vec<StringBuilder>,
    places: Vec<u64>,
}

impl<'a> Batch<'a> {
    fn new(file: &'a Path, header: &[String], positions: &'a [usize]) -> Self {
        Self {
            file,
            names: positions.iter().map(|&at| header[at].clone()).collect(),
            positions,
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
        let rows = Rows {
            file: self.file,
            names: &self.names,
            columns: columns.map(|column| Cells::Text(column.finish())).collect(),
            places: Places::Bytes(&self.places),
        };
        taker.take(&rows)?;
        self.places.clear();
        Ok(())
    }
}
