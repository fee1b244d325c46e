//! A file outside the store, written whole or not at all.

mod inputs;

pub use inputs::refuse_read;

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::foreign::refuse_in_store;
use pipeline_error::Error;
use pipeline_files::special;

/// Where something is to be written.
#[derive(Debug)]
pub struct Destination {
    /// As it was asked for.
    path: PathBuf,
    /// The same, links followed.
    end: PathBuf,
    overwrite: bool,
}

impl Destination {
    /// `target`, or `file_name` in it if it is a folder. A file that is there already is replaced only if
    /// `overwrite`, and anything else never; a link is followed.
    pub fn new(target: &Path, file_name: &str, overwrite: bool) -> Result<Self, Error> {
        let path = match target.is_dir() {
            true => target.join(file_name),
            false => target.to_path_buf(),
        };
        let destination = Destination {
            end: end_of(&path, "file")?,
            path,
            overwrite,
        };
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

    /// Fails if it is one of the files that are `read`, as [`refuse_read`].
    pub fn refuse_any_of(&self, read: impl FnOnce() -> Vec<PathBuf>) -> Result<(), Error> {
        refuse_read([&self.path], read)
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
            true => draft.persist(&self.end),
            false => draft.persist_noclobber(&self.end),
        };
        match done {
            Ok(_) => Ok(self.path),
            Err(_) if !self.overwrite && self.path.exists() => Err(occupied(&self.path)),
            Err(error) => Err(unwritten(error.error)),
        }
    }

    fn folder(&self) -> &Path {
        folder_of(&self.end)
    }

    fn refuse_occupied(&self) -> Result<(), Error> {
        match fs::symlink_metadata(&self.end) {
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
        let path = end_of(&target.components().collect::<PathBuf>(), "folder")?;
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

    /// The folder that is replaced; none if nothing is there yet.
    pub fn replaced(&self) -> Option<&Path> {
        self.replaces.then_some(&*self.path)
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

/// Names of what a process has open, whatever that is.
const STREAMS: [&str; 4] = ["-", "/dev/stdin", "/dev/stdout", "/dev/stderr"];

/// Where a path leads, links followed: a file, a folder, or nothing yet. Anything else would be lost for a new `file` or
/// `folder` of its name.
fn end_of(path: &Path, wanted: &str) -> Result<PathBuf, Error> {
    let refused = |found: String| Error::Usage {
        message: format!("{}: {found}, and a {wanted} is written", path.display()),
        hint: Some(format!("name a {wanted}")),
    };
    let is_stream = STREAMS.iter().any(|name| path == Path::new(name));
    if is_stream || path.starts_with("/dev/fd") || path.starts_with("/proc") {
        return Err(refused("is an open stream".into()));
    }
    let is_link = fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink());
    let end = match is_link {
        true => path.canonicalize(),
        false => Ok(path.to_path_buf()),
    };
    let end = end.map_err(|error| {
        let to = path.with_file_name(fs::read_link(path).unwrap_or_default());
        let (path, to) = (path.display(), to.display());
        match error.kind() {
            io::ErrorKind::NotFound => Error::Usage {
                message: format!("{path}: is a link to {to}, which does not exist"),
                hint: Some(format!("write to {to} itself, or remove the link")),
            },
            _ => refused(format!("is a link that cannot be followed ({error})")),
        }
    })?;
    match fs::symlink_metadata(&end).map(|found| special(found.file_type())) {
        Ok(Some(what)) => Err(refused(format!("is {what}"))),
        _ => Ok(end),
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
    fn pipes_sockets_devices_and_streams_are_never_replaced() {
        let around = tempfile::tempdir().unwrap();
        let place = |name: &str| around.path().join(name);
        let made = std::process::Command::new("mkfifo")
            .arg(place("pipe"))
            .status();
        assert!(made.unwrap().success());
        let _bound = std::os::unix::net::UnixListener::bind(place("socket")).unwrap();
        for (name, end) in [
            ("to-pipe", "pipe"),
            ("to-device", "/dev/null"),
            ("ring", "ring"),
        ] {
            std::os::unix::fs::symlink(end, place(name)).unwrap();
        }
        for (path, what) in [
            (place("pipe"), "pipe: is a pipe, and a "),
            (place("socket"), "socket: is a socket, and a "),
            (place("to-pipe"), "to-pipe: is a pipe, and a "),
            (place("to-device"), "to-device: is a device, and a "),
            (place("ring"), "ring: is a link that cannot be followed ("),
            ("/dev/null".into(), "/dev/null: is a device, and a "),
            (
                "/dev/stdout".into(),
                "/dev/stdout: is an open stream, and a ",
            ),
            ("/dev/fd/1".into(), "/dev/fd/1: is an open stream, and a "),
            ("-".into(), "-: is an open stream, and a "),
        ] {
            for overwrite in [false, true] {
                let file = Destination::new(&path, "", overwrite).unwrap_err();
                let folder = FolderDestination::new(&path, overwrite, &|_| true).unwrap_err();
                for error in [file, folder] {
                    assert!(error.to_string().contains(what), "{error}");
                    let hint = error.hint().unwrap();
                    assert!(hint == "name a file" || hint == "name a folder", "{hint}");
                }
            }
        }
    }

    #[test]
    fn a_link_to_nothing_is_refused_with_what_it_names() {
        let around = tempfile::tempdir().unwrap();
        let place = |name: &str| around.path().join(name);
        std::os::unix::fs::symlink("far/none", place("link")).unwrap();
        let end = place("far/none").display().to_string();
        for overwrite in [false, true] {
            let file = Destination::new(&place("link"), "", overwrite).unwrap_err();
            let folder = FolderDestination::new(&place("link"), overwrite, &|_| true).unwrap_err();
            for error in [file, folder] {
                let told = error.to_string();
                let what = format!("link: is a link to {end}, which does not exist");
                assert!(told.ends_with(&what), "{told}");
                let hint = format!("write to {end} itself, or remove the link");
                assert_eq!(error.hint(), Some(hint.as_str()));
            }
        }
    }

    #[test]
    fn a_link_is_written_through_and_stays() {
        let around = tempfile::tempdir().unwrap();
        let place = |name: &str| around.path().join(name);
        fs::create_dir_all(place("far/own")).unwrap();
        fs::write(place("far/file"), "old").unwrap();
        for (name, end) in [("link", "far/file"), ("folder", "far/own")] {
            std::os::unix::fs::symlink(end, place(name)).unwrap();
        }
        let kept = Destination::new(&place("link"), "", false).unwrap_err();
        assert!(kept.to_string().ends_with("link: is there already"));
        let destination = Destination::new(&place("link"), "", true).unwrap();
        let fill = |_: &mut File, path: &Path| {
            assert_eq!(path, place("link"));
            Ok(())
        };
        assert_eq!(destination.write(fill).unwrap(), place("link"));
        assert_eq!(fs::read_to_string(place("far/file")).unwrap(), "");

        let folder = FolderDestination::new(&place("folder"), false, &|_| true).unwrap();
        let fill =
            |folder: &Path| File::create(folder.join("in")).map_err(|e| Error::file(folder, e));
        folder.write(fill).unwrap();
        assert!(place("far/own/in").is_file());
        assert!(place("link").is_symlink() && place("folder").is_symlink());
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
