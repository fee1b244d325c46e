//! A file outside the store, written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::foreign::refuse_in_store;
use pipeline_error::Error;
use pipeline_files::DataFile;

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
        refuse_in_store(destination.folder())?;
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

    /// Fails if it is one of the files that what is written is made from. They are listed only if there is a file.
    pub fn refuse_any_of(&self, read: impl FnOnce() -> Vec<DataFile>) -> Result<(), Error> {
        let Ok(there) = DataFile::at(&self.path) else {
            return Ok(());
        };
        let is_it = |file: &DataFile| file.identity == there.identity;
        match read().into_iter().find(is_it) {
            None => Ok(()),
            Some(file) => Err(Error::Usage {
                message: format!(
                    "{}: is read, as {}, and would be replaced",
                    self.path.display(),
                    file.path.display()
                ),
                hint: Some("name another file".into()),
            }),
        }
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
        folder_of(&self.path)
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

/// Where a folder is to be written.
#[derive(Debug)]
pub struct FolderDestination {
    path: PathBuf,
    replaces: bool,
}

impl FolderDestination {
    /// `target`, which is not there yet or empty. A folder that is there is replaced only if `overwrite`, and only if
    /// `is_like_it` says that it is of the same kind.
    pub fn new(
        target: &Path,
        overwrite: bool,
        is_like_it: &dyn Fn(&Path) -> bool,
    ) -> Result<Self, Error> {
        let refused = |what: &str, hint: &str| Error::Usage {
            message: format!("{}: {what}", target.display()),
            hint: Some(hint.into()),
        };
        let path = target.components().collect::<PathBuf>();
        refuse_in_store(folder_of(&path))?;
        let replaces = match fs::read_dir(&path) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(refused(&error.to_string(), "name another folder")),
        };
        if replaces && !overwrite {
            return Err(occupied(&path));
        }
        if replaces && !is_like_it(&path) {
            return Err(refused(
                "holds something else, and would be deleted",
                "name another folder",
            ));
        }
        if path.file_name().is_none() || !folder_of(&path).is_dir() {
            return Err(refused(
                "there is no folder to make it in",
                "make that folder first",
            ));
        }
        Ok(Self { path, replaces })
    }

    /// Lets `fill` write a draft, which gets the folder's name once it is complete.
    pub fn write<T>(self, fill: impl FnOnce(&Path) -> Result<T, Error>) -> Result<T, Error> {
        let unwritten = |error: io::Error| Error::Usage {
            message: format!("{}: cannot be written: {error}", self.path.display()),
            hint: None,
        };
        let draft = || {
            tempfile::Builder::new()
                .prefix(".draft-")
                .permissions(Permissions::from_mode(0o777))
                .tempdir_in(folder_of(&self.path))
        };
        let new = draft().map_err(unwritten)?;
        let filled = fill(new.path())?;
        for entry in fs::read_dir(new.path()).map_err(unwritten)? {
            let file = entry.and_then(|entry| File::open(entry.path()));
            file.and_then(|file| file.sync_all()).map_err(unwritten)?;
        }
        let old = self.replaces.then(draft).transpose().map_err(unwritten)?;
        if let Some(old) = &old {
            fs::rename(&self.path, old.path()).map_err(unwritten)?;
        }
        fs::rename(new.path(), &self.path).map_err(unwritten)?;
        // It has another name now.
        let _ = new.keep();
        Ok(filled)
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn occupied(target: &Path) -> Error {
    Error::Usage {
        message: format!("{}: is there already", target.display()),
        hint: Some("name another place, or replace it with --force".into()),
    }
}

fn ends_in_slash(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_read_is_not_replaced_under_any_of_its_names() {
        let around = tempfile::tempdir().unwrap();
        let place = |name: &str| around.path().join(name);
        for name in ["events.csv", "other.csv"] {
            fs::write(place(name), name).unwrap();
        }
        fs::hard_link(place("events.csv"), place("hard.csv")).unwrap();
        std::os::unix::fs::symlink("events.csv", place("soft.csv")).unwrap();
        let told = |name: &str| {
            let destination = Destination::new(&place(name), "", true).unwrap();
            let read = || vec![DataFile::at(&place("events.csv")).unwrap()];
            destination.refuse_any_of(read).map_err(|e| e.to_string())
        };
        for name in ["events.csv", "hard.csv", "soft.csv", "./events.csv"] {
            let what = told(name).unwrap_err();
            assert!(what.contains("would be replaced"), "{name}: {what}");
        }
        assert!(told("other.csv").is_ok() && told("new.csv").is_ok());
    }

    #[test]
    fn a_folder_is_written_whole_or_not_at_all_and_replaces_its_like_alone() {
        let around = tempfile::tempdir().unwrap();
        let target = around.path().join("bundle");
        let is_like_it = |folder: &Path| folder.join("own").is_file();
        let destination = |overwrite| FolderDestination::new(&target, overwrite, &is_like_it);
        let fill = |name: &'static str| {
            move |folder: &Path| {
                fs::write(folder.join(name), name).unwrap();
                Ok(())
            }
        };
        let failed = destination(false)
            .unwrap()
            .write(|_| Err::<(), Error>(Error::stage("no")));
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(around.path()).unwrap().count(), 0);
        destination(false).unwrap().write(fill("own")).unwrap();
        let occupied = destination(false).unwrap_err().to_string();
        assert!(occupied.ends_with("bundle: is there already"), "{occupied}");
        destination(true).unwrap().write(fill("new")).unwrap();
        assert!(target.join("new").is_file() && !target.join("own").exists());
        let other = destination(true).unwrap_err().to_string();
        assert!(other.contains("holds something else"), "{other}");
        assert_eq!(fs::read_dir(around.path()).unwrap().count(), 1);
    }
}
