//! Which files of a source are read, and which are not.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::stay_table::{SkippedFile, StayTable};
use super::versions::refuse_former_versions;
use crate::text_file;
use pipeline_error::Error;
use pipeline_error::listed::first_names;
use pipeline_files::{DataFile, DataFiles, FilePattern, ListingError, data_files_below};

/// Hidden files that a note names.
const NAMED: usize = 5;

/// The files of a source.
#[derive(Debug, Default)]
pub(super) struct SourceFiles {
    /// What is read, in this order.
    files: Vec<PathBuf>,
    /// By identity: its index.
    known: HashMap<(u64, u64), usize>,
    /// Those that a folder or a pattern means, by folder and by name without endings.
    listed: HashMap<(PathBuf, PathBuf), PathBuf>,
    skipped: Vec<SkippedFile>,
    hidden: Vec<PathBuf>,
    repeated: Vec<(PathBuf, PathBuf)>,
    /// The first folder below a named one, or the begin of a pattern, whose name is a column and its value.
    partition: Option<OsString>,
    /// Whether a file's name is the id of its stay.
    names_are_ids: bool,
}

impl SourceFiles {
    /// None yet.
    pub(super) fn new(names_are_ids: bool) -> Self {
        Self {
            names_are_ids,
            ..Self::default()
        }
    }

    /// Adds a file, the files that a pattern fits, or those below a folder that `is_read`, which is
    /// shown their paths below it. Returns how many are meant.
    pub(super) fn add(
        &mut self,
        path: &Path,
        is_read: impl Fn(&Path) -> bool,
    ) -> Result<usize, Error> {
        let pattern = FilePattern::of(path).map_err(|what| Error::file(path, what))?;
        let before = self.files.len();
        if let Some(pattern) = &pattern {
            let meant = self.add_listed(pattern.files().map_err(unlisted)?, |_| true)?;
            self.see_partitions(before, pattern.folder());
            return Ok(meant);
        }
        if path.is_dir() {
            let found = data_files_below(path).map_err(unlisted)?;
            let below = |file: &Path| {
                let below = file.strip_prefix(path);
                below.is_ok_and(&is_read)
            };
            let meant = self.add_folder(path, found, below)?;
            self.see_partitions(before, path);
            return Ok(meant);
        }
        let file = DataFile::at(path)
            .map_err(|failure| text_file::unreadable(&failure.path, &failure.error))?;
        self.add_file(file)?;
        Ok(1)
    }

    /// Adds the files below a folder with this ending, however it is written; every one of them, or
    /// those that `is_read`, too. Texts may be compressed; Parquet is within.
    pub(super) fn add_with_ending(
        &mut self,
        folder: &Path,
        ending: &str,
        is_read: impl Fn(&Path) -> bool,
    ) -> Result<usize, Error> {
        if !folder.exists() {
            data_files_below(folder).map_err(unlisted)?;
        }
        let has_ending = |below: &Path| match ending {
            "parquet" => {
                let found = below.extension();
                found.is_some_and(|found| found.eq_ignore_ascii_case(ending))
            }
            _ => text_file::ending(below).as_deref() == Some(ending),
        };
        self.add(folder, |below| has_ending(below) && is_read(below))
    }

    /// Whether a path leads to one of them.
    pub(super) fn has(&self, path: &Path) -> bool {
        DataFile::at(path).is_ok_and(|file| self.known.contains_key(&file.identity))
    }

    /// The files that are read.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Looks at the names of the folders that the files from this one on lie in, below `base`.
    fn see_partitions(&mut self, from: usize, base: &Path) {
        self.partition = (self.partition.take().into_iter())
            .chain(first_partition(&self.files[from..], base))
            .min();
    }

    fn add_folder(
        &mut self,
        folder: &Path,
        mut found: DataFiles,
        is_read: impl Fn(&Path) -> bool,
    ) -> Result<usize, Error> {
        let skipped = found.files.iter().filter(|file| !is_read(&file.path));
        self.skipped.extend(skipped.map(|file| {
            SkippedFile {
                name: (file.path.strip_prefix(folder).unwrap_or(&file.path))
                    .display()
                    .to_string(),
                identity: file.identity,
            }
        }));
        // A file is read by the first of its paths that says so.
        for file in &mut found.files {
            let further = found.repeated.iter();
            let mut further = further.filter(|(path, first)| *first == file.path && is_read(path));
            if !is_read(&file.path)
                && let Some((path, _)) = further.next()
            {
                file.path.clone_from(path);
            }
        }
        self.add_listed(found, is_read)
    }

    fn add_listed(
        &mut self,
        found: DataFiles,
        is_read: impl Fn(&Path) -> bool,
    ) -> Result<usize, Error> {
        self.hidden.extend(found.hidden);
        let read = found.files.iter().map(|file| file.path.as_path());
        refuse_former_versions(read.filter(|path| is_read(path)))?;
        let mut meant = 0;
        for file in found.files.into_iter().filter(|file| is_read(&file.path)) {
            meant += 1;
            self.refuse_another_form(&file.path)?;
            self.add_file(file)?;
        }
        for (further, first) in found.repeated {
            if is_read(&further) && is_read(&first) {
                self.read_once(&further, &first)?;
            }
        }
        Ok(meant)
    }

    fn add_file(&mut self, file: DataFile) -> Result<(), Error> {
        match self.known.get(&file.identity) {
            Some(&first) => {
                let first = self.files[first].clone();
                self.read_once(&file.path, &first)
            }
            None => {
                self.known.insert(file.identity, self.files.len());
                self.files.push(file.path);
                Ok(())
            }
        }
    }

    /// Notes that two paths are one file.
    fn read_once(&mut self, further: &Path, first: &Path) -> Result<(), Error> {
        if self.names_are_ids && text_file::stem(further) != text_file::stem(first) {
            let what = format!(
                "is the same file as {}, and a file's name is the id of its stay",
                first.display()
            );
            return Err(Error::file(further, what)
                .with_hint("take one of the two links out, or make a file of it"));
        }
        self.repeated.push((further.into(), first.into()));
        Ok(())
    }

    /// Fails if the folder holds the same table twice: `a.csv` beside `a.csv.gz`, `a.CSV` or `a.parquet`.
    fn refuse_another_form(&mut self, path: &Path) -> Result<(), Error> {
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let name = match text_file::has_table_ending(path) {
            true => text_file::stem(path),
            // `part.0` and `part.1` are no two forms of `part`.
            false => path.file_name().unwrap_or_default(),
        };
        let name = PathBuf::from(name);
        match self.listed.insert((folder, name), path.to_path_buf()) {
            Some(other) if other != path => {
                let name = other.file_name().unwrap_or_default().display();
                let what = format!(
                    "lies beside `{name}`, which would be read as well: they look like two forms of one table"
                );
                Err(Error::file(path, what).with_hint(
                    "remove one of the two from the folder, or name the intended files one by one",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Tells `stays` what is not read.
    pub(super) fn tell(&self, stays: &mut StayTable) {
        stays.skipped_files.extend(
            self.skipped
                .iter()
                .filter(|file| !self.known.contains_key(&file.identity))
                .cloned(),
        );
        // Folders that are named one by one may tell their files apart, too.
        let common = common_folder(&self.files);
        let partition = common.and_then(|common| first_partition(&self.files, common));
        if let Some(folder) = self.partition.iter().chain(&partition).min() {
            stays.notes.push(format!(
                "names of folders like `{}` are not read: what they say is no column",
                folder.display()
            ));
        }
        if !self.hidden.is_empty() {
            stays.notes.push(format!(
                "hidden files are not read: {}",
                shortened(self.hidden.iter())
            ));
        }
        if !self.repeated.is_empty() {
            stays.notes.push(format!(
                "other paths of files that are read, once: {}",
                shortened(self.repeated.iter().map(|(further, _)| further))
            ));
        }
    }
}

/// The first folder below `base` of a file among these that names a column and its value.
fn first_partition(files: &[PathBuf], base: &Path) -> Option<OsString> {
    let below = files.iter().filter_map(|file| file.strip_prefix(base).ok());
    below.filter_map(partition).min().map(OsStr::to_os_string)
}

/// The deepest folder that all of the files lie in.
fn common_folder(files: &[PathBuf]) -> Option<&Path> {
    let mut common = files.first()?.parent()?;
    for file in files {
        while !file.starts_with(common) {
            common = common.parent()?;
        }
    }
    Some(common)
}

/// The folder of a file that names a column and its value, as Spark and Arrow write partitions: `site=A`.
fn partition(file: &Path) -> Option<&OsStr> {
    let is_partition = |part: &&OsStr| {
        let part = part.as_encoded_bytes();
        let at = part.iter().position(|byte| *byte == b'=');
        at.is_some_and(|at| at > 0 && at + 1 < part.len())
    };
    file.parent()?.iter().rev().find(is_partition)
}

fn shortened<'a>(paths: impl Iterator<Item = &'a PathBuf>) -> String {
    first_names(paths.map(|path| path.display()), NAMED)
}

/// Folders in `folder`, by name.
pub(super) fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable =
        |e: std::io::Error| Error::file(folder, format!("cannot be read as a folder: {e}"));
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        folders.push(entry.map_err(unreadable)?.path());
    }
    folders.retain(|path| path.is_dir());
    folders.sort();
    Ok(folders)
}

/// The error of a path below a folder that cannot be looked at.
fn unlisted(failure: ListingError) -> Error {
    let path = &failure.path;
    Error::file(
        path,
        format!("cannot be read as a folder: {}", failure.error),
    )
}
