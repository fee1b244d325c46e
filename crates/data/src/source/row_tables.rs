use std::sync::{Mutex, PoisonError};

use super::cohort::Cohort;
use super::row_place::RowPlaces;
use super::rows::{RowTaker, TableFiles};
use super::stay_table::StayTable;
use super::zones::Zones;
use crate::config::TimeColumn;
use crate::ingest::{Ingested, PartWriter};
use crate::input_path::InputPath;
use pipeline_error::Error;

/// Tables of rows, and the small tables that tell of their stays.
pub(super) struct RowTables {
    files: TableFiles,
    cohort: Cohort,
    time: TimeColumn,
    /// What the times of rows say of their zones, gathered while reading.
    zones: Mutex<Zones>,
    /// Whether every file is a stay of its own.
    by_file: bool,
}

impl RowTables {
    /// Lists the files, whose rows name their stays in the column `id`; without one, every file is a stay.
    pub(super) fn open(
        files: &[InputPath],
        id: Option<&String>,
        time: &TimeColumn,
        cohort: Cohort,
    ) -> Result<Self, Error> {
        Ok(Self {
            files: TableFiles::open(files, id.is_none())?,
            cohort,
            time: time.clone(),
            zones: Mutex::default(),
            by_file: id.is_none(),
        })
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
        RowPlaces::new(&self.cohort, &self.time, &self.zones, self.by_file)
    }

    pub(super) fn read(&self, part: usize, taker: &mut impl RowTaker) -> Result<(), Error> {
        self.files.read(part, taker)
    }

    /// The stays, once all rows have been read. Fails if some of their times have a zone and others none.
    pub(super) fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        let mut zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
        self.cohort.add_zones(&mut zones);
        zones.check()?;
        let mut stays = self.cohort.stays(ingested);
        if ingested.counts.folded > 0 {
            stays.notes.push(format!(
                "{} times are of hours that clocks showed twice, when they were set back: the first is taken",
                ingested.counts.folded
            ));
        }
        Ok(stays)
    }
}
