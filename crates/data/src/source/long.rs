//! Tables with one row an event: a stay, a time, a variable, a value.

use std::borrow::Cow;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::cohort::Cohort;
use super::row_place::{RowPlaces, event_of};
use super::row_tables::RowTables;
use super::rows::{Cells, RowTaker, Rows, position_of};
use super::rules::ReadRules;
use super::stay_table::StayTable;
use super::{ComparedIds, EventSource, Sought};
use crate::config::{Ids, LongSource, SplitRule};
use crate::decimal_text::plain_decimal;
use crate::go_on;
use crate::ingest::{Ingested, PartWriter, RawEvent};
use crate::stay_id::StayId;
use pipeline_error::Error;

/// The tables of a recipe's source.
pub(super) struct Long {
    config: LongSource,
    rules: ReadRules,
    tables: RowTables,
}

impl Long {
    /// Lists the files and reads the small tables.
    pub(super) fn open(
        config: &LongSource,
        split: &SplitRule,
        rules: ReadRules,
    ) -> Result<Self, Error> {
        let (stays, labels) = (config.stays.as_ref(), config.labels.as_ref());
        let cohort = Cohort::open(stays, labels, &config.time, split, rules.clone())?;
        Ok(Self {
            tables: RowTables::open(
                &config.files,
                config.delimiter,
                config.id.as_ref(),
                &config.time,
                cohort,
                split,
            )?,
            config: config.clone(),
            rules,
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
            rules: &self.rules,
            tables: &self.tables,
            places: self.tables.places(),
            out,
            interrupted,
        };
        self.tables.read(part, &mut taker)
    }

    fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        self.tables.stays(ingested, self.config.stays.as_ref())
    }

    fn compared_ids(
        &self,
        column: &str,
        of_patients: bool,
        interrupted: &AtomicBool,
    ) -> Result<ComparedIds, Error> {
        let stays = self.config.stays.as_ref();
        (self.tables).compared_ids((column, of_patients), stays, interrupted)
    }

    fn place_of(&self, name: Sought) -> Option<String> {
        let config = &self.config;
        let columns = match name {
            Sought::Stay(_) => vec![config.id.as_deref()?],
            Sought::Variable(_) => vec![config.variable.as_str()],
            Sought::Category(..) => vec![config.variable.as_str(), &config.value],
        };
        self.tables.place_of(name, &columns)
    }
}

struct LongRows<'a, 'w> {
    config: &'a LongSource,
    rules: &'a ReadRules,
    tables: &'a RowTables,
    places: RowPlaces<'a>,
    out: &'a mut PartWriter<'w>,
    interrupted: &'a AtomicBool,
}

impl LongRows<'_, '_> {
    /// The variable that a row names.
    fn name_of<'c>(
        &self,
        rows: &Rows,
        row: usize,
        names: &'c Cells,
        id: &StayId,
    ) -> Result<Cow<'c, str>, Error> {
        let config = &self.config;
        let column = &config.variable;
        let named = |what: String| rows.error(row, format!("{column} {what} (stay {id})"));
        let name = names.name(row).map_err(named)?;
        let name =
            name.ok_or_else(|| rows.error(row, format!("no {column} is named (stay {id})")))?;
        if config.missing.iter().any(|missing| *missing == name) {
            let what =
                format!("no {column} is named (stay {id}): `{name}` is among source.missing");
            return Err(rows.error(row, what));
        }
        Ok(match config.ids {
            Some(Ids::Number) => plain_decimal(&name).map_or(name, Cow::Owned),
            _ => name,
        })
    }
}

impl RowTaker for LongRows<'_, '_> {
    fn begin(&mut self, file: &Path) -> Result<(), Error> {
        self.places.begin(file, self.out)
    }

    fn select(&self, file: &Path, header: &[String]) -> Result<Vec<usize>, Error> {
        let config = self.config;
        self.tables.see(header);
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
            let name = self.name_of(rows, row, names, id)?;
            let variable = self.out.variable(&name);
            let named = (variable, name.as_ref());
            let told = (id, self.rules);
            let event = event_of(rows, row, values, named, told, self.out)?;
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
