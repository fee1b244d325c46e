//! Columns of a source's own tables that hold ids of another kind than those that its rows are joined by.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use super::ComparedIds;
use super::rows::{Cells, RowTaker, Rows, TableFiles, position_of};
use crate::config::Ids;
use crate::go_on;
use crate::small_table::{SmallRow, SmallTable};
use crate::spellings::plain_name;
use crate::stay_id::StayId;
use pipeline_error::Error;

/// Ids of two kinds differ in one of so many rows.
const ROWS: usize = 1_000_000;

/// The names of all columns of rows, gathered while parts are read.
#[derive(Default)]
pub(super) struct RowColumns(Mutex<BTreeSet<String>>);

impl RowColumns {
    pub(super) fn see(&self, header: &[String]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in header {
            if !all.contains(name) {
                all.insert(name.clone());
            }
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.contains(name)
    }
}

/// Compares two columns of a small table.
pub(super) fn compare(
    table: &SmallTable,
    [own, column]: [&str; 2],
    ids: Option<Ids>,
) -> ComparedIds {
    let (Ok(own_at), Ok(at)) = (table.column(own), table.column(column)) else {
        return ComparedIds::Unknown;
    };
    let id = |row: &SmallRow, column: usize| table.id(row, column, ids).ok().flatten();
    let mut found = ComparedIds::Unknown;
    for row in &table.rows {
        let (Some(first), Some(second)) = (id(row, own_at), id(row, at)) else {
            continue;
        };
        if are_two(&first, &second, ids) {
            let place = table.place(row.line);
            let what = format!("{place} has {own} `{first}` and {column} `{second}`");
            return ComparedIds::Differ(what);
        }
        found = ComparedIds::Equal;
    }
    found
}

/// Whether two ids are of two things, and not one number in two spellings.
fn are_two(first: &StayId, second: &StayId, ids: Option<Ids>) -> bool {
    let spelled = |id: &StayId| plain_name(&id.to_string());
    first != second && (ids == Some(Ids::Text) || spelled(first) != spelled(second))
}

/// The same of the first rows of the source, which are read again.
pub(super) fn compare_rows(
    files: &TableFiles,
    columns: [&str; 2],
    ids: Option<Ids>,
    interrupted: &AtomicBool,
) -> Result<ComparedIds, Error> {
    let mut comparison = Comparison {
        columns,
        ids,
        compared: 0,
        difference: None,
        interrupted,
    };
    for part in 0..files.parts() {
        // Whatever ends reading, the comparison knows how far it came.
        let _ = files.read(part, &mut comparison);
        go_on(interrupted)?;
        if comparison.is_done() {
            break;
        }
    }
    Ok(match comparison.difference {
        Some(what) => ComparedIds::Differ(what),
        None if comparison.compared == 0 => ComparedIds::Unknown,
        None => ComparedIds::Equal,
    })
}

/// Looks for a row whose two columns hold different ids, and ends reading where it is.
struct Comparison<'a> {
    columns: [&'a str; 2],
    ids: Option<Ids>,
    /// Rows with both ids.
    compared: usize,
    difference: Option<String>,
    interrupted: &'a AtomicBool,
}

impl Comparison<'_> {
    fn is_done(&self) -> bool {
        self.difference.is_some() || self.compared >= ROWS
    }

    fn id(&self, cells: &Cells, row: usize) -> Option<StayId> {
        let text = cells.name(row).ok()??;
        StayId::read(&text, self.ids).ok()?
    }
}

impl RowTaker for Comparison<'_> {
    fn begin(&mut self, _file: &Path) -> Result<(), Error> {
        Ok(())
    }

    fn select(&self, file: &Path, header: &[String]) -> Result<Vec<usize>, Error> {
        let columns = self.columns.iter();
        columns
            .map(|name| position_of(file, header, name))
            .collect()
    }

    fn take(&mut self, rows: &Rows) -> Result<(), Error> {
        let [own, other] = &rows.columns[..] else {
            return Ok(());
        };
        go_on(self.interrupted)?;
        for row in 0..rows.len() {
            let (Some(first), Some(second)) = (self.id(own, row), self.id(other, row)) else {
                continue;
            };
            self.compared += 1;
            if are_two(&first, &second, self.ids) {
                let (file, [own, column]) = (rows.file.display(), self.columns);
                let place = rows.place(row).told()?;
                let what = format!("{file} {place} has {own} `{first}` and {column} `{second}`");
                self.difference = Some(what);
            }
            if self.is_done() {
                return Err(Error::stage("the comparison is done"));
            }
        }
        Ok(())
    }
}
