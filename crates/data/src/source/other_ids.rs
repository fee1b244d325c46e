//! Columns of a source's own tables that hold ids of another kind than those that its rows are joined by.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::rows::{Cells, RowTaker, Rows, TableFiles, position_of};
use crate::config::Ids;
use crate::small_table::{SmallRow, SmallTable};
use crate::stay_id::StayId;
use pipeline_error::Error;

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

/// The first row of a small table whose two columns hold different ids, in words.
pub(super) fn difference(
    table: &SmallTable,
    [own, column]: [&str; 2],
    ids: Option<Ids>,
) -> Option<String> {
    let [own_at, at] = [own, column].map(|name| table.column(name).ok());
    let (own_at, at) = (own_at?, at?);
    let id = |row: &SmallRow, column: usize| table.id(row, column, ids).ok().flatten();
    table.rows.iter().find_map(|row| {
        let (first, second) = (id(row, own_at)?, id(row, at)?);
        let place = table.place(row.line);
        (first != second).then(|| format!("{place} has {own} `{first}` and {column} `{second}`"))
    })
}

/// The same of the rows of the source, which are read again.
pub(super) fn difference_of_rows(
    files: &TableFiles,
    columns: [&str; 2],
    ids: Option<Ids>,
) -> Option<String> {
    let mut comparison = Comparison {
        columns,
        ids,
        found: None,
    };
    (0..files.parts()).find_map(|part| {
        // Whatever ends the search, either a difference is found or there is none.
        let _ = files.read(part, &mut comparison);
        comparison.found.take()
    })
}

/// Looks for a row whose two columns hold different ids, and ends reading where it is.
struct Comparison<'a> {
    columns: [&'a str; 2],
    ids: Option<Ids>,
    found: Option<String>,
}

impl Comparison<'_> {
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
        for row in 0..rows.len() {
            let (Some(first), Some(second)) = (self.id(own, row), self.id(other, row)) else {
                continue;
            };
            if first != second {
                let (file, [own, column]) = (rows.file.display(), self.columns);
                let place = rows.place(row).told()?;
                let found = format!("{file} {place} has {own} `{first}` and {column} `{second}`");
                self.found = Some(found.clone());
                return Err(Error::stage(found));
            }
        }
        Ok(())
    }
}
