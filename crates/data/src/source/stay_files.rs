use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::folder::SourceFiles;
use super::labels::Labels;
use super::rules::ReadRules;
use super::stay_table::StayTable;
use crate::go_on;
use crate::ingest::Ingested;
use pipeline_error::Error;

/// Files read by one thread before it looks for more work: enough to share the names of variables.
const FILES_IN_PART: usize = 16;

/// Files of one stay each, and the stays' labels.
pub(super) struct StayFiles {
    pub(super) files: SourceFiles,
    pub(super) labels: Labels,
    pub(super) rules: ReadRules,
}

impl StayFiles {
    pub(super) fn parts(&self) -> usize {
        self.files.files().len().div_ceil(FILES_IN_PART)
    }

    /// Reads the files of a part, one after the other.
    pub(super) fn read(
        &self,
        part: usize,
        interrupted: &AtomicBool,
        mut read: impl FnMut(&Path) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let files = self.files.files().chunks(FILES_IN_PART).nth(part);
        for file in files.into_iter().flatten() {
            go_on(interrupted)?;
            read(file)?;
        }
        Ok(())
    }

    pub(super) fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        let mut stays = StayTable::one_for_each_series(ingested);
        self.labels.label(&mut stays, ingested)?;
        self.files.tell(&mut stays);
        Ok(stays)
    }
}
