//! Tables of rows, whatever a row is.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use super::cohort::Cohort;
use super::other_ids::{RowColumns, compare, compare_rows};
use super::other_stays::OtherStays;
use super::patient_columns::PatientColumns;
use super::row_place::RowPlaces;
use super::rows::{Cells, RowTaker, Rows, TableFiles, position_of};
use super::stay_table::StayTable;
use super::zones::Zones;
use super::{ComparedIds, Sought};
use crate::config::{Ids, SplitRule, StaysTable, TimeColumn};
use crate::delimiter::Delimiter;
use crate::ingest::{Ingested, PartWriter};
use crate::input_path::InputPath;
use crate::stay_id::StayId;
use pipeline_error::Error;

/// Tables of rows, and the small tables that tell of their stays.
pub(super) struct RowTables {
    files: TableFiles,
    cohort: Cohort,
    time: TimeColumn,
    /// What the times of rows say of their zones, gathered while reading.
    zones: Mutex<Zones>,
    others: OtherStays,
    /// Columns of the rows, the stays and the labels that look like patients.
    patients: PatientColumns,
    /// All columns of the rows.
    columns: RowColumns,
    /// How ids of columns of the rows compare with those of stays: several settings may name a column.
    compared: Mutex<HashMap<String, ComparedIds>>,
    /// The column that names the stays of rows; without one, every file is a stay of its own.
    id: Option<String>,
}

impl RowTables {
    /// Lists the files, whose rows name their stays in the column `id`; without one, every file is a stay.
    pub(super) fn open(
        files: &[InputPath],
        delimiter: Option<Delimiter>,
        id: Option<&String>,
        time: &TimeColumn,
        cohort: Cohort,
        split: &SplitRule,
    ) -> Result<Self, Error> {
        Ok(Self {
            files: TableFiles::open(files, delimiter.map(|delimiter| delimiter.0), id.is_none())?,
            cohort,
            time: time.clone(),
            zones: Mutex::default(),
            others: OtherStays::default(),
            patients: PatientColumns::new(split),
            columns: RowColumns::default(),
            compared: Mutex::default(),
            id: id.cloned(),
        })
    }

    /// Whether a path leads to one of the files.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.files.has(path)
    }

    pub(super) fn parts(&self) -> usize {
        self.files.parts() + self.cohort.parts()
    }

    /// Whether a part is not of the rows, but of the stays.
    pub(super) fn is_of_stays(&self, part: usize) -> bool {
        part == self.files.parts()
    }

    pub(super) fn write_statics(&self, out: &mut PartWriter) -> Result<(), Error> {
        self.cohort.write_statics(out)
    }

    /// Where rows belong.
    pub(super) fn places(&self) -> RowPlaces<'_> {
        let gathered = (&self.zones, &self.others);
        RowPlaces::new(&self.cohort, &self.time, gathered, self.id.is_none())
    }

    /// Takes the header of a file of rows.
    pub(super) fn see(&self, header: &[String]) {
        self.columns.see(header);
        self.patients.see(header, self.id.as_ref());
    }

    pub(super) fn read(&self, part: usize, taker: &mut impl RowTaker) -> Result<(), Error> {
        self.files.read(part, taker)
    }

    /// The stays, once all rows have been read. Fails if some of their times have a zone and others none, or if no row
    /// is of a stay of the cohort.
    pub(super) fn stays(
        &self,
        ingested: &Ingested,
        listed: Option<&StaysTable>,
    ) -> Result<StayTable, Error> {
        let mut zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
        self.cohort.add_zones(&mut zones);
        zones.check()?;
        let mut stays = self.cohort.stays(ingested)?;
        stays.notes.extend(zones.note()?);
        stays.zones = zones.clone();
        let rules = self.cohort.rules();
        if rules.settings.of_tables {
            stays.missing.clone_from(&rules.missing);
        }
        self.files.tell(&mut stays)?;
        if let (Some(listed), Some(table)) = (listed, self.cohort.table()) {
            self.patients.see(&table.header, Some(&listed.id));
        }
        (self.patients).see(self.cohort.label_columns(), self.id.as_ref());
        stays.notes.extend(self.patients.note(listed));
        if let Some(table) = self.cohort.table() {
            let note = self.others.note(&ingested.counts, table.path())?;
            stays.notes.extend(note);
        }
        if ingested.counts.folded > 0 {
            stays.notes.push(format!(
                "{} times are of hours that clocks showed twice, when they were set back: the first is taken",
                ingested.counts.folded
            ));
        }
        Ok(stays)
    }

    /// Whether a column holds the ids of the stays beside it, or of the patients, in the table of stays and in rows.
    pub(super) fn compared_ids(
        &self,
        (column, of_patients): (&str, bool),
        listed: Option<&StaysTable>,
        interrupted: &AtomicBool,
    ) -> Result<ComparedIds, Error> {
        let ids = self.cohort.rules().ids;
        let own = listed.and_then(|listed| match of_patients {
            true => listed.subject.as_deref(),
            false => Some(&*listed.id),
        });
        let in_stays = match self.cohort.table().zip(own) {
            Some((table, own)) => compare(table, [own, column], ids),
            None => ComparedIds::Unknown,
        };
        let may_differ = !of_patients && !matches!(in_stays, ComparedIds::Differ(_));
        let own = self.id.as_deref().filter(|own| *own != column);
        match own.filter(|_| may_differ && self.columns.has(column)) {
            None => Ok(in_stays),
            Some(own) => Ok(match self.compared_rows([own, column], interrupted)? {
                ComparedIds::Unknown => in_stays,
                found => found,
            }),
        }
    }

    fn compared_rows(
        &self,
        columns: [&str; 2],
        interrupted: &AtomicBool,
    ) -> Result<ComparedIds, Error> {
        let mut known = self.compared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(columns[1]) {
            return Ok(found.clone());
        }
        let ids = self.cohort.rules().ids;
        let found = compare_rows(&self.files, columns, ids, interrupted)?;
        known.insert(columns[1].to_string(), found.clone());
        Ok(found)
    }

    /// The first row that names a stay, a variable or a category in exactly these letters, in these columns; without
    /// columns the file that has a column of this name. Reads the source again: for complaints.
    pub(super) fn place_of(&self, sought: Sought, columns: &[&str]) -> Option<String> {
        let mut finder = Finder {
            sought,
            ids: self.cohort.rules().ids,
            columns,
            found: RefCell::default(),
        };
        (0..self.files.parts()).find_map(|part| {
            // Whatever ends the search, either the place is found or there is none.
            let _ = self.files.read(part, &mut finder);
            finder.found.take()
        })
    }
}

/// Looks for a name, and ends reading where it is.
struct Finder<'a> {
    sought: Sought<'a>,
    ids: Option<Ids>,
    /// The columns that it is in; none if it is that of a column itself.
    columns: &'a [&'a str],
    found: RefCell<Option<String>>,
}

impl Finder<'_> {
    fn end(&self, place: String) -> Result<(), Error> {
        let end = Error::stage(place.clone());
        self.found.replace(Some(place));
        Err(end)
    }

    fn is_it(&self, columns: &[Cells], row: usize) -> bool {
        match (self.sought, columns) {
            (Sought::Variable(sought), [names, ..]) => is_text(names.name(row), sought),
            (Sought::Stay(id), [ids, ..]) => ids.name(row).ok().flatten().is_some_and(|text| {
                StayId::read(&text, self.ids).is_ok_and(|read| read.as_ref() == Some(id))
            }),
            (Sought::Category(_, text), [values]) => is_text(values.category(row), text),
            (Sought::Category(variable, text), [names, values]) => {
                is_text(names.name(row), variable) && is_text(values.category(row), text)
            }
            _ => false,
        }
    }
}

fn is_text(cell: Result<Option<Cow<str>>, String>, sought: &str) -> bool {
    cell.is_ok_and(|cell| cell.as_deref() == Some(sought))
}

impl RowTaker for Finder<'_> {
    fn begin(&mut self, _file: &Path) -> Result<(), Error> {
        Ok(())
    }

    fn select(&self, file: &Path, header: &[String]) -> Result<Vec<usize>, Error> {
        if let (Sought::Variable(name), []) = (self.sought, self.columns)
            && header.iter().any(|column| column == name)
        {
            self.end(format!("a column of {}", file.display()))?;
        }
        let columns = self.columns.iter();
        let positions: Result<Vec<usize>, Error> = columns
            .map(|name| position_of(file, header, name))
            .collect();
        // Of wide tables, a file may lack a column that the next one has.
        positions.or(Ok(Vec::new()))
    }

    fn take(&mut self, rows: &Rows) -> Result<(), Error> {
        let row = (0..rows.len()).find(|&row| self.is_it(&rows.columns, row));
        row.map_or(Ok(()), |row| {
            let place = rows.place(row).told()?;
            self.end(format!("{} {place}", rows.file.display()))
        })
    }
}
