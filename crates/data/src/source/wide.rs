//! Tables with one row for each stay and time, and a column for each variable.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};

use super::EventSource;
use super::cohort::Cohort;
use super::row_label::{RowLabels, row_class};
use super::row_place::{RowPlaces, event_of};
use super::row_statics::{PartStatics, RowStatics};
use super::row_tables::RowTables;
use super::rows::{RowTaker, Rows, position_of};
use super::stay_table::StayTable;
use crate::config::{SplitRule, WideSource};
use crate::go_on;
use crate::ingest::{Ingested, PartWriter, RawEvent};
use pipeline_error::Error;

/// The tables of a recipe's source.
pub(super) struct Wide {
    config: WideSource,
    tables: RowTables,
    /// Of the column `row_label`, gathered while reading.
    row_labels: Mutex<RowLabels>,
    /// Of the columns `statics`.
    row_statics: Mutex<RowStatics>,
}

impl Wide {
    /// Lists the files and reads the small tables.
    pub(super) fn open(config: WideSource, split: &SplitRule) -> Result<Self, Error> {
        let (stays, labels) = (config.stays.as_ref(), config.labels.as_ref());
        let cohort = Cohort::open(stays, labels, &config.time, split)?;
        Ok(Self {
            tables: RowTables::open(&config.files, config.id.as_ref(), &config.time, cohort)?,
            config,
            row_labels: Mutex::default(),
            row_statics: Mutex::default(),
        })
    }
}

impl EventSource for Wide {
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
        let mut taker = WideRows {
            config: &self.config,
            places: self.tables.places(),
            labels: RowLabels::default(),
            statics: PartStatics::default(),
            out,
            interrupted,
        };
        self.tables.read(part, &mut taker)?;
        let WideRows {
            labels, statics, ..
        } = taker;
        let all = self.row_labels.lock();
        all.unwrap_or_else(PoisonError::into_inner).merge(labels);
        let all = self.row_statics.lock();
        let mut all = all.unwrap_or_else(PoisonError::into_inner);
        all.write_new(statics, out)
    }

    fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        let mut stays = self.tables.stays(ingested)?;
        if let Some(column) = &self.config.row_label {
            let labels = self.row_labels.lock();
            let labels = labels.unwrap_or_else(PoisonError::into_inner);
            labels.label(&self.config, &mut stays)?;
            stays.outcomes.insert(column.clone());
        }
        Ok(stays)
    }
}

struct WideRows<'a, 'w> {
    config: &'a WideSource,
    places: RowPlaces<'a>,
    labels: RowLabels,
    statics: PartStatics,
    out: &'a mut PartWriter<'w>,
    interrupted: &'a AtomicBool,
}

impl RowTaker for WideRows<'_, '_> {
    fn begin(&mut self, file: &Path) -> Result<(), Error> {
        self.places.begin(file, self.out)
    }

    /// The time, the stay's id, the label of rows, statics, then the variables.
    fn select(&self, file: &Path, header: &[String]) -> Result<Vec<usize>, Error> {
        let config = self.config;
        let leading = [
            Some(&config.time.column),
            config.id.as_ref(),
            config.row_label.as_ref(),
        ];
        let leading = leading.into_iter().flatten().chain(&config.statics);
        let mut selected = leading
            .map(|name| position_of(file, header, name))
            .collect::<Result<Vec<usize>, Error>>()?;
        for name in &config.ignore {
            position_of(file, header, name)?;
        }
        for (at, name) in header.iter().enumerate() {
            if !selected.contains(&at) && !config.ignore.contains(name) {
                position_of(file, header, name)?;
                selected.push(at);
            }
        }
        Ok(selected)
    }

    fn take(&mut self, rows: &Rows) -> Result<(), Error> {
        go_on(self.interrupted)?;
        let label = (self.config.row_label.as_ref()).map(|_| self.places.columns());
        let first_static = self.places.columns() + usize::from(label.is_some());
        let first_variable = first_static + self.config.statics.len();
        // Times, ids and labels are no variables, and are skipped below.
        let variables: Vec<u32> = (rows.names.iter().enumerate())
            .map(|(column, name)| match column < first_static {
                true => 0,
                false => self.out.variable(name),
            })
            .collect();
        self.out.counts().rows += rows.len() as u64;
        for row in 0..rows.len() {
            let Some((series, time)) = self.places.place(rows, row, self.out)? else {
                continue;
            };
            let id = self.places.id();
            if let Some(label) = label {
                let positive = row_class(rows, row, label, id)?;
                self.labels.add(id, time, positive);
            }
            let columns = (rows.names.iter()).zip(&rows.columns).zip(&variables);
            for (column, ((name, cells), &variable)) in columns.enumerate().skip(first_static) {
                let event = event_of(rows, row, cells, (variable, name), id, self.out)?;
                let Some((variable, value)) = event else {
                    self.out.counts().missing += 1;
                    continue;
                };
                if column < first_variable {
                    self.statics
                        .add((id, series), (column, name), (variable, value))
                        .map_err(|what| rows.error(row, what))?;
                    continue;
                }
                let event = RawEvent {
                    time,
                    value,
                    variable,
                    set: 0,
                };
                self.out.push(series, event)?;
            }
        }
        Ok(())
    }
}
