//! Columns of wide tables that some of the files do not have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pipeline_error::listed::first_of;

/// Columns that the note names.
const COLUMNS: usize = 10;
/// Files that it names of each.
const FILES: usize = 3;
/// With more different headers than these, a file has the columns that something was measured for: nothing is told.
const HEADERS: usize = 20;
/// Of so many files, one that lacks a column of all others is told.
const FEW_FILES: usize = 20;

/// By all columns of a file, since most files have the same: the files.
type Headers = BTreeMap<BTreeSet<String>, BTreeSet<PathBuf>>;

/// The columns of each file that are read as variables, gathered while parts are read.
#[derive(Default)]
pub(super) struct VariableColumns {
    /// No more than one beyond [`HEADERS`].
    headers: Mutex<Headers>,
}

impl VariableColumns {
    /// Takes those of a file, which may be read in several pieces.
    pub(super) fn see<'a>(&self, file: &Path, columns: impl Iterator<Item = &'a String>) {
        let mut all = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() <= HEADERS {
            let files = all.entry(columns.cloned().collect()).or_default();
            files.insert(file.to_path_buf());
        }
    }

    /// Says which columns may be other ones under another name, or lacking by mistake.
    pub(super) fn note(&self) -> Option<String> {
        let all = self.headers.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() > HEADERS {
            return None;
        }
        // The headers that a column is in, as bits.
        let mut columns: BTreeMap<&str, u32> = BTreeMap::new();
        for (at, header) in all.keys().enumerate() {
            for column in header {
                *columns.entry(column).or_default() |= 1 << at;
            }
        }
        let doubtful = doubtful(&all, &columns);
        let told = columns
            .iter()
            .filter(|(_, within)| doubtful.contains(within));
        // Of those beyond the first, no text is made.
        let told = told.map(|(column, &within)| {
            let all = &*all;
            fmt::from_fn(move |out| {
                write!(out, "`{column}` is a column of {}", places(all, within))
            })
        });
        let listed = first_of(told, COLUMNS);
        (!listed.is_empty()).then(|| format!("{listed}: in the others it is not measured"))
    }
}

/// Those sets of headers whose columns are told.
fn doubtful(all: &Headers, columns: &BTreeMap<&str, u32>) -> BTreeSet<u32> {
    let every = (1_u32 << all.len()) - 1;
    let sets: BTreeSet<u32> = columns.values().copied().collect();
    // Another column stands in no file with it, but in one that shares a further column: tables of other things share none.
    let may_be_renamed = |within: u32| {
        let sharing = sets.iter().filter(|set| *set & within != 0);
        let sharing = sharing.fold(0, |all, set| all | set);
        sets.iter()
            .any(|set| set & within == 0 && set & sharing != 0)
    };
    let files: usize = all.values().map(BTreeSet::len).sum();
    let is_lacking = |within: u32| {
        let without = every & !within;
        let only = all.iter().nth(without.trailing_zeros() as usize);
        let only = only.filter(|_| without.is_power_of_two() && files <= FEW_FILES);
        only.is_some_and(|(header, files)| {
            let is_shared = |column: &String| columns[column.as_str()] == every;
            files.len() == 1 && !header.is_empty() && header.iter().all(is_shared)
        })
    };
    let told = |within: &u32| may_be_renamed(*within) || is_lacking(*within);
    sets.iter().copied().filter(told).collect()
}

/// How many of the files have one of these headers, and the names of those with or those without, whichever are fewer.
fn places(all: &Headers, within: u32) -> String {
    let has = |at: usize| within >> at & 1 == 1;
    let total: usize = all.values().map(BTreeSet::len).sum();
    let files = || all.values().enumerate();
    let with: usize = files()
        .filter(|(at, _)| has(*at))
        .map(|(_, files)| files.len())
        .sum();
    let (not, named) = match 2 * with <= total {
        true => ("", true),
        false => ("not ", false),
    };
    let shown = files().filter(|(at, _)| has(*at) == named);
    let mut shown: Vec<&PathBuf> = shown.flat_map(|(_, files)| files).collect();
    shown.sort_unstable();
    let shown = first_of(shown.iter().map(|file| file.display()), FILES);
    format!("{with} of {total} files ({not}{shown})")
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
    fn tables_of_other_things_lack_no_column() {
        let vitals: (&str, &[&str]) = ("vitals", &["HR", "Temp"]);
        let labs: (&str, &[&str]) = ("labs", &["Na", "pH"]);
        assert_eq!(note(&[vitals, labs]), None);
        assert_eq!(note(&[vitals, labs, ("more", &["HR", "Temp"])]), None);
        let told = note(&[vitals, labs, ("more", &["HR", "temp"])]).unwrap();
        assert!(
            told.starts_with("`Temp` is a column of 1 of 3 files (vitals), `temp` is a"),
            "{told}"
        );
        assert!(!told.contains("pH"), "{told}");
    }

    #[test]
    fn a_file_that_lacks_a_column_of_all_others_is_told_where_files_are_few() {
        let names: Vec<String> = (0..30).map(|number| number.to_string()).collect();
        let of = |count: usize| {
            let whole = names[1..count]
                .iter()
                .map(|name| (&**name, &["HR", "Temp"][..]));
            let files: Vec<_> = std::iter::once(("0", &["HR"][..])).chain(whole).collect();
            note(&files)
        };
        let told = "`Temp` is a column of 19 of 20 files (not 0): in the others it is not measured";
        assert_eq!(of(20).as_deref(), Some(told));
        assert_eq!(of(21), None);
        // A file has more than the others, and each of the others less than it.
        assert_eq!(
            note(&[("a", &["HR", "T"]), ("b", &["HR"]), ("c", &["HR"])]),
            None
        );
    }

    #[test]
    fn files_of_stays_with_what_was_measured_are_not_told_and_not_kept() {
        let seen = VariableColumns::default();
        for stay in 1..40_000_u32 {
            let has = |bit: &u32| stay >> bit & 1 == 1;
            let columns: Vec<String> = (0..16).filter(has).map(|bit| bit.to_string()).collect();
            seen.see(Path::new(&format!("{stay}.csv")), columns.iter());
        }
        assert_eq!(seen.headers.lock().unwrap().len(), HEADERS + 1);
        assert_eq!(seen.note(), None);
    }

    #[test]
    fn of_many_columns_and_files_the_first_are_named() {
        let [old, new] = ["old", "new"].map(|name| {
            let columns = (10..16).map(|number| format!("{name} {number}"));
            columns.chain(["HR".to_string()]).collect::<Vec<String>>()
        });
        let seen = VariableColumns::default();
        for file in ["1", "2", "3", "4"] {
            seen.see(Path::new(file), new.iter());
        }
        (10..30).for_each(|file| seen.see(Path::new(&file.to_string()), old.iter()));
        let told = seen.note().unwrap();
        assert!(
            told.starts_with("`new 10` is a column of 4 of 24 files (1, 2, 3 and 1 more), "),
            "{told}"
        );
        assert!(
            told.ends_with(" and 2 more: in the others it is not measured"),
            "{told}"
        );
    }
}
