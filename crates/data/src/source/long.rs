//! Tables with one row an event: a stay, a time, a variable, a value.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::EventSource;
use super::cohort::Cohort;
use super::row_place::{RowPlaces, event_of};
use super::row_tables::RowTables;
use super::rows::{RowTaker, Rows, position_of};
use super::stay_table::StayTable;
use crate::config::{LongSource, SplitRule};
use crate::go_on;
use crate::ingest::{Ingested, PartWriter, RawEvent};
use pipeline_error::Error;

/// The tables of a recipe's source.
pub(super) struct Long {
    config: LongSource,
    tables: RowTables,
}

impl Long {
    /// Lists the files and reads the small tables.
    pub(super) fn open(config: &LongSource, split: &SplitRule) -> Result<Self, Error> {
        let (stays, labels) = (config.stays.as_ref(), Some(&config.labels));
        let cohort = Cohort::open(stays, labels, &config.time, split)?;
        Ok(Self {
            tables: RowTables::open(&config.files, config.id.as_ref(), &config.time, cohort)?,
            config: config.clone(),
        })
    }
}

impl EventSource for Long {
    fn parts(&self) -> usize {
        self.tables.parts()
    }

    fn read(
        &self,
        part: usize,
        out: &mut PartWriter,
        interrupted: &AtomicBool,
    ) -> Result<(), Error> {
        if self.tables.is_of_stays(part) {
            return self.tables.write_statics(out);
        }
        let mut taker = LongRows {
            config: &self.config,
            places: self.tables.places(),
            out,
            interrupted,
        };
        self.tables.read(part, &mut taker)
    }

    fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        self.tables.stays(ingested)
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
