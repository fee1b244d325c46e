//! Embeddings that a file states: CSV or Parquet.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, Float64Array, ListArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ProjectionMask;

use super::EmbeddingRows;
use crate::id_names::{counts_rows, index_in_words, pandas_index};
use crate::names::quoted;
use crate::parquet_file::{self, Batches};
use crate::small_table::SmallTable;
use crate::text_file::{self, Container};
use crate::typed_column::{self, ColumnType};
use pipeline_error::Error;

/// The column of the variables' names.
const KEY: &str = "Key";

/// The one column of a Parquet file's vectors.
const VECTOR: &str = "embedding";

/// The rows of `names` in a file with the column `Key`. The file's first bytes tell whether it is
/// Parquet or CSV, not its name. Errors name the file and the line or row.
pub(super) fn of_variables(path: &Path, names: &[&str]) -> Result<EmbeddingRows, Error> {
    let found = match text_file::container(path)? {
        Container::Parquet => of_parquet(path)?,
        _ => of_csv(path)?,
    };
    found.rows_of(names)
}

/// A larger file is not read only to see how wide it is.
const MAX_BYTES_FOR_WIDTH: u64 = 64 << 20;

/// Numbers in a row of the file, if it can be read.
pub(super) fn width(path: &Path) -> Option<usize> {
    let length = std::fs::metadata(path).ok()?.len();
    if length > MAX_BYTES_FOR_WIDTH {
        return None;
    }
    let found = match text_file::container(path).ok()? {
        Container::Parquet => of_parquet(path),
        _ => of_csv(path),
    };
    found.ok()?.dimension
}

/// The embeddings found so far.
struct Found {
    path: PathBuf,
    /// What the file is made of, and how one says that something is in one: ("line", "on line").
    unit: (&'static str, &'static str),
    /// With the number of their line.
    by_name: BTreeMap<String, (u64, Vec<f32>)>,
    dimension: Option<usize>,
}

impl Found {
    fn new(path: &Path, unit: (&'static str, &'static str)) -> Self {
        Found {
            path: path.to_path_buf(),
            unit,
            by_name: BTreeMap::new(),
            dimension: None,
        }
    }

    fn error(&self, number: u64, what: impl Display) -> Error {
        Error::file(&self.path, format!("{} {number}: {what}", self.unit.0))
    }

    /// Adds a row. `title` says what the column or item of an index is called.
    fn add(
        &mut self,
        number: u64,
        name: &str,
        row: &[f64],
        title: impl Fn(usize) -> String,
    ) -> Result<(), Error> {
        if let Some((there, _)) = self.by_name.get(name) {
            let what = format!("Key `{name}` is {} {there} already", self.unit.1);
            return Err(self.error(number, what));
        }
        let dimension = *self.dimension.get_or_insert(row.len());
        if row.len() != dimension {
            let what = format!("{} numbers, where others have {dimension}", row.len());
            return Err(self.error(number, what));
        }
        let narrow = |(index, &wide): (usize, &f64)| {
            let narrow = wide as f32;
            match (wide.is_finite(), narrow.is_finite()) {
                (_, true) => Ok(narrow),
                (true, false) => Err(format!("{} is too large for f32", title(index))),
                (false, _) => Err(format!("{} {wide} is not a finite number", title(index))),
            }
        };
        let row: Result<Vec<f32>, String> = row.iter().enumerate().map(narrow).collect();
        let row = row.map_err(|what| self.error(number, what))?;
        self.by_name.insert(name.to_string(), (number, row));
        Ok(())
    }

    fn rows_of(&self, names: &[&str]) -> Result<EmbeddingRows, Error> {
        let without = names
            .iter()
            .filter(|name| !self.by_name.contains_key(**name));
        let without: Vec<String> = without.map(ToString::to_string).collect();
        if !without.is_empty() {
            let what = format!("no embedding of {}", quoted(without.iter()));
            return Err(
                Error::file(&self.path, what).with_hint("every variable needs a row of its own")
            );
        }
        let rows = names.iter().filter_map(|name| self.by_name.get(*name));
        Ok(EmbeddingRows {
            dimension: self.dimension.unwrap_or_default(),
            numbers: rows.flat_map(|(_, row)| row.iter().copied()).collect(),
        })
    }
}

fn of_csv(path: &Path) -> Result<Found, Error> {
    let table = SmallTable::read(path)?;
    let key = table.column(KEY)?;
    refuse_index(path, table.header.iter(), &[])?;
    let mut names = HashSet::new();
    if let Some(twice) = table.header.iter().find(|name| !names.insert(*name)) {
        table.column(twice)?;
    }
    let columns: Vec<usize> = (0..table.header.len()).filter(|&at| at != key).collect();
    if columns.is_empty() {
        return Err(no_numbers(path));
    }
    let mut found = Found::new(path, ("line", "on line"));
    for row in &table.rows {
        let numbers = columns.iter().map(|&column| table.number(row, column));
        let numbers = numbers.collect::<Result<Vec<f64>, Error>>()?;
        let title = |index: usize| table.header[columns[index]].clone();
        found.add(row.line, &row.fields[key], &numbers, title)?;
    }
    Ok(found)
}

/// Fails if a column is the number of a row, as tools write it beside a table, or one of those that the file notes as its
/// index.
fn refuse_index<'a>(
    path: &Path,
    mut header: impl Iterator<Item = &'a String>,
    noted: &[String],
) -> Result<(), Error> {
    let is_index = |name: &&String| {
        counts_rows(name)
            || matches!(name.as_str(), "index" | "level_0" | "rownames")
            || (*name != KEY && noted.contains(name))
    };
    let Some(name) = header.find(is_index) else {
        return Ok(());
    };
    Err(Error::file(path, index_in_words(name)).with_hint(
        "it is no number of an embedding: write the table without it (pandas: index=False)",
    ))
}

fn no_numbers(path: &Path) -> Error {
    Error::file(path, "has no column of numbers beside `Key`")
}

fn of_parquet(path: &Path) -> Result<Found, Error> {
    let builder = parquet_file::open(path)?;
    let layout = Layout::of(path, builder.schema())?;
    let mut roots = typed_column::positions(path, builder.schema(), &[(KEY, ColumnType::Name)])?;
    roots.extend(
        layout
            .columns()
            .filter_map(|name| builder.schema().index_of(name).ok()),
    );
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let batches = Batches::of(path, builder.with_projection(mask))?;
    let mut found = Found::new(path, ("row", "in row"));
    let mut number = 0;
    for rows in batches {
        let rows = rows?;
        layout.add(&rows, &mut number, &mut found)?;
    }
    match number {
        0 => Err(Error::file(path, "has no rows")),
        _ => Ok(found),
    }
}

/// Where a Parquet file keeps its numbers.
enum Layout {
    /// A column each.
    Columns(Vec<String>),
    /// A column of lists.
    Lists,
}

impl Layout {
    fn of(path: &Path, schema: &Schema) -> Result<Self, Error> {
        let others = schema.fields().iter().filter(|field| field.name() != KEY);
        let others: Vec<&Field> = others.map(|field| &**field).collect();
        let is_list = |field: &&&Field| {
            use DataType::{FixedSizeList, LargeList, List};
            matches!(
                field.data_type(),
                List(_) | LargeList(_) | FixedSizeList(..)
            )
        };
        if let Some(list) = others.iter().find(is_list) {
            let more = others.iter().filter(|field| field.name() != list.name());
            let more: Vec<&String> = more.map(|field| field.name()).collect();
            return match (list.name() == VECTOR, more.is_empty()) {
                (false, _) => {
                    let what = format!("column `{}` holds lists", list.name());
                    let hint = "lists of numbers are expected in one column `embedding`";
                    Err(Error::file(path, what).with_hint(hint))
                }
                (true, false) => {
                    let more = quoted(more);
                    let what =
                        format!("has columns beside `Key` and the lists of `{VECTOR}`: {more}");
                    let hint = "the numbers are in one column of lists, or in a column each";
                    Err(Error::file(path, what).with_hint(hint))
                }
                (true, true) => Ok(Layout::Lists),
            };
        }
        let header = schema.fields().iter().map(|field| field.name());
        refuse_index(path, header, &pandas_index(schema))?;
        let wanted = others
            .iter()
            .map(|field| (field.name().as_str(), ColumnType::Number));
        typed_column::positions(path, schema, &wanted.collect::<Vec<_>>())?;
        match others.is_empty() {
            true => Err(no_numbers(path)),
            false => {
                let names = others.iter().map(|field| field.name().clone());
                Ok(Layout::Columns(names.collect()))
            }
        }
    }

    fn columns(&self) -> impl Iterator<Item = &str> {
        let (columns, list) = match self {
            Layout::Columns(names) => (names.as_slice(), None),
            Layout::Lists => (&[][..], Some(VECTOR)),
        };
        columns.iter().map(String::as_str).chain(list)
    }

    /// Adds the rows of a batch; `number` is that of the row before.
    fn add(&self, rows: &RecordBatch, number: &mut u64, found: &mut Found) -> Result<(), Error> {
        let path = found.path.clone();
        let names = typed_column::text(&path, rows, KEY)?;
        let numbers = Numbers::of(self, &path, rows)?;
        for row in 0..rows.num_rows() {
            *number += 1;
            if names.is_null(row) {
                return Err(found.error(*number, "Key is null"));
            }
            let of_row = numbers.of_row(row);
            let of_row = of_row.map_err(|what| found.error(*number, what))?;
            let title = |index: usize| numbers.title(index);
            found.add(*number, names.value(row), &of_row, title)?;
        }
        Ok(())
    }
}

/// The numbers of a batch.
enum Numbers<'a> {
    Columns(&'a [String], Vec<Float64Array>),
    Lists(ListArray),
}

impl<'a> Numbers<'a> {
    fn of(layout: &'a Layout, path: &Path, rows: &RecordBatch) -> Result<Self, Error> {
        match layout {
            Layout::Columns(names) => {
                let columns = names
                    .iter()
                    .map(|name| typed_column::numbers(path, rows, name));
                Ok(Numbers::Columns(names, columns.collect::<Result<_, _>>()?))
            }
            Layout::Lists => {
                let item = Arc::new(Field::new_list_field(DataType::Float64, true));
                let lists = typed_column::cast_to(path, rows, VECTOR, &DataType::List(item))?;
                Ok(Numbers::Lists(lists))
            }
        }
    }

    fn title(&self, index: usize) -> String {
        match self {
            Numbers::Columns(names, _) => names[index].clone(),
            Numbers::Lists(_) => format!("{VECTOR}[{index}]"),
        }
    }

    /// The numbers of a row; else what is wrong with them.
    fn of_row(&self, row: usize) -> Result<Vec<f64>, String> {
        let number = |(index, value): (usize, Option<f64>)| {
            value.ok_or_else(|| format!("{} is null", self.title(index)))
        };
        match self {
            Numbers::Columns(_, columns) => {
                let value = |column: &Float64Array| column.is_valid(row).then(|| column.value(row));
                columns.iter().map(value).enumerate().map(number).collect()
            }
            Numbers::Lists(lists) if lists.is_null(row) => Err(format!("{VECTOR} is null")),
            Numbers::Lists(lists) => {
                let list = lists.value(row);
                let list = list.as_any().downcast_ref::<Float64Array>();
                let list = list.ok_or_else(|| format!("{VECTOR} holds no numbers"))?;
                if list.is_empty() {
                    return Err(format!("{VECTOR} is empty"));
                }
                list.iter().enumerate().map(number).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;
