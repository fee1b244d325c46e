//! Small tables, CSV or Parquet, whose every complaint names file and line (or row).

mod parquet_cells;
mod typed_time;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field};
use csv::{ErrorKind, Position, StringRecord, Trim};

use super::config::Ids;
use super::delimiter::Delimiter;
use super::parquet_file::{self, StreamedRows};
use super::records::{CLOSE_THE_QUOTE, behind_a_line_end, look_through, reader_builder};
use super::stay_id::StayId;
use super::text_file::{self, Container, LineCounter};
use super::typed_column::{FloatWidth, without_nats};
use parquet_cells::{is_written, without_ornament, written};
use pipeline_error::memory::{MORE_MEMORY, excess};
use pipeline_error::{Code, Error};
use pipeline_files::data_files_below;
pub(super) use typed_time::TypedTime;

/// Bytes of memory that a row takes beside its fields.
const ROW: u64 = 160;

/// A table in memory. Every row has as many fields as the header.
pub(super) struct SmallTable {
    path: PathBuf,
    /// What a row's number counts: `line` of a text, `row` of a Parquet file.
    unit: &'static str,
    /// Names of the columns.
    pub(super) header: Vec<String>,
    /// What the cells of each column are.
    kinds: Vec<CellKind>,
    /// Columns of a Parquet file whose cells are no texts, numbers or times, and their types.
    unreadable: Vec<(String, DataType)>,
    /// The times in those columns of a Parquet file whose type says that they are some; by column and row.
    times: Vec<Vec<Option<TypedTime>>>,
    /// The rows below the header.
    pub(super) rows: Vec<SmallRow>,
}

/// What cells are, where that is not said by how they are written.
#[derive(Clone, Copy)]
enum CellKind {
    Any,
    Float(FloatWidth),
    Boolean,
}

impl CellKind {
    fn of(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean,
            found if found.is_floating() => Self::Float(FloatWidth::of(found)),
            _ => Self::Any,
        }
    }
}

/// How a text of rows is laid out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Layout {
    /// What separates fields; `None`: what the file's name says.
    pub(super) delimiter: Option<u8>,
    /// Whether fields are prose, which may hold lines of any look.
    pub(super) is_prose: bool,
}

impl Layout {
    /// One whose fields a recipe may say to be separated by this.
    pub(super) fn separated_by(delimiter: Option<Delimiter>) -> Self {
        Self {
            delimiter: delimiter.map(|delimiter| delimiter.0),
            ..Self::default()
        }
    }
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
    /// Errors: unreadable, empty, without rows, not UTF-8, ragged; a quote that is not closed; a
    /// quoted field that takes in a line that looks like a row.
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        Self::read_as(path, &Layout::default())
    }

    /// The same of a text laid out in another way.
    pub(super) fn read_as(path: &Path, layout: &Layout) -> Result<Self, Error> {
        refuse_folder(path)?;
        let table = match text_file::container(path)? {
            Container::Parquet => Self::of_parquet(path)?,
            _ => Self::of_text(path, layout)?,
        };
        match table.rows.is_empty() {
            true => Err(Error::file(path, "has a header, but no rows")),
            false => Ok(table),
        }
    }

    fn of_text(path: &Path, layout: &Layout) -> Result<Self, Error> {
        let bytes = &text_file::read(path)?[..];
        let delimiter = (layout.delimiter).unwrap_or_else(|| text_file::delimiter(path));
        let mut reader =
            (reader_builder(delimiter).trim(Trim::All)).from_reader(behind_a_line_end(bytes));
        let malformed = |e: csv::Error| describe(&e, path, bytes);
        let header = reader.headers().map_err(malformed)?;
        text_file::refuse_too_wide(path, header.len())?;
        let header: Vec<String> = header.iter().map(str::to_string).collect();
        refuse_quotes(path, bytes, delimiter, &header, layout)?;
        if header.is_empty() {
            return Err(Error::file(path, "is empty: a header line is expected"));
        }
        let mut rows = Vec::new();
        let mut lines = Lines::new(bytes);
        let mut taken = bytes.len() as u64;
        for record in reader.records() {
            let fields = record.map_err(malformed)?;
            let line = fields.position().map_or(0, |at| lines.line_of(at));
            taken += ROW + fields.as_slice().len() as u64;
            if let Some(excess) =
                excess(format_args!("line {line}: the rows up to here take"), taken)
            {
                return Err(Error::file(path, excess).with_hint(MORE_MEMORY));
            }
            rows.push(SmallRow { line, fields });
        }
        Ok(Self {
            path: path.to_path_buf(),
            unit: "line",
            kinds: vec![CellKind::Any; header.len()],
            unreadable: Vec::new(),
            times: Vec::new(),
            header,
            rows,
        })
    }

    fn of_parquet(path: &Path) -> Result<Self, Error> {
        let builder = parquet_file::open(path)?;
        let schema = builder.schema().clone();
        let (roots, fields): (Vec<usize>, Vec<&Arc<Field>>) = (schema.fields().iter())
            .enumerate()
            .filter(|(_, field)| is_written(field.data_type()))
            .unzip();
        let header: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        let unreadable = schema.fields().iter();
        let unreadable = unreadable.filter(|field| !is_written(field.data_type()));
        let mut times = vec![Vec::new(); header.len()];
        let mut rows = Vec::new();
        for batch in StreamedRows::at(path, builder, roots)? {
            let batch = batch?;
            let cells: Vec<ArrayRef> = batch.columns().iter().map(without_nats).collect();
            let columns = (header.iter().zip(&cells))
                .map(|(name, column)| written(path, name, column))
                .collect::<Result<Vec<_>, Error>>()?;
            for (times, column) in times.iter_mut().zip(&cells) {
                times.extend(TypedTime::of_column(column));
            }
            for row in 0..batch.num_rows() {
                let field =
                    |(column, field): (&StringArray, &&Arc<Field>)| match column.is_null(row) {
                        true => String::new(),
                        false => without_ornament(column.value(row), field.data_type()),
                    };
                rows.push(SmallRow {
                    line: rows.len() as u64 + 1,
                    fields: columns.iter().zip(&fields).map(field).collect(),
                });
            }
        }
        Ok(Self {
            path: path.to_path_buf(),
            unit: "row",
            kinds: fields
                .iter()
                .map(|field| CellKind::of(field.data_type()))
                .collect(),
            unreadable: unreadable
                .map(|field| (field.name().clone(), field.data_type().clone()))
                .collect(),
            times,
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

    /// Whether the file says that the cells of a column are floats.
    pub(super) fn is_float(&self, column: usize) -> bool {
        matches!(self.kinds[column], CellKind::Float(_))
    }

    /// Where a row stands, for a complaint about another: `labels.csv line 3`.
    pub(super) fn place(&self, line: u64) -> String {
        format!("{} {} {line}", self.path.display(), self.unit)
    }

    /// The position of the one column called `name`.
    pub(super) fn column(&self, name: &str) -> Result<usize, Error> {
        let mut found = (0..self.header.len()).filter(|&i| self.header[i] == name);
        let unreadable = self.unreadable.iter().find(|column| column.0 == name);
        if let Some((_, data_type)) = unreadable {
            let what = format!("column `{name}` is of type {data_type}, which cannot be read");
            return Err(Error::file(&self.path, what)
                .with_hint("write the column as text, a number or a time"));
        }
        match (found.next(), found.next()) {
            (Some(position), None) => Ok(position),
            (Some(_), Some(_)) => Err(Error::file(&self.path, format!("has two columns `{name}`"))),
            (None, _) => Err(text_file::no_column(&self.path, &self.header, name)),
        }
    }

    /// A complaint about the row at `line`.
    pub(super) fn error(&self, line: u64, what: impl std::fmt::Display) -> Error {
        Error::file(&self.path, format!("{} {line}: {what}", self.unit))
    }

    /// The id in a field: `None` if it is blank. What is no id is an error that names the row.
    pub(super) fn id(
        &self,
        row: &SmallRow,
        column: usize,
        ids: Option<Ids>,
    ) -> Result<Option<StayId>, Error> {
        let text = &row.fields[column];
        let bad = |what: String| self.error(row.line, format!("{} {what}", self.header[column]));
        match self.kinds[column] {
            CellKind::Float(width) if !text.is_empty() => {
                let number = text.parse().unwrap_or(f64::NAN);
                Ok(Some(StayId::of_number(width.whole(number).map_err(bad)?)))
            }
            _ => StayId::read(text, ids).map_err(bad),
        }
    }

    /// The time in a field, where the type of a Parquet column says that it is one.
    pub(super) fn time(&self, row: &SmallRow, column: usize) -> Option<TypedTime> {
        let index = usize::try_from(row.line).ok()?.checked_sub(1)?;
        *self.times.get(column)?.get(index)?
    }

    /// The text of a field that names a category: a float too large to be exact is an error.
    pub(super) fn category<'r>(&self, row: &'r SmallRow, column: usize) -> Result<&'r str, Error> {
        let text = &row.fields[column];
        if let (CellKind::Float(width), Ok(number)) = (self.kinds[column], text.parse()) {
            let bad = |what| self.error(row.line, format!("{} {what}", self.header[column]));
            width.check_exact(number).map_err(bad)?;
        }
        Ok(text)
    }

    /// The finite number in column `column` of `row`.
    pub(super) fn number(&self, row: &SmallRow, column: usize) -> Result<f64, Error> {
        let text = &row.fields[column];
        self.number_if_any(row, column).ok_or_else(|| {
            let what = format!("{} `{text}` is not a finite number", self.header[column]);
            self.error(row.line, what).coded(Code::InvalidNumber)
        })
    }

    /// The same, or `None` where there is none. Booleans of a Parquet file are 0 and 1.
    pub(super) fn number_if_any(&self, row: &SmallRow, column: usize) -> Option<f64> {
        let text = &row.fields[column];
        match (self.kinds[column], text) {
            (CellKind::Boolean, "false") => Some(0.0),
            (CellKind::Boolean, "true") => Some(1.0),
            _ => {
                let number = text.parse::<f64>();
                number.ok().filter(|number| number.is_finite())
            }
        }
    }
}

/// Fails with what would be a table, if the path is a folder.
fn refuse_folder(path: &Path) -> Result<(), Error> {
    if !path.is_dir() {
        return Ok(());
    }
    let mut files = data_files_below(path).map_or(Vec::new(), |found| found.files);
    files.retain(|file| text_file::has_table_ending(&file.path));
    let hint = match &files[..] {
        [only] => format!("name its file: {}", only.path.display()),
        _ => "name one file; of Parquet, pandas.read_parquet(\"FOLDER\").to_parquet(\"one.parquet\") makes one of many".into(),
    };
    Err(Error::file(path, "is a folder, where one table is expected").with_hint(hint))
}

/// Fails if a quote is not closed, or has taken in what looks like a row.
fn refuse_quotes(
    path: &Path,
    bytes: &[u8],
    delimiter: u8,
    header: &[String],
    layout: &Layout,
) -> Result<(), Error> {
    let refusal = |opened: u64, what: &dyn std::fmt::Display| {
        let line = Lines::new(bytes).line_at(opened as usize);
        Error::file(path, format!("line {line}: {what}")).with_hint(CLOSE_THE_QUOTE)
    };
    let row_like = look_through(bytes, delimiter, header.len())
        .map_err(|fault| refusal(fault.opened, &fault).with_hint(fault.hint()))?;
    match row_like.opened.filter(|_| !layout.is_prose) {
        None => Ok(()),
        Some(opened) => {
            let what = format!(
                "the quoted field that opens here takes in a line that has {} fields, like the header: its own closing quote is missing",
                header.len()
            );
            let hint = format!(
                "{CLOSE_THE_QUOTE}; if the text is meant, take its column out of the table"
            );
            Err(refusal(opened, &what).with_hint(hint))
        }
    }
}

fn describe(error: &csv::Error, path: &Path, bytes: &[u8]) -> Error {
    let line = |position: &Option<Position>| {
        (position.as_ref()).map_or(0, |at| Lines::new(bytes).line_of(at))
    };
    let what = match error.kind() {
        ErrorKind::Utf8 { pos, .. } => return text_file::no_utf8(path, line(pos)),
        ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => format!(
            "line {}: {len} fields where the header has {expected_len}",
            line(pos)
        ),
        _ => error.to_string(),
    };
    Error::file(path, what)
}

/// Counts lines up to a record, for positions in rising order. The reader's own count is of no
/// use: its position of a record lies before the line feed of `\r\n` and before blank lines.
struct Lines<'a> {
    bytes: &'a [u8],
    counted: usize,
    counter: LineCounter,
}

impl<'a> Lines<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            counted: 0,
            counter: LineCounter::default(),
        }
    }

    /// The line of a record that was read behind a line end.
    fn line_of(&mut self, position: &Position) -> u64 {
        self.line_at((position.byte() as usize).saturating_sub(1))
    }

    fn line_at(&mut self, start: usize) -> u64 {
        let start = start.min(self.bytes.len());
        let blank = (self.bytes[start..].iter())
            .take_while(|byte| matches!(byte, b'\r' | b'\n'))
            .count();
        let passed = self.bytes[self.counted..start + blank].iter();
        passed.for_each(|&byte| self.counter.pass(byte));
        self.counted = start + blank;
        self.counter.line()
    }
}

#[cfg(test)]
mod tests;
