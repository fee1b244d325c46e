//! Columns that look like ids of patients, where a recipe names none.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::config::{SplitRule, StaysTable};
use crate::id_names::names_patients;

/// Those of the tables' headers, gathered while parts are read.
pub(super) struct PatientColumns {
    found: Mutex<BTreeSet<String>>,
    has_one_split: bool,
}

impl PatientColumns {
    /// None yet.
    pub(super) fn new(split: &SplitRule) -> Self {
        Self {
            found: Mutex::default(),
            has_one_split: *split == SplitRule::All,
        }
    }

    /// Adds those of a header but for `id`, the column of stays.
    pub(super) fn see<'a>(
        &self,
        header: impl IntoIterator<Item = &'a String>,
        id: Option<&String>,
    ) {
        let found = header.into_iter().filter(|name| names_patients(name));
        let found = found.filter(|name| Some(*name) != id);
        let mut all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(found.cloned());
    }

    /// What is worth reading of them: a split knows patients only by `stays.subject`.
    pub(super) fn note(&self, stays: Option<&StaysTable>) -> Option<String> {
        if stays.is_some_and(|stays| stays.subject.is_some()) {
            return None;
        }
        self.note_with("source.stays.subject names the column of patients")
    }

    /// The same of a source whose recipe names no patients, with the setting that keeps their stays together.
    pub(super) fn note_with(&self, remedy: &str) -> Option<String> {
        if self.has_one_split {
            return None;
        }
        let all = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        let name = all.first()?;
        Some(format!(
            "`{name}` looks like ids of patients, and stays of one patient may come into several splits: {remedy}"
        ))
    }
}
