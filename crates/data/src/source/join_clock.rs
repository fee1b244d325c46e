//! The times of tables that are joined with the stays of a source.

use std::path::PathBuf;

use arrow::datatypes::DataType;

use super::meds_labels::label_files;
use super::meds_shards::NO_ZONES;
use super::rows::{Clock, RowPlace, TimeCell, Told};
use super::zones::{Seen, Sighting, Zones};
use crate::config::{Source, StayPolicy, TimeColumn, TimeUnit};
use crate::parquet_file;
use crate::small_table::{SmallRow, SmallTable};
use pipeline_error::Error;

/// Reads times on the clock of a source.
pub(crate) struct JoinClock {
    /// As the source's own times are told.
    clock: Clock,
    /// Where these have a format of their own: as timestamps usually are.
    of_usual: Option<Clock>,
    /// Whether a recipe says how they are told.
    is_stated: bool,
    zones: Zones,
    seen: Seen,
    meds: Option<MedsTimes>,
}

/// The times of prediction of a MEDS dataset.
struct MedsTimes {
    file: PathBuf,
    has_zone: bool,
}

impl JoinClock {
    /// The clock of a source, and what its times say of their zones.
    pub(crate) fn of(source: &Source, zones: &Zones) -> Result<Self, Error> {
        let stated = source.time().cloned();
        let is_stated = stated.is_some();
        let stated = stated.unwrap_or_else(timestamps);
        let usual = stated.format.is_some().then(|| TimeColumn {
            format: None,
            ..stated.clone()
        });
        Ok(Self {
            clock: Clock::new(&stated)?,
            of_usual: usual.as_ref().map(Clock::new).transpose()?,
            is_stated,
            zones: zones.clone(),
            seen: Seen::default(),
            meds: MedsTimes::of(source)?,
        })
    }

    /// That of timestamps of which nothing is known: without a zone they are UTC.
    pub(crate) fn unknown() -> Result<Self, Error> {
        Ok(Self {
            clock: Clock::new(&timestamps())?,
            of_usual: None,
            is_stated: false,
            zones: Zones::default(),
            seen: Seen::default(),
            meds: None,
        })
    }

    /// The time in a field, in microseconds.
    pub(crate) fn read(
        &mut self,
        table: &SmallTable,
        row: &SmallRow,
        column: usize,
    ) -> Result<i64, Error> {
        let (name, text) = (&table.header[column], &row.fields[column]);
        let bad = |what: &str| table.error(row.line, format!("{name} `{text}` {what}"));
        let typed = table.time(row, column);
        let cell_on = |clock: &Clock| {
            let typed = typed.and_then(|time| clock.of_typed(time));
            typed.unwrap_or_else(|| clock.of_text(text))
        };
        let first = cell_on(&self.clock);
        let second = self.of_usual.as_ref().map(cell_on);
        let (time, told) = match (first, second) {
            (TimeCell::At(time, told), _) | (_, Some(TimeCell::At(time, told))) => (time, told),
            (unusable @ (TimeCell::Never | TimeCell::Unreadable), _) if self.is_stated => {
                let told = self.clock.complaint(unusable, text);
                return Err(bad(&told.what).with_hint(told.hint));
            }
            _ => return Err(bad("is no time")),
        };
        if let Some(meds) = &self.meds {
            (meds.compare(told)).map_err(|what| bad(&what).with_hint(NO_ZONES))?;
        }
        if self.seen.is_new(told) {
            let sighting = Sighting {
                place: RowPlace::of_small(table, row),
                column: name.clone(),
                text: text.to_string(),
            };
            self.zones.add(told, sighting);
        }
        Ok(time)
    }

    /// Fails if times of the table have a zone and those of the source none, or the other way round.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match self.is_stated {
            true => self.zones.check(),
            false => Ok(()),
        }
    }
}

impl MedsTimes {
    fn of(source: &Source) -> Result<Option<Self>, Error> {
        let Source::Meds(source) = source else {
            return Ok(None);
        };
        let Some(path) = source.labels.as_ref().or(source.prediction_times.as_ref()) else {
            return Ok(None);
        };
        // All of them are alike, or they are refused when they are read.
        let files = label_files(path.as_ref())?;
        let Some(file) = files.files().first() else {
            return Ok(None);
        };
        let schema = parquet_file::open(file)?.schema().clone();
        let field = schema.field_with_name("prediction_time").ok();
        let is_zoned = |data_type: &DataType| matches!(data_type, DataType::Timestamp(_, Some(_)));
        Ok(field.map(|field| Self {
            file: file.clone(),
            has_zone: is_zoned(field.data_type()),
        }))
    }

    /// What is wrong with a time that tells this.
    fn compare(&self, told: Told) -> Result<(), String> {
        let (knows, does) = match (told == Told::Zoned, self.has_zone) {
            (true, false) => ("knows its time zone", "does not"),
            (false, true) => ("does not know its time zone", "does"),
            _ => return Ok(()),
        };
        let file = self.file.display();
        Err(format!(
            "{knows}, and `prediction_time` of {file} {does}: they cannot be compared"
        ))
    }
}

fn timestamps() -> TimeColumn {
    TimeColumn {
        column: String::new(),
        unit: TimeUnit::Timestamp,
        format: None,
        zone: None,
        negative: StayPolicy::Error,
    }
}
