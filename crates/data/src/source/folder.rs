//! Listing the record files of a source.

use std::path::{Path, PathBuf};

use pipeline_error::Error;
use pipeline_files::{self as files, ListingError};

/// Files of `folder` whose extension is `extension`, by name.
pub(super) fn files_with_extension(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    let mut files = entries(folder)?;
    files.retain(|path| path.extension().is_some_and(|e| e == extension) && path.is_file());
    Ok(files)
}

/// Files of `folder` and of every folder below it whose extension is `extension`, by path.
pub(super) fn files_below(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, Error> {
    let mut files = files::files_below(folder).map_err(unlisted)?;
    files.retain(|path| path.extension().is_some_and(|e| e == extension));
    files.sort();
    Ok(files)
}

/// Folders in `folder`, by name.
pub(super) fn subfolders(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut folders = entries(folder)?;
    folders.retain(|path| path.is_dir());
    Ok(folders)
}

/// The error of a path below a folder that cannot be looked at.
pub(super) fn unlisted(failure: ListingError) -> Error {
    let path = &failure.path;
    Error::file(
        path,
        format!("cannot be read as a folder: {}", failure.error),
    )
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable =
        |e: std::io::Error| Error::file(folder, format!("cannot be read as a folder: {e}"));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    Ok(paths)
}
