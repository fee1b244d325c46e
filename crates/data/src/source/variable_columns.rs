//! Columns of wide tables that some of the files do not have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pipeline_error::listed::first_of;

/// Columns that the note names.
const COLUMNS: usize = 10;
/// Files that it names of each.
const FILES: usize = 3;

/// The columns of each file that are read as variables, gathered while parts are read.
#[derive(Default)]
pub(super) struct VariableColumns {
    /// By all columns of a file, since most files have the same: the files.
    files: Mutex<BTreeMap<BTreeSet<String>, BTreeSet<PathBuf>>>,
}

impl VariableColumns {
    /// Takes those of a file, which may be read in several pieces.
    pub(super) fn see<'a>(&self, file: &Path, columns: impl Iterator<Item = &'a String>) {
        let columns: BTreeSet<String> = columns.cloned().collect();
        let mut all = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(columns).or_default().insert(file.to_path_buf());
    }

    /// Says which columns not every file has: one of them may be another name of another one.
    pub(super) fn note(&self) -> Option<String> {
        let all = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = all.values().map(BTreeSet::len).sum();
        let columns: BTreeSet<&String> = all.keys().flatten().collect();
        let partial = columns.into_iter().filter_map(|column| {
            let with = all.iter().filter(|(of, _)| of.contains(column));
            let with: usize = with.map(|(_, files)| files.len()).sum();
            if with == total {
                return None;
            }
            // The fewer are named: those with the column, or those without.
            let (not, named) = match 2 * with <= total {
                true => ("", true),
                false => ("not ", false),
            };
            let shown = all.iter().filter(|(of, _)| of.contains(column) == named);
            let mut shown: Vec<&PathBuf> = shown.flat_map(|(_, files)| files).collect();
            shown.sort_unstable();
            let shown = first_of(shown.iter().map(|file| file.display()), FILES);
            Some(format!(
                "`{column}` is a column of {with} of {total} files ({not}{shown})"
            ))
        });
        let listed = first_of(partial, COLUMNS);
        (!listed.is_empty()).then(|| format!("{listed}: in the others it is not measured"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(files: &[(&str, &[&str])]) -> Option<String> {
        let seen = VariableColumns::default();
        for (file, columns) in files {
            let columns: Vec<String> = columns.iter().map(ToString::to_string).collect();
            seen.see(Path::new(file), columns.iter());
        }
        seen.note()
    }

    #[test]
    fn columns_that_every_file_has_are_not_told_in_whatever_order() {
        assert_eq!(note(&[]), None);
        assert_eq!(note(&[("a", &["HR"]), ("a", &["HR"])]), None);
        assert_eq!(note(&[("a", &["HR", "pH"]), ("b", &["pH", "HR"])]), None);
    }

    #[test]
    fn the_fewer_files_are_named_those_with_the_column_or_those_without() {
        let files: [(&str, &[&str]); 3] =
            [("c", &["HR"]), ("b", &["HR", "pH"]), ("a", &["HR", "T"])];
        let told = "`T` is a column of 1 of 3 files (a), `pH` is a column of 1 of 3 files (b): in the others it is \
                    not measured";
        assert_eq!(note(&files).as_deref(), Some(told));
        let told = note(&[files[0], files[1], ("d", &["HR", "pH"])]);
        let expected = "`pH` is a column of 2 of 3 files (not c): in the others it is not measured";
        assert_eq!(told.as_deref(), Some(expected));
    }

    #[test]
    fn of_many_columns_and_files_the_first_are_named() {
        let names: Vec<String> = (10..30).map(|number| number.to_string()).collect();
        let mut files: Vec<(&str, &[&str])> = names.iter().map(|name| (&**name, &[][..])).collect();
        let odd: Vec<&str> = names.iter().map(String::as_str).collect();
        files.extend([("1", &odd[..]), ("2", &odd), ("3", &odd), ("4", &odd)]);
        let told = note(&files).unwrap();
        assert!(
            told.starts_with("`10` is a column of 4 of 24 files (1, 2, 3 and 1 more), "),
            "{told}"
        );
        assert!(
            told.ends_with(" and 10 more: in the others it is not measured"),
            "{told}"
        );
    }
}
