//! Every file below a folder.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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
    let metadata = fs::metadata(folder).map_err(|error| of(folder, error))?;
    let mut files = Vec::new();
    list(folder, &metadata, &mut Vec::new(), &mut files)?;
    files.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    Ok(files)
}

/// `above` are the folders on the way here.
fn list(
    folder: &Path,
    metadata: &Metadata,
    above: &mut Vec<(u64, u64)>,
    files: &mut Vec<PathBuf>,
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
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            files.push(path);
            continue;
        }
        let target = fs::metadata(&path).map_err(|error| of(&path, error))?;
        if target.is_dir() {
            list(&path, &target, above, files)?;
        } else {
            files.push(path);
        }
    }
    above.pop();
    Ok(())
}

fn of(path: &Path, error: io::Error) -> ListingError {
    ListingError {
        path: path.to_path_buf(),
        error,
    }
}
