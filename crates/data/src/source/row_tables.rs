use super::cohort::Cohort;
use super::row_place::RowPlaces;
use super::rows::{RowTaker, TableFiles};
use super::stay_table::StayTable;
use crate::config::TimeColumn;
use crate::delimiter::Delimiter;
use crate::ingest::{Ingested, PartWriter};
use crate::input_path::InputPath;
use pipeline_error::Error;

/// Tables of rows, and the small tables that tell of their stays.
pub(super) struct RowTables {
    files: TableFiles,
    cohort: Cohort,
    time: TimeColumn,
    /// Whether every file is a stay of its own.
    by_file: bool,
}

impl RowTables {
    /// Lists the files, whose rows name their stays in the column `id`; without one, every file is a stay.
    pub(super) fn open(
        files: &[InputPath],
        delimiter: Option<Delimiter>,
        id: Option<&String>,
        time: &TimeColumn,
        cohort: Cohort,
    ) -> Result<Self, Error> {
        Ok(Self {
            files: TableFiles::open(files, delimiter.map(|delimiter| delimiter.0), id.is_none())?,
            cohort,
            time: time.clone(),
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
        RowPlaces::new(&self.cohort, &self.time, self.by_file)
    }

    pub(super) fn read(&self, part: usize, taker: &mut impl RowTaker) -> Result<(), Error> {
        self.files.read(part, taker)
    }

    pub(super) fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        let mut stays = self.cohort.stays(ingested);
        self.files.tell(&mut stays)?;
        Ok(stays)
    }
}
