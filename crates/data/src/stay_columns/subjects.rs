//! Whose stays a model was fitted on.

use std::collections::BTreeSet;

use super::StayColumns;
use crate::dataset::Split;
use crate::spellings::plain_name;
use crate::typed_column;
use pipeline_error::Error;

/// The stays that a data stage has for training and validation, and whose they are.
pub struct SubjectSet {
    stays: BTreeSet<String>,
    /// None where the source tells no subjects: each stay is called as one then.
    subjects: Option<BTreeSet<String>>,
}

impl SubjectSet {
    /// Those of a table of stays.
    pub fn fitted_on(stays: &StayColumns) -> Result<Self, Error> {
        let splits = typed_column::text(&stays.path, &stays.rows, "split")?;
        let is_fitted = |row: &usize| splits.value(*row) != Split::Test.name();
        let rows: Vec<usize> = (0..stays.rows.num_rows()).filter(is_fitted).collect();
        let (ids, subjects) = (stays.stay_ids()?, stays.subjects()?);
        let named = |names: &[String]| rows.iter().map(|&row| plain_name(&names[row])).collect();
        Ok(Self {
            stays: named(&ids),
            subjects: (ids != subjects).then(|| named(&subjects)),
        })
    }

    /// The stays of `rows` of another table that are among these, or of a subject who is. One number that is
    /// spelled in two ways is one id. Subjects are compared where both tables tell them.
    pub fn shared(&self, others: &StayColumns, rows: &[usize]) -> Result<Vec<String>, Error> {
        let (ids, subjects) = (others.stay_ids()?, others.subjects()?);
        let compared = self.subjects.as_ref().filter(|_| ids != subjects);
        let is_shared = |&&row: &&usize| {
            let of_subject = compared.is_some_and(|all| all.contains(&plain_name(&subjects[row])));
            of_subject || self.stays.contains(&plain_name(&ids[row]))
        };
        let shared = rows.iter().filter(is_shared);
        Ok(shared.map(|&row| ids[row].clone()).collect())
    }
}
