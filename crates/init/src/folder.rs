//! The tables of a folder: each by its begin, many files of one layout as one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::table::Table;
use pipeline_data::preview::{Preview, preview};
use pipeline_error::Error;
use pipeline_files::data_files_below;

/// Cells of a table that are read. Texts among numbers are found in them; what comes later is found by the run.
const MOST_CELLS: usize = 1_000_000;

/// Files of one folder that are looked at, where there are many of one kind.
const LOOKED_AT: usize = 4;

/// Of more files of one folder and ending not even all headers are read, unless those of a few differ.
const MANY: usize = 100;

/// Cells of one of many files.
const FEW_CELLS: usize = 20_000;

/// Endings of tables, less what says how they are compressed.
const ENDINGS: [&str; 5] = ["csv", "tsv", "psv", "txt", "parquet"];

/// Endings of tables of other programs, and of texts that are compressed otherwise.
const UNREAD: [&str; 18] = [
    "xlsx", "xls", "ods", "sas7bdat", "xpt", "dta", "sav", "rds", "rdata", "feather", "arrow",
    "orc", "avro", "jsonl", "ndjson", "bz2", "xz", "zip",
];

/// What was found.
pub struct Folder {
    /// The folder; where one file was asked for, the folder that it is in.
    pub root: PathBuf,
    /// Its tables, by path.
    pub tables: Vec<Table>,
    /// What cannot be read, and why.
    pub unread: Vec<String>,
}

impl Folder {
    /// Looks at everything below `path`, or at that one file.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |path: &Path, what: &dyn std::fmt::Display| Error::Usage {
            message: format!("{}: {what}", path.display()),
            hint: Some("--from names a folder of data, or a table".into()),
        };
        let is_folder = path
            .metadata()
            .map_err(|error| failed(path, &error))?
            .is_dir();
        let (root, files) = match is_folder {
            true => {
                let found = data_files_below(path)
                    .map_err(|failure| failed(&failure.path, &failure.error))?;
                let files = found.files.into_iter().map(|file| file.path);
                (path.to_path_buf(), files.collect())
            }
            false => {
                let folder = path.parent().unwrap_or(Path::new(""));
                (folder.to_path_buf(), vec![path.to_path_buf()])
            }
        };
        let mut folder = Self {
            root,
            tables: Vec::new(),
            unread: unread(&files),
        };
        for ((_, ending), files) in by_kind(files) {
            folder.add(&ending, &files);
        }
        if folder.tables.is_empty() {
            let mut what =
                "holds no table (.csv, .tsv, .psv, .txt, .parquet; text also with .gz or .zst)"
                    .to_string();
            if let Some(first) = folder.unread.first() {
                what = format!("holds no table that can be read: {first}");
            }
            return Err(failed(path, &what));
        }
        Ok(folder)
    }

    /// Adds files of one folder and one ending: those of one header are one table. Of many files a few are looked at,
    /// and all where these differ.
    fn add(&mut self, ending: &str, files: &[PathBuf]) {
        let telling = telling(files);
        let unread = self.unread.len();
        let mut kinds = self.by_header(&telling);
        if telling.len() < files.len() && (kinds.len() > 1 || self.unread.len() > unread) {
            self.unread.truncate(unread);
            kinds = self.by_header(files);
        }
        let all_alike = kinds.len() == 1 && self.unread.len() == unread;
        for (_, same) in kinds {
            let same = if all_alike { files } else { &same };
            let few = same.len() <= LOOKED_AT;
            let most = if few { MOST_CELLS } else { FEW_CELLS };
            let looked_at = same.iter().step_by(same.len().div_ceil(LOOKED_AT));
            let mut previews = Vec::new();
            for path in looked_at {
                match preview(path, most) {
                    Ok(table) => previews.push(table),
                    Err(error) => self.unread.push(error.to_string()),
                }
            }
            let table = Table::new(&self.root, ending, same.to_vec(), previews, all_alike);
            self.tables.extend(table);
        }
    }

    /// Files by their header, in order.
    fn by_header(&mut self, files: &[PathBuf]) -> Vec<(Vec<String>, Vec<PathBuf>)> {
        let mut kinds: Vec<(Vec<String>, Vec<PathBuf>)> = Vec::new();
        for path in files {
            let names = match preview(path, 1) {
                Ok(table) => header(&table),
                Err(error) => {
                    self.unread.push(error.to_string());
                    continue;
                }
            };
            match kinds.iter_mut().find(|(known, _)| *known == names) {
                Some((_, same)) => same.push(path.clone()),
                None => kinds.push((names, vec![path.clone()])),
            }
        }
        kinds
    }
}

/// The files whose headers tell whether all have one: of many a few, and one of each shape of names.
fn telling(files: &[PathBuf]) -> Vec<PathBuf> {
    if files.len() <= MANY {
        return files.to_vec();
    }
    let step = files.len().div_ceil(LOOKED_AT);
    let mut telling: BTreeSet<&PathBuf> = files.iter().step_by(step).collect();
    let shapes: BTreeMap<String, &PathBuf> = files.iter().map(|path| (shape(path), path)).collect();
    // Names of letters at random have a shape each, which tells nothing.
    if shapes.len() <= LOOKED_AT {
        telling.extend(shapes.into_values());
    }
    telling.into_iter().cloned().collect()
}

/// A file's name without digits: names of stays mostly differ in nothing else.
fn shape(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let rest = name.chars().filter(|letter| !letter.is_ascii_digit());
    rest.collect()
}

fn header(table: &Preview) -> Vec<String> {
    table
        .columns
        .iter()
        .map(|column| column.name.clone())
        .collect()
}

/// Files by folder and ending. What is no table is left out.
fn by_kind(files: Vec<PathBuf>) -> BTreeMap<(PathBuf, String), Vec<PathBuf>> {
    let mut kinds: BTreeMap<(PathBuf, String), Vec<PathBuf>> = BTreeMap::new();
    for path in files {
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        if let Some(ending) = ending(&path) {
            kinds.entry((folder, ending)).or_default().push(path);
        }
    }
    kinds
}

/// The files that are tables of a kind that is not read.
fn unread(files: &[PathBuf]) -> Vec<String> {
    let is_such = |path: &&PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| UNREAD.contains(&&*ending.to_ascii_lowercase()))
    };
    let files = files.iter().filter(is_such).map(|path| path.display());
    let unread = files.map(|path| format!("{path}: write it as .csv or .parquet to have it read"));
    unread.collect()
}

/// `csv.gz`: the ending of a table's name in lower case.
fn ending(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let (stem, compressed) = match name.rsplit_once('.')? {
        (stem, compression @ ("gz" | "zst")) => (stem.to_string(), Some(compression.to_string())),
        _ => (name.clone(), None),
    };
    let (_, ending) = stem.rsplit_once('.')?;
    let is_known = ENDINGS.contains(&ending);
    is_known.then(|| match compressed {
        Some(compression) => format!("{ending}.{compression}"),
        None => ending.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_a_folder_of_many_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        for name in ["a", "b", "c", "d", "e"] {
            write(&format!("{name}.csv"), &format!("id,{name}\n1,2\n"));
        }
        write("f.csv", "id,a\n3,4\n");
        let found = Folder::open(folder.path()).unwrap();
        let files: Vec<&[String]> = found.tables.iter().map(|table| &table.files[..]).collect();
        assert_eq!(files[0], ["a.csv", "f.csv"]);
        assert_eq!(files.len(), 5);
        assert!(
            found
                .tables
                .iter()
                .all(|table| !table.is_all_of_folder && table.is_whole)
        );
    }

    #[test]
    fn one_file_of_another_kind_among_many_is_found_if_it_is_looked_at() {
        for (odd, counts) in [
            ("0000", &[1, MANY + 8][..]),
            ("labels", &[MANY + 9, 1]),
            // Its name is like the rest, and it is not among the few.
            ("0001", &[MANY + 9]),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let write = |name: &str, text: &str| {
                std::fs::write(folder.path().join(format!("{name}.csv")), text).unwrap();
            };
            for stay in 0..MANY + 9 {
                write(&format!("{stay:04}"), "hour,HR\n1,2\n");
            }
            write(odd, "id,died\n1,2\n");
            let found = Folder::open(folder.path()).unwrap();
            let files = found.tables.iter().map(|table| table.files.len());
            assert_eq!(files.collect::<Vec<_>>(), counts, "{odd}");
        }
    }
}
