//! The content-addressed store: results by the key of what made them. It knows no stage kind.
//!
//! ```text
//! .pipeline/
//!   actions/v1/KEY.json   what a key gave; written last, so its presence is the commit
//!   blobs/v1/ab/DIGEST    contents, read-only
//!   index/v1/DIGEST.json  results of the stages of one large run, by the states of their action files; a cache
//!   work/KEY/             in progress, locked by the kernel; where that is not enough, by a lease
//!   runs/ID/              one folder a run, appended live
//!   stat-cache            digests of external files by path, size, times and inode
//!   damaged/              what `cache verify` moved aside
//!   format                the layout's version; a later one is refused
//!   lock                  shared by runs, held alone by whoever cleans
//!   CACHEDIR.TAG
//! ```
//!
//! Nothing here needs a clean-up after `kill -9`: locks die with their process, unfinished
//! files lie under names that the next writer takes over, and whatever a reader can see
//! under its final name was complete before it got that name.
//!
//! ```
//! use pipeline_store::Store;
//!
//! # fn main() -> Result<(), pipeline_error::Error> {
//! # let folder = tempfile::tempdir().unwrap();
//! let store = Store::open(folder.path().join(".pipeline"))?;
//! assert!(store.root().is_absolute());
//! # Ok(())
//! # }
//! ```

pub mod action;
pub mod adopt;
mod artifact_file;
pub mod audit;
mod blob;
mod checksum;
pub mod collect;
pub mod destination;
pub mod digest;
mod durable;
mod export;
pub mod external;
pub mod fingerprint;
mod folder;
mod foreign;
mod format;
mod hold;
mod index;
mod inherit;
pub mod inventory;
mod lease;
pub mod leftover;
mod locks;
pub mod machine;
mod network;
pub mod publish;
pub mod rows;
pub mod run_folder;
mod sealing;
mod stat_cache;
pub mod work;

pub use artifact_file::ArtifactFile;
pub use blob::{BlobState, verify_file};
pub use durable::SOON;
pub use format::FORMAT;
pub use hold::Hold;
pub use index::ActionIndex;

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use pipeline_error::Error;

use folder::Folder;

/// Tells backup programs to pass the store over (<https://bford.info/cachedir/>).
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is a cache made by pipeline: it can be made again from its recipe.\n";

/// The name of the file that says so.
const TAG: &str = "CACHEDIR.TAG";

/// The folders of a store.
const FOLDERS: [&str; 6] = [
    "actions/v1",
    "blobs/v1",
    "index/v1",
    "work",
    "runs",
    "damaged",
];

/// A store below one folder.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    unsynced: durable::UnsyncedNames,
    locks: locks::Locks,
    /// The last run that was started.
    run: Mutex<Option<String>>,
}

impl Store {
    /// The store at `root`, which need not exist: it is made when something is first written.
    pub fn open(root: impl AsRef<Path>) -> Result<Self, Error> {
        let root = root.as_ref();
        let unusable = |what: String| Error::Usage {
            message: format!("{}: cannot be a store: {what}", root.display()),
            hint: Some("name another folder with --store or PIPELINE_STORE".into()),
        };
        let absolute = std::path::absolute(root).map_err(|error| unusable(error.to_string()))?;
        if absolute.exists() && !absolute.is_dir() {
            return Err(unusable("it is not a folder".into()));
        }
        // The places of its artifacts are written into documents, which are UTF-8.
        if absolute.to_str().is_none() {
            return Err(unusable("its path is not UTF-8".into()));
        }
        format::check(&absolute)?;
        let store = Self {
            locks: locks::Locks::of(&absolute)?,
            run: Mutex::default(),
            root: absolute,
            unsynced: durable::UnsyncedNames::default(),
        };
        store.check_folders()?;
        Ok(store)
    }

    /// Where the store is, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Refuses a store of which a folder leads elsewhere.
    fn check_folders(&self) -> Result<(), Error> {
        let root = match Folder::root(&self.root) {
            Ok(root) => root,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(&self.root, error)),
        };
        for name in FOLDERS {
            match root.folder(name) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(failed(&self.root.join(name), error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes the store's own folder and tag, where they are missing.
    fn prepare(&self) -> Result<(), Error> {
        let marker = self.root.join(format::FILE);
        let is_marked = || holds(&marker, |_| true);
        if !is_marked().map_err(|error| unwritable(&self.root, error))? {
            self.check_is_free()?;
        }
        let make = || -> io::Result<()> {
            if !self.root.is_dir() {
                std::fs::create_dir_all(&self.root)?;
                self.root.parent().map_or(Ok(()), durable::sync_folder)?;
            }
            let tag = self.root.join(TAG);
            if !holds(&tag, |found| found == CACHEDIR_TAG.as_bytes())? {
                // One that is not whole is written again.
                durable::put(&tag, CACHEDIR_TAG, false)?;
            }
            match is_marked()? {
                true => Ok(()),
                false => durable::put(&marker, format::text(), true),
            }
        };
        make().map_err(|error| unwritable(&self.root, error))
    }

    fn own_folder(&self) -> io::Result<Folder> {
        Folder::root(&self.root)
    }
}

/// Whether a file of the store is there with such contents.
fn holds(path: &Path, such: impl FnOnce(&[u8]) -> bool) -> io::Result<bool> {
    match folder::read(path) {
        Ok(found) => Ok(such(&found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A failure at something in the store, while a stage or a command has it at work.
fn failed(path: &Path, error: io::Error) -> Error {
    folder::refusal(&error).unwrap_or_else(|| Error::file(path, error))
}

/// A failure to write into the store before anything ran.
fn unwritable(path: &Path, error: io::Error) -> Error {
    if let Some(refusal) = folder::refusal(&error) {
        return refusal;
    }
    Error::Usage {
        message: format!("{}: the store cannot be written: {error}", path.display()),
        hint: Some("name a folder that can be written with --store or PIPELINE_STORE".into()),
    }
}

/// A failure of the system's to read what the store holds: who may not read a file cannot say that it is damaged.
fn unread(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::PermissionDenied => Error::Store {
            message: format!("{}: {error}", path.display()),
            hint: Some(
                "nothing says that it is damaged: let this user read the store, or name another one with --store or \
                 PIPELINE_STORE"
                    .into(),
            ),
        },
        _ => damaged(path, error),
    }
}

/// A failure to read what the store should hold, with what to do about it.
fn damaged(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::Store {
        message: format!("{}: {what}", path.display()),
        hint: Some(
            "delete the file, or --refresh the stage that made it, and run again; \
             `pipeline cache verify` lists all damage"
                .into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_may_not_be_read_is_not_called_damaged() {
        let hint = |kind: ErrorKind| match unread(Path::new("blob"), kind.into()) {
            Error::Store { hint, .. } => hint.unwrap(),
            other => panic!("{other}"),
        };
        assert!(hint(ErrorKind::PermissionDenied).starts_with("nothing says that it is damaged"));
        assert!(hint(ErrorKind::NotFound).starts_with("delete the file"));
    }

    #[test]
    fn opening_writes_nothing_and_preparing_tags_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("deep/.pipeline")).unwrap();
        assert!(!store.root().exists());
        store.prepare().unwrap();
        let tag = fs::read_to_string(store.root().join("CACHEDIR.TAG")).unwrap();
        assert!(tag.starts_with("Signature: 8a477f597d28d172789f06886806bc55"));
    }

    #[test]
    fn a_file_cannot_be_a_store() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Store::open(file.path()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
