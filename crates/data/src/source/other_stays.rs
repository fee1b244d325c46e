//! Rows whose stay is not of the cohort: some are usual, all of them are a mistake.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::rows::RowPlace;
use crate::ingest::SourceCounts;
use crate::stay_id::StayId;
use pipeline_error::Error;

/// The first row of a stay that is not of the cohort, gathered while parts are read.
#[derive(Default)]
pub(super) struct OtherStays(Mutex<Option<(RowPlace, StayId)>>);

impl OtherStays {
    /// Adds the first such row of a file. Which one is kept depends on no order of parts.
    pub(super) fn add(&self, place: RowPlace, id: &StayId) {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if first.as_ref().is_none_or(|(kept, _)| place < *kept) {
            *first = Some((place, id.clone()));
        }
    }

    /// What is worth reading of them. Fails if there is no other row: `stays` names the table of
    /// stays.
    pub(super) fn note(
        &self,
        counts: &SourceCounts,
        stays: &Path,
    ) -> Result<Option<String>, Error> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((place, id)) = &*first else {
            return Ok(None);
        };
        let (others, rows, stays) = (counts.of_others, counts.rows, stays.display());
        let at = place.told()?;
        if others < rows {
            let file = place.file.display();
            return Ok(Some(format!(
                "{others} of {rows} rows belong to no stay of {stays}, and are left out: for example `{id}` ({file} {at})"
            )));
        }
        let what = format!(
            "none of the source's {rows} rows belongs to a stay of {stays}: for example `{id}` on {at}"
        );
        Err(Error::file(&place.file, what).with_hint(
            "a stay's id must be written the same in the rows and in the table of stays",
        ))
    }
}
