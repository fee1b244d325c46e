//! A file outside the store, written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pipeline_error::Error;

/// Where something is to be written.
#[derive(Debug)]
pub struct Destination {
    path: PathBuf,
    overwrite: bool,
}

impl Destination {
    /// `target`, or `file_name` in it if it is a folder. What is there already is replaced only if
    /// `overwrite`.
    pub fn new(target: &Path, file_name: &str, overwrite: bool) -> Result<Self, Error> {
        let path = match target.is_dir() {
            true => target.join(file_name),
            false => target.to_path_buf(),
        };
        let destination = Destination { path, overwrite };
        destination.refuse_occupied()?;
        let path = &destination.path;
        if !destination.folder().is_dir() || path.file_name().is_none() || ends_in_slash(path) {
            return Err(Error::Usage {
                message: format!("{}: there is no such folder", path.display()),
                hint: Some("make the folder first".into()),
            });
        }
        Ok(destination)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lets `fill` write a draft, which gets the file's name once it is complete; returns where it is.
    pub fn write(
        self,
        fill: impl FnOnce(&mut File, &Path) -> Result<(), Error>,
    ) -> Result<PathBuf, Error> {
        let unwritten = |error: io::Error| Error::Usage {
            message: format!("{}: cannot be written: {error}", self.path.display()),
            hint: None,
        };
        // The umask takes its part away, as from any new file.
        let mut draft = tempfile::Builder::new()
            .prefix(".export-")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(self.folder())
            .map_err(unwritten)?;
        fill(draft.as_file_mut(), &self.path)?;
        draft.as_file().sync_all().map_err(unwritten)?;
        let done = match self.overwrite {
            true => draft.persist(&self.path),
            false => draft.persist_noclobber(&self.path),
        };
        match done {
            Ok(_) => Ok(self.path),
            Err(_) if !self.overwrite && self.path.exists() => Err(occupied(&self.path)),
            Err(error) => Err(unwritten(error.error)),
        }
    }

    fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        }
    }

    fn refuse_occupied(&self) -> Result<(), Error> {
        match fs::symlink_metadata(&self.path) {
            Ok(found) if found.is_dir() => Err(Error::Usage {
                message: format!("{}: is a folder", self.path.display()),
                hint: Some("name another file".into()),
            }),
            Ok(_) if !self.overwrite => Err(occupied(&self.path)),
            _ => Ok(()),
        }
    }
}

fn occupied(target: &Path) -> Error {
    Error::Usage {
        message: format!("{}: is there already", target.display()),
        hint: Some("name another file, or replace it with --force".into()),
    }
}

fn ends_in_slash(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}
