//! Columns that look like ids of patients, where a recipe names none.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::config::StaysTable;
use crate::id_names::names_patients;

/// Those of the tables' headers, gathered while parts are read.
#[derive(Default)]
pub(super) struct PatientColumns(Mutex<BTreeSet<String>>);

impl PatientColumns {
    /// Adds those of a header but for `id`, the column of stays.
    pub(super) fn see(&self, header: &[String], id: Option<&String>) {
        let found = header.iter().filter(|name| names_patients(name));
        let found = found.filter(|name| Some(*name) != id);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(found.cloned());
    }

    /// What is worth reading of them: a split knows patients only by `stays.subject`.
    pub(super) fn note(&self, stays: Option<&StaysTable>) -> Option<String> {
        if stays.is_some_and(|stays| stays.subject.is_some()) {
            return None;
        }
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = all.first()?;
        Some(format!(
            "`{name}` looks like ids of patients, and stays of one patient may come into several splits: \
             source.stays.subject names the column of patients"
        ))
    }
}
