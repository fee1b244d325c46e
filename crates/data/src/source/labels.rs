//! Labels from CSV tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::stay_table::StayTable;
use crate::delimiter::Delimiter;
use crate::small_table::{Layout, SmallTable};
use crate::stay_id::StayId;
use pipeline_error::Error;

/// The label of every stay that has one.
#[derive(Default)]
pub(super) struct Labels {
    labels: BTreeMap<StayId, Entry>,
    /// Names of the tables' other columns: outcomes, all of them.
    columns: BTreeSet<String>,
}

struct Entry {
    label: u32,
    /// Where it is stated, for a complaint about a second statement.
    place: String,
}

impl Labels {
    /// Adds the table `path`: the stay ids in column `id`, whole numbers ≥ 0 in column `label`
    /// (`1.0` is 1). Errors name file and line; a stay may come twice only with the same label.
    pub(super) fn read(
        &mut self,
        path: &Path,
        delimiter: Option<Delimiter>,
        id: &str,
        label: &str,
    ) -> Result<(), Error> {
        let table = SmallTable::read_as(path, &Layout::separated_by(delimiter))?;
        let (id, column) = (table.column(id)?, table.column(label)?);
        let columns = table.header.iter().enumerate();
        let columns = columns.filter(|(at, _)| *at != id).map(|(_, name)| name);
        self.columns.extend(columns.cloned());
        for row in &table.rows {
            let stay = StayId::parse(&row.fields[id])
                .ok_or_else(|| table.error(row.line, "the stay id is blank"))?;
            let text = &row.fields[column];
            let label = class(text).ok_or_else(|| {
                let what = format!("label `{text}` of stay {stay} is not a whole number ≥ 0");
                table
                    .error(row.line, what)
                    .with_hint("take the row out if the stay has no label")
            })?;
            let place = table.place(row.line);
            match self.labels.get(&stay) {
                Some(other) if other.label != label => {
                    let what = format!(
                        "stay {stay} has label {label}, but {} at {}",
                        other.label, other.place
                    );
                    return Err(table.error(row.line, what));
                }
                Some(_) => {}
                None => {
                    self.labels.insert(stay, Entry { label, place });
                }
            }
        }
        Ok(())
    }

    /// Gives every stay its label.
    pub(super) fn label(&self, stays: &mut StayTable) {
        let mut used = 0;
        for stay in &mut stays.rows {
            stay.label = self.labels.get(&stay.id).map(|entry| entry.label);
            used += u64::from(stay.label.is_some());
        }
        stays.unused_labels = self.labels.len() as u64 - used;
        stays.outcomes.extend(self.columns.iter().cloned());
    }
}

fn class(text: &str) -> Option<u32> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = whole.bytes().all(|byte| byte.is_ascii_digit())
        && fraction.bytes().all(|byte| byte == b'0');
    if plain { whole.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Labels, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        std::fs::write(&path, text).unwrap();
        let mut labels = Labels::default();
        labels.read(&path, None, "id", "y")?;
        Ok(labels)
    }

    #[test]
    fn a_label_that_is_no_class_is_named_with_its_line() {
        for bad in ["-1", "0.5", "", "yes", "nan", "1e3", "99999999999"] {
            let error = read(&format!("id,y\n1,0\n2,{bad}\n")).err().unwrap();
            let text = error.to_string();
            assert!(
                text.contains("labels.csv: line 3: label") && text.contains("stay 2"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_stay_may_be_labelled_twice_only_alike() {
        let labels = read("id,y\n7.0,1\n7,1.0\n").ok().unwrap();
        assert_eq!(labels.labels[&StayId::Number(7)].label, 1);
        let text = read("id,y\n7.0,1\n7,0\n").err().unwrap().to_string();
        assert!(
            text.contains("line 3: stay 7 has label 0, but 1 at"),
            "{text}"
        );
    }
}
