//! Files that state mean and standard deviation of every variable: CSV, Parquet or a pickled dict.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};

use arrow::array::Array;
use parquet::arrow::ProjectionMask;

use super::contract::{self, InputContract};
use super::parquet_file::{self, Batches};
use super::small_table::SmallTable;
use super::statistics::Variable;
use super::typed_column::{self, ColumnType};
use pipeline_checkpoint::pickle::{self, Heap, Value};
use pipeline_error::Error;

/// The variables of a file, sorted by name: one with the columns variable, mean and std, or a
/// pickled `{variable: {"mean": …, "std": …}}`. Which of them it is its first bytes tell, not its
/// name. Errors name the file and the line, row or entry.
pub(super) fn read(path: &Path) -> Result<Vec<Variable>, Error> {
    let unreadable = |error| Error::file(path, format!("cannot be read: {error}"));
    let mut start = Vec::new();
    let mut file = pipeline_files::open(path).map_err(unreadable)?;
    file.by_ref()
        .take(4)
        .read_to_end(&mut start)
        .map_err(unreadable)?;
    match start.as_slice() {
        b"PAR1" => of_parquet(path),
        // PROTO and its number. No text starts so.
        [0x80, 2..=255, ..] => {
            let bytes = std::fs::read(path).map_err(unreadable)?;
            of_pickle(path, &bytes)
        }
        // The empty dict that a pickle of protocol 0 or 1 starts with.
        [b'(', b'd', ..] | [b'}', b'q' | b'.', ..] => {
            let what = "is a pickle of protocol 0 or 1, known are 2 to 5";
            Err(Error::file(path, what).with_hint("write it with pickle.dump(…, protocol=4)"))
        }
        _ => of_csv(path),
    }
}

/// The variables found so far.
struct Found {
    path: PathBuf,
    /// What the file is made of, and how one says that something is in one: ("line", "on line").
    unit: (&'static str, &'static str),
    /// With the number of their line.
    by_name: BTreeMap<String, (u64, Variable)>,
}

impl Found {
    fn new(path: &Path, unit: (&'static str, &'static str)) -> Self {
        Found {
            path: path.to_path_buf(),
            unit,
            by_name: BTreeMap::new(),
        }
    }

    fn error(&self, number: u64, what: impl Display) -> Error {
        Error::file(&self.path, format!("{} {number}: {what}", self.unit.0))
    }

    fn add(&mut self, number: u64, name: &str, mean: f64, std: f64) -> Result<(), Error> {
        for (what, value) in [("mean", mean), ("std", std)] {
            if !value.is_finite() {
                let what = format!("{what} {value} of variable `{name}` is not finite");
                return Err(self.error(number, what));
            }
        }
        if std <= 0.0 {
            let what = format!("std {std} of variable `{name}` is not above 0");
            return Err(self
                .error(number, what)
                .with_hint("leave `statistics` out: then a constant variable counts as presence"));
        }
        if let Some((there, _)) = self.by_name.get(name) {
            let what = format!("variable `{name}` is {} {there} already", self.unit.1);
            return Err(self.error(number, what));
        }
        let variable = Variable {
            name: name.to_string(),
            mean,
            std,
            constant: false,
            numeric: true,
            train_events: 0,
        };
        self.by_name.insert(name.to_string(), (number, variable));
        Ok(())
    }

    fn finish(self) -> Result<Vec<Variable>, Error> {
        if self.by_name.is_empty() {
            return Err(Error::file(&self.path, "has no variable"));
        }
        let variables = self.by_name.into_values();
        Ok(variables.map(|(_, variable)| variable).collect())
    }
}

fn of_csv(path: &Path) -> Result<Vec<Variable>, Error> {
    let table = SmallTable::read(path)?;
    let (name, mean, std) = (
        table.column("variable")?,
        table.column("mean")?,
        table.column("std")?,
    );
    let mut found = Found::new(path, ("line", "on line"));
    for row in &table.rows {
        let (mean, std) = (table.number(row, mean)?, table.number(row, std)?);
        found.add(row.line, &row.fields[name], mean, std)?;
    }
    found.finish()
}

fn of_parquet(path: &Path) -> Result<Vec<Variable>, Error> {
    if contract::is_in(path)? {
        let contract = InputContract::read(path)?;
        return Ok(contract.variables.iter().map(Variable::from).collect());
    }
    let builder = parquet_file::open(path)?;
    let wanted = [
        ("variable", ColumnType::Name),
        ("mean", ColumnType::Number),
        ("std", ColumnType::Number),
    ];
    let columns = typed_column::positions(path, builder.schema(), &wanted)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
    let batches = Batches::of(path, builder.with_projection(mask))?;
    let mut found = Found::new(path, ("row", "in row"));
    let mut number = 0;
    for rows in batches {
        let rows = rows?;
        let names = typed_column::text(path, &rows, "variable")?;
        let means = typed_column::numbers(path, &rows, "mean")?;
        let stds = typed_column::numbers(path, &rows, "std")?;
        for row in 0..rows.num_rows() {
            number += 1;
            let columns: [(&str, &dyn Array); 3] =
                [("variable", &names), ("mean", &means), ("std", &stds)];
            if let Some((column, _)) = columns.iter().find(|(_, column)| column.is_null(row)) {
                return Err(found.error(number, format!("{column} is null")));
            }
            found.add(number, names.value(row), means.value(row), stds.value(row))?;
        }
    }
    found.finish()
}

fn of_pickle(path: &Path, bytes: &[u8]) -> Result<Vec<Variable>, Error> {
    let refused = |what: String| Error::file(path, what).with_hint(PICKLE_HINT);
    let pickle = pickle::load(bytes).map_err(|refusal| refused(refusal.to_string()))?;
    if pickle.length != bytes.len() {
        let more = bytes.len() - pickle.length;
        return Err(refused(format!("{more} bytes follow the pickle")));
    }
    let heap = &pickle.heap;
    let entries = heap.dict(pickle.root).ok_or_else(|| {
        let kind = heap.kind(pickle.root);
        refused(format!("is {kind}, where a dict by variable is expected"))
    })?;
    let mut found = Found::new(path, ("entry", "in entry"));
    for (number, (name, values)) in (1..).zip(entries) {
        let name = heap.text(*name).ok_or_else(|| {
            let what = format!("{} is no variable's name", heap.kind(*name));
            found.error(number, what).with_hint(PICKLE_HINT)
        })?;
        let statistic = |key| {
            statistic(heap, name, *values, key)
                .map_err(|what| found.error(number, what).with_hint(PICKLE_HINT))
        };
        let (mean, std) = (statistic("mean")?, statistic("std")?);
        found.add(number, name, mean, std)?;
    }
    found.finish()
}

/// A variable has a handful of values. Larger dicts are not searched: one could be shared by all.
const MAX_VALUES: usize = 64;

const PICKLE_HINT: &str = "a pickle of statistics is a dict of dicts of numbers: {variable: {\"mean\": …, \"std\": …}}. \
     Nothing in it is run; write others as a CSV file with the columns variable, mean and std";

/// A variable's number under `key`; else what is wrong.
fn statistic(heap: &Heap, variable: &str, values: Value, key: &str) -> Result<f64, String> {
    let entries = heap.dict(values).ok_or_else(|| {
        let kind = heap.kind(values);
        format!("variable `{variable}` has {kind}, where a dict with mean and std is expected")
    })?;
    if entries.len() > MAX_VALUES {
        let count = entries.len();
        return Err(format!(
            "variable `{variable}` has {count} values, where mean and std are expected"
        ));
    }
    let mut named = (entries.iter()).filter(|(name, _)| heap.text(*name) == Some(key));
    match (named.next(), named.next()) {
        (None, _) => Err(format!("variable `{variable}` has no `{key}`")),
        (Some(_), Some(_)) => Err(format!("variable `{variable}` has two `{key}`")),
        (Some((_, Value::Float(number))), None) => Ok(*number),
        (Some((_, Value::Int(number))), None) => Ok(*number as f64),
        (Some((_, other)), None) => Err(format!(
            "{key} of variable `{variable}` is {}, where a number is expected",
            heap.kind(*other)
        )),
    }
}

#[cfg(test)]
mod tests;
