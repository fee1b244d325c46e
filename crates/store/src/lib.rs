//! The content-addressed store: results by the key of what made them. It knows no stage kind.
//!
//! ```text
//! .pipeline/
//!   actions/v1/KEY.json   what a key gave; written last, so its presence is the commit
//!   blobs/v1/ab/DIGEST    contents, read-only
//!   work/KEY/             in progress, locked by the kernel
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
pub mod audit;
mod blob;
mod checksum;
pub mod collect;
pub mod destination;
pub mod digest;
mod durable;
mod export;
pub mod external;
mod file_hash;
pub mod fingerprint;
mod format;
mod hold;
pub mod inventory;
mod publish;
pub mod rows;
pub mod run_folder;
mod stat_cache;
pub mod work;

pub use blob::{BlobState, verify_file};
pub use durable::SOON;
pub use format::FORMAT;
pub use hold::Hold;

use std::fs;
use std::path::{Path, PathBuf};

use pipeline_error::Error;

/// Tells backup programs to pass the store over (<https://bford.info/cachedir/>).
const CACHEDIR_TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n\
    # This folder is a cache made by pipeline: it can be made again from its recipe.\n";

/// A store below one folder.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    unsynced: durable::UnsyncedNames,
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
        Ok(Self {
            root: absolute,
            unsynced: durable::UnsyncedNames::default(),
        })
    }

    /// Where the store is, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Makes the store's own folder and tag, where they are missing.
    fn prepare(&self) -> Result<(), Error> {
        let tag = self.root.join("CACHEDIR.TAG");
        let marker = self.root.join(format::FILE);
        if marker.is_file() && fs::read(&tag).is_ok_and(|found| found == CACHEDIR_TAG.as_bytes()) {
            return Ok(());
        }
        fs::create_dir_all(&self.root)
            .and_then(|()| fs::write(&tag, CACHEDIR_TAG))
            .and_then(|()| match marker.is_file() {
                true => Ok(()),
                false => format::write(&marker),
            })
            .map_err(|error| unwritable(&self.root, error))
    }
}

/// A failure to write into the store before anything ran.
fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::Usage {
        message: format!("{}: the store cannot be written: {error}", path.display()),
        hint: Some("name a folder that can be written with --store or PIPELINE_STORE".into()),
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
