//! The first rows of a table of any kind, for whoever has to guess what it holds.

use std::path::Path;

use arrow::array::{Array, ArrayRef, StringArray};
use arrow::compute::{can_cast_types, cast};
use arrow::datatypes::DataType;
use csv::Trim;
use serde_json::Value;

use super::parquet_file;
use super::records::reader_builder;
use super::text_file::{self, Container};
use super::typed_column;
use pipeline_error::Error;

/// What separates fields where the file's ending does not say it.
const SEPARATORS: [char; 3] = [';', '\t', '|'];

/// The begin of a table.
#[derive(Clone, Debug)]
pub struct Preview {
    /// The columns. Those of Parquet that cannot be written as text (lists, structs) are left out.
    pub columns: Vec<PreviewColumn>,
    /// The first rows, each with as many fields as there are columns; nothing is an empty text.
    pub rows: Vec<Vec<String>>,
    /// What separates fields, where it is not what the file's ending says.
    pub delimiter: Option<char>,
    /// Whether these are all rows.
    pub is_whole: bool,
    /// The index of pandas that is a range in the file's metadata, and no column.
    pub range_index: Option<String>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewColumn {
    /// Its name.
    pub name: String,
    /// What the file says of its cells.
    pub kind: CellKind,
}

/// What a file says of a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// Text, which may be of anything.
    Text,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A date, or a date and time.
    Timestamp,
    /// A span of time.
    Duration,
    /// A time of day without a date.
    TimeOfDay,
}

/// The begin of the table at `path`, at most `most_cells` of it, but a row in any case. Errors: unreadable, empty,
/// no table.
pub fn preview(path: &Path, most_cells: usize) -> Result<Preview, Error> {
    match text_file::container(path)? {
        Container::Parquet => of_parquet(path, most_cells),
        _ => of_text(path, most_cells),
    }
}

fn of_text(path: &Path, most_cells: usize) -> Result<Preview, Error> {
    let stated = text_file::delimiter(path);
    let mut reader = reader_builder(stated).from_reader(text_file::open(path)?);
    let header = reader.headers().map_err(|error| Error::file(path, error))?;
    // Rows may hold the stated one inside of fields (`2,5`): the header decides before they are read.
    let other = match header.len() {
        1 => SEPARATORS.into_iter().find(|one| header[0].contains(*one)),
        _ => None,
    };
    let read = read_text(path, other.map_or(stated, |other| other as u8), most_cells)?;
    Ok(Preview {
        delimiter: other,
        ..read
    })
}

fn read_text(path: &Path, delimiter: u8, most_cells: usize) -> Result<Preview, Error> {
    let malformed = |error: csv::Error| Error::file(path, error);
    let mut reader =
        (reader_builder(delimiter).trim(Trim::All)).from_reader(text_file::open(path)?);
    let header = reader.headers().map_err(malformed)?.clone();
    if header.is_empty() {
        return Err(Error::file(path, "is empty: a header line is expected"));
    }
    let columns = header.iter().map(|name| PreviewColumn {
        name: name.into(),
        kind: CellKind::Text,
    });
    let columns: Vec<PreviewColumn> = columns.collect();
    let most = (most_cells / columns.len()).max(1);
    let mut rows = Vec::new();
    for record in reader.records().take(most) {
        let record = record.map_err(malformed)?;
        rows.push(record.iter().map(str::to_string).collect());
    }
    Ok(Preview {
        is_whole: rows.len() < most,
        columns,
        rows,
        delimiter: None,
        range_index: None,
    })
}

fn of_parquet(path: &Path, most_cells: usize) -> Result<Preview, Error> {
    let schema = parquet_file::open(path)?.schema().clone();
    let fields: Vec<_> = (schema.fields().iter())
        .filter(|field| can_cast_types(field.data_type(), &DataType::Utf8))
        .collect();
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let most = (most_cells / names.len().max(1)).max(1);
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut table = parquet_file::StreamedRows::open(path, &names)?;
    let is_whole = table.rows <= most as u64;
    while rows.len() < most
        && let Some(batch) = table.next()
    {
        let batch = batch?;
        let batch = batch.slice(0, batch.num_rows().min(most - rows.len()));
        let mut columns: Vec<StringArray> = Vec::new();
        for name in &names {
            let text = batch.column_by_name(name).and_then(written);
            columns.push(text.unwrap_or_else(|| StringArray::new_null(batch.num_rows())));
        }
        let field = |column: &StringArray, row: usize| match column.is_null(row) {
            true => String::new(),
            false => column.value(row).trim().to_string(),
        };
        rows.extend(
            (0..batch.num_rows())
                .map(|row| columns.iter().map(|column| field(column, row)).collect()),
        );
    }
    let columns = fields.iter().map(|field| PreviewColumn {
        name: field.name().clone(),
        kind: kind_of(field.data_type()),
    });
    Ok(Preview {
        columns: columns.collect(),
        rows,
        delimiter: None,
        is_whole,
        range_index: table.text("pandas").and_then(range_index),
    })
}

/// Cells as text; times that know their zone as UTC, as a run reads them: names of zones cannot be cast. None where the
/// type says that it can be written and a cell cannot.
fn written(cells: &ArrayRef) -> Option<StringArray> {
    let utc = match cells.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            cast(cells, &DataType::Timestamp(*unit, Some("+00:00".into()))).ok()?
        }
        _ => cells.clone(),
    };
    let text = cast(&utc, &DataType::Utf8).ok()?;
    text.as_any().downcast_ref().cloned()
}

/// The name of an index that pandas describes as a range.
fn range_index(metadata: &str) -> Option<String> {
    let metadata: Value = serde_json::from_str(metadata).ok()?;
    let mut indices = metadata["index_columns"].as_array()?.iter();
    let range = indices.find(|index| index["kind"] == "range")?;
    range["name"].as_str().map(str::to_string)
}

fn kind_of(data_type: &DataType) -> CellKind {
    match data_type {
        DataType::Boolean => CellKind::Boolean,
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => CellKind::Timestamp,
        DataType::Duration(_) => CellKind::Duration,
        DataType::Time32(_) | DataType::Time64(_) => CellKind::TimeOfDay,
        _ if typed_column::is_number(data_type) => CellKind::Number,
        _ => CellKind::Text,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{
        BooleanArray, DurationSecondArray, Float64Array, Time64MicrosecondArray,
        TimestampMillisecondArray,
    };

    use super::*;
    use crate::parquet_file::{Compression, write_nullable};

    fn of(name: &str, text: &str, most_cells: usize) -> Preview {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        preview(&path, most_cells).unwrap()
    }

    fn names(preview: &Preview) -> Vec<&str> {
        let columns = preview.columns.iter();
        columns.map(|column| column.name.as_str()).collect()
    }

    #[test]
    fn the_separator_is_found_where_the_ending_does_not_say_it() {
        let table = of("a.csv", "id;x\n1;2,5\n", 100);
        assert_eq!(
            (names(&table), table.delimiter),
            (vec!["id", "x"], Some(';'))
        );
        assert_eq!(table.rows, [["1", "2,5"]]);
        let table = of("a.psv", "id|x\n1|\n", 100);
        assert_eq!((names(&table), table.delimiter), (vec!["id", "x"], None));
        assert_eq!(names(&of("a.csv", "id\n1\n", 100)), ["id"]);
    }

    #[test]
    fn no_more_is_read_than_was_asked_for() {
        let table = of("a.csv", "a,b\n1,2\n3,4\n5,6\n", 4);
        assert_eq!((table.rows.len(), table.is_whole), (2, false));
        let table = of("a.csv", "a,b\n1,2\n3,4\n5,6\n", 8);
        assert_eq!((table.rows.len(), table.is_whole), (3, true));
    }

    #[test]
    fn what_parquet_says_of_its_columns_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("x", Arc::new(Float64Array::from(vec![Some(1.5), None]))),
            ("t", Arc::new(DurationSecondArray::from(vec![0, 60]))),
            ("y", Arc::new(BooleanArray::from(vec![true, false]))),
        ];
        write_nullable(&path, columns, Compression::SNAPPY).unwrap();
        let table = preview(&path, 100).unwrap();
        let kinds: Vec<CellKind> = table.columns.iter().map(|column| column.kind).collect();
        assert_eq!(
            kinds,
            [CellKind::Number, CellKind::Duration, CellKind::Boolean]
        );
        assert_eq!(table.rows[1][0], "");
        assert_eq!(table.rows[0][2], "true");
    }

    #[test]
    fn times_of_any_zone_are_utc_and_a_cell_that_cannot_be_written_costs_no_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let zoned = |zone: &str| -> ArrayRef {
            Arc::new(TimestampMillisecondArray::from(vec![0]).with_timezone(zone))
        };
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("utc", zoned("UTC")),
            ("named", zoned("Europe/Berlin")),
            ("offset", zoned("+01:00")),
            (
                "beyond",
                Arc::new(TimestampMillisecondArray::from(vec![i64::MAX / 1_000])),
            ),
            ("day", Arc::new(Time64MicrosecondArray::from(vec![0]))),
        ];
        write_nullable(&path, columns, Compression::SNAPPY).unwrap();
        let table = preview(&path, 100).unwrap();
        let kinds: Vec<CellKind> = table.columns.iter().map(|column| column.kind).collect();
        let time = CellKind::Timestamp;
        assert_eq!(kinds, [time, time, time, time, CellKind::TimeOfDay]);
        assert_eq!(table.rows.len(), 1);
        for cell in &table.rows[0][..3] {
            assert_eq!(cell, "1970-01-01T00:00:00Z");
        }
        assert_eq!(table.rows[0][3], "");
    }

    #[test]
    fn an_index_of_pandas_that_is_no_column_is_named() {
        let range = r#"{"index_columns": [{"kind": "range", "name": "stay_id", "start": 3}]}"#;
        assert_eq!(range_index(range).as_deref(), Some("stay_id"));
        for none in [
            r#"{"index_columns": [{"kind": "range", "name": null}]}"#,
            r#"{"index_columns": ["stay_id"]}"#,
            "{}",
        ] {
            assert_eq!(range_index(none), None, "{none}");
        }
    }
}
