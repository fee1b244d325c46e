//! Every file below a folder.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::regular;

/// A path below a folder that cannot be looked at.
#[derive(Debug)]
pub struct ListingError {
    /// The path.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: io::Error,
}

/// All files below `folder`, by path. Symbolic links count as what they lead to; one that leads
/// back to a folder above it is an error.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>, ListingError> {
    let found = walk(folder, true)?;
    refuse_special(&found.files)?;
    Ok(found.files.into_iter().map(|file| file.path).collect())
}

/// The files below a folder that are data.
#[derive(Debug, Default)]
pub struct DataFiles {
    /// Each once, by path.
    pub files: Vec<DataFile>,
    /// What is not looked at: files and folders whose names begin with a dot, `_` or `~$`.
    pub hidden: Vec<PathBuf>,
    /// Further paths of those files (links), and the path among `files`.
    pub repeated: Vec<(PathBuf, PathBuf)>,
}

/// A file, and what tells it from others whatever it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFile {
    /// Where it is.
    pub path: PathBuf,
    /// Of its file system and in it.
    pub identity: (u64, u64),
    /// Whether it is one that ends: no pipe, no socket, no device.
    is_regular: bool,
}

impl DataFile {
    /// The file at `path`.
    pub fn at(path: &Path) -> Result<Self, ListingError> {
        let metadata = fs::metadata(path).map_err(|error| of(path, error))?;
        regular::refuse_special(&metadata).map_err(|error| of(path, error))?;
        Ok(Self::of(path.to_path_buf(), &metadata))
    }

    fn of(path: PathBuf, metadata: &Metadata) -> Self {
        let identity = (metadata.dev(), metadata.ino());
        Self {
            path,
            identity,
            is_regular: metadata.is_file(),
        }
    }
}

/// The files below `folder` that are data. Names that begin with a dot are what editors, notebooks
/// and file systems keep for themselves (`.ipynb_checkpoints`, `._a.csv`), those with `_` or `~$` what programs that
/// write do. A file that several links lead to is there once, by its first path.
pub fn data_files_below(folder: &Path) -> Result<DataFiles, ListingError> {
    let found = files_of_data(folder)?;
    refuse_special(&found.files)?;
    Ok(found)
}

/// Fails if one of the files could not be read to an end, or not twice.
pub(super) fn refuse_special(files: &[DataFile]) -> Result<(), ListingError> {
    match files.iter().find(|file| !file.is_regular) {
        None => Ok(()),
        // It says what it is, unless it is gone.
        Some(file) => DataFile::at(&file.path).map(|_| ()),
    }
}

/// As [`data_files_below`], with what is none among them.
pub(super) fn files_of_data(folder: &Path) -> Result<DataFiles, ListingError> {
    let Walk { files, hidden } = walk(folder, false)?;
    let mut found = DataFiles {
        hidden,
        ..DataFiles::default()
    };
    let mut known: HashMap<(u64, u64), PathBuf> = HashMap::new();
    for file in files {
        match known.get(&file.identity) {
            Some(first) => found.repeated.push((file.path, first.clone())),
            None => {
                known.insert(file.identity, file.path.clone());
                found.files.push(file);
            }
        }
    }
    Ok(found)
}

#[derive(Default)]
struct Walk {
    files: Vec<DataFile>,
    hidden: Vec<PathBuf>,
}

fn walk(folder: &Path, with_hidden: bool) -> Result<Walk, ListingError> {
    let metadata = fs::metadata(folder).map_err(|error| of(folder, error))?;
    let mut found = Walk::default();
    list(folder, &metadata, with_hidden, &mut Vec::new(), &mut found)?;
    let by_bytes = |a: &PathBuf, b: &PathBuf| a.as_os_str().cmp(b.as_os_str());
    (found.files).sort_unstable_by(|a, b| by_bytes(&a.path, &b.path));
    found.hidden.sort_unstable_by(by_bytes);
    Ok(found)
}

/// `above` are the folders on the way here.
fn list(
    folder: &Path,
    metadata: &Metadata,
    with_hidden: bool,
    above: &mut Vec<(u64, u64)>,
    found: &mut Walk,
) -> Result<(), ListingError> {
    let identity = (metadata.dev(), metadata.ino());
    if above.contains(&identity) {
        let circle = io::Error::other("a symbolic link leads back to a folder above it");
        return Err(of(folder, circle));
    }
    above.push(identity);
    for entry in fs::read_dir(folder).map_err(|error| of(folder, error))? {
        let entry = entry.map_err(|error| of(folder, error))?;
        let path = entry.path();
        if !with_hidden && is_hidden(&entry.file_name()) {
            found.hidden.push(path);
            continue;
        }
        let target = fs::metadata(&path).map_err(|error| of(&path, error))?;
        if target.is_dir() {
            list(&path, &target, with_hidden, above, found)?;
        } else {
            found.files.push(DataFile::of(path, &target));
        }
    }
    above.pop();
    Ok(())
}

/// Whether a name is one that files of data do not have. Those that begin with `_` are of programs that are writing
/// (`_temporary`, `_SUCCESS`, `__MACOSX`), and `~$` is the lock of an office program.
pub fn is_hidden(name: &OsStr) -> bool {
    let name = name.as_bytes();
    [&b"."[..], b"_", b"~$"]
        .iter()
        .any(|start| name.starts_with(start))
}

fn of(path: &Path, error: io::Error) -> ListingError {
    ListingError {
        path: path.to_path_buf(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn hidden_names_are_no_data_and_a_file_is_there_once() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for file in [
            "b.csv",
            ".b.csv",
            "._b.csv",
            ".old/c.csv",
            "deep/.x",
            "deep/d.csv",
            "deep/~$d.csv",
            "_temporary/0/d.csv",
        ] {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        fs::hard_link(root.join("b.csv"), root.join("deep/b.csv")).unwrap();
        symlink(root.join("b.csv"), root.join("a.csv")).unwrap();
        let names = |paths: Vec<&PathBuf>| -> Vec<String> {
            let name = |path: &&PathBuf| path.strip_prefix(root).unwrap().display().to_string();
            paths.iter().map(name).collect()
        };
        let found = data_files_below(root).unwrap();
        let files = found.files.iter().map(|file| &file.path).collect();
        assert_eq!(names(files), ["a.csv", "deep/d.csv"]);
        let hidden = found.hidden.iter().collect();
        assert_eq!(
            names(hidden),
            [
                "._b.csv",
                ".b.csv",
                ".old",
                "_temporary",
                "deep/.x",
                "deep/~$d.csv"
            ]
        );
        let (further, first): (Vec<_>, Vec<_>) = found
            .repeated
            .iter()
            .map(|(further, first)| (further, first))
            .unzip();
        assert_eq!(names(further), ["b.csv", "deep/b.csv"]);
        assert_eq!(names(first), ["a.csv", "a.csv"]);
        assert_eq!(files_below(root).unwrap().len(), 10);
    }

    #[test]
    fn a_folder_that_is_hidden_itself_may_be_named() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(".data");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a.csv"), "").unwrap();
        assert_eq!(data_files_below(&folder).unwrap().files.len(), 1);
    }
}
