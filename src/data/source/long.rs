//! Tables with one row an event: a stay, a time, a variable, a value.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::EventSource;
use super::cohort::Cohort;
use super::row_place::{RowPlaces, event_of};
use super::rows::{RowTaker, Rows, TableFiles, position_of};
use super::stay_table::StayTable;
use crate::data::config::{LongSource, SplitRule};
use crate::data::go_on;
use crate::data::ingest::{Ingested, PartWriter, RawEvent};
use crate::error::Error;

/// The tables of a recipe's source.
pub(super) struct Long {
    config: LongSource,
    files: TableFiles,
    cohort: Cohort,
}

impl Long {
    /// Lists the files and reads the small tables.
    pub(super) fn open(config: &LongSource, split: &SplitRule) -> Result<Self, Error> {
        let labels = Some(&config.labels);
        Ok(Self {
            files: TableFiles::open(&config.files, config.id.is_none())?,
            cohort: Cohort::open(config.stays.as_ref(), labels, &config.time, split)?,
            config: config.clone(),
        })
    }
}

impl EventSource for Long {
    fn parts(&self) -> usize {
        self.files.parts() + self.cohort.parts()
    }

    fn read(
        &self,
        part: usize,
        out: &mut PartWriter,
        interrupted: &AtomicBool,
    ) -> Result<(), Error> {
        if part == self.files.parts() {
            return self.cohort.write_statics(out);
        }
        let config = &self.config;
        let places = RowPlaces::new(&self.cohort, &config.time, config.id.is_none());
        let mut taker = LongRows {
            config,
            places,
            out,
            interrupted,
        };
        self.files.read(part, &mut taker)
    }

    fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        Ok(self.cohort.stays(ingested))
    }
}

struct LongRows<'a, 'w> {
    config: &'a LongSource,
    places: RowPlaces<'a>,
    out: &'a mut PartWriter<'w>,
    interrupted: &'a AtomicBool,
}

impl RowTaker for LongRows<'_, '_> {
    fn begin(&mut self, file: &Path) -> Result<(), Error> {
        self.places.begin(file, self.out)
    }

    fn select(&self, file: &Path, header: &[String]) -> Result<Vec<usize>, Error> {
        let config = self.config;
        let names = [Some(&config.time.column), config.id.as_ref()];
        let names = names.into_iter().flatten();
        let names = names.chain([&config.variable, &config.value]);
        names.map(|name| position_of(file, header, name)).collect()
    }

    fn take(&mut self, rows: &Rows) -> Result<(), Error> {
        go_on(self.interrupted)?;
        let at = self.places.columns();
        let (names, values) = (&rows.columns[at], &rows.columns[at + 1]);
        self.out.counts().rows += rows.len() as u64;
        for row in 0..rows.len() {
            let Some((series, time)) = self.places.place(rows, row, self.out)? else {
                continue;
            };
            let id = self.places.id();
            let name = names.text(row).ok_or_else(|| {
                let what = format!("no {} is named (stay {id})", self.config.variable);
                rows.error(row, what)
            })?;
            let variable = self.out.variable(&name);
            let named = (variable, name.as_ref());
            let event = event_of(rows, row, values, named, id, self.out)?;
            // An event without a value is there all the same.
            let (variable, value) = event.unwrap_or((variable, f64::NAN));
            let event = RawEvent {
                time,
                value,
                variable,
                set: 0,
            };
            self.out.push(series, event)?;
        }
        Ok(())
    }
}
