//! The tables of a folder: each by its begin, many files of one layout as one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::table::Table;
use pipeline_data::preview::{Preview, preview};
use pipeline_error::Error;
use pipeline_files::data_files_below;

/// Cells of a table that are read. Texts among numbers are found in them; what comes later is found by the run.
const MOST_CELLS: usize = 1_000_000;

/// Files of one folder that are looked at, where there are many of one kind.
const LOOKED_AT: usize = 4;

/// Cells of one of many files.
const FEW_CELLS: usize = 20_000;

/// Endings of tables, less what says how they are compressed.
const ENDINGS: [&str; 5] = ["csv", "tsv", "psv", "txt", "parquet"];

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
            unread: Vec::new(),
        };
        for ((_, ending), files) in by_kind(files) {
            folder.add(&ending, files);
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

    /// Adds files of one folder and one ending: many are one table if the few that are looked at have one header.
    fn add(&mut self, ending: &str, files: Vec<PathBuf>) {
        let mut looked_at: Vec<(PathBuf, Preview)> = Vec::new();
        let few = files.len() <= LOOKED_AT;
        let step = files.len().div_ceil(LOOKED_AT);
        let most = if few { MOST_CELLS } else { FEW_CELLS };
        for path in files.iter().step_by(step) {
            match preview(path, most) {
                Ok(table) => looked_at.push((path.clone(), table)),
                Err(error) => self.unread.push(error.to_string()),
            }
        }
        let mut headers: Vec<Vec<String>> = Vec::new();
        for (_, table) in &looked_at {
            let names = header(table);
            if !headers.contains(&names) {
                headers.push(names);
            }
        }
        let all_alike = headers.len() == 1 && looked_at.len() == files.iter().step_by(step).count();
        for names in &headers {
            let same = looked_at
                .iter()
                .filter(|(_, table)| header(table) == *names);
            let same: Vec<_> = same.cloned().collect();
            let files = match all_alike {
                true => files.clone(),
                false => same.iter().map(|(path, _)| path.clone()).collect(),
            };
            let previews = same.into_iter().map(|(_, table)| table);
            let table = Table::new(&self.root, ending, files, previews.collect(), all_alike);
            self.tables.extend(table);
        }
    }
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
