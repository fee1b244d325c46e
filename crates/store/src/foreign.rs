//! What in a folder is not the store's: somebody else's files, which it must leave alone.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::digest::Digest;
use super::{CACHEDIR_TAG, Store, TAG, failed, format, holds, run_folder};
use pipeline_error::Error;

/// Folders of a store that somebody else may have under the same name.
const NAMES: [&str; 5] = ["work", "runs", "blobs", "actions", "damaged"];

/// Files that a command makes in an empty folder before it is a store.
const BEFORE: [&str; 2] = ["lock", "stat-cache"];

impl Store {
    /// Fails where something is to be removed and the folder is no store: its files are somebody else's.
    pub(super) fn check_is_store(&self) -> Result<(), Error> {
        let root = self.root();
        let is_free = || -> io::Result<bool> {
            for entry in std::fs::read_dir(root)? {
                let name = entry?.file_name();
                if !BEFORE.iter().any(|known| name == *known) {
                    return Ok(false);
                }
            }
            Ok(true)
        };
        let is_ours = is_store(root).and_then(|is_store| Ok(is_store || is_free()?));
        match is_ours {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Usage {
                message: format!(
                    "{}: is no store: it has no file `{}`, and other files are in it",
                    root.display(),
                    format::FILE
                ),
                hint: Some("name the store with --store or PIPELINE_STORE".into()),
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(root, error)),
        }
    }

    /// Fails where a store is to be made beside folders of somebody else that are called like those of a store.
    pub(super) fn check_is_free(&self) -> Result<(), Error> {
        let root = self.root();
        let is_taken = |name: &&&str| {
            let folder = root.join(name);
            folder.exists() && !(**name == "work" && holds_work_alone(&folder))
        };
        let Some(name) = NAMES.iter().find(is_taken) else {
            return Ok(());
        };
        // Asked after the folders: another process may be making this store at the moment, its marks first.
        match is_store(root) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Usage {
                message: format!(
                    "{}: this is no store, and the folder `{name}` in it is somebody else's: a \
                     store keeps its own files there",
                    root.display()
                ),
                hint: Some("name another folder with --store or PIPELINE_STORE".into()),
            }),
            Err(error) => Err(failed(root, error)),
        }
    }
}

/// Fails if a folder is one of a store's: its files are named by what is in them, and are removed when unused.
pub(super) fn refuse_in_store(folder: &Path) -> Result<(), Error> {
    let Ok(whole) = folder.canonicalize() else {
        return Ok(());
    };
    let is_tagged = |root: &&Path| {
        holds(&root.join(TAG), |found| found == CACHEDIR_TAG.as_bytes()).unwrap_or(false)
    };
    match whole.ancestors().find(is_tagged) {
        None => Ok(()),
        Some(root) => Err(Error::Usage {
            message: format!(
                "{}: lies in the store {}, whose files are its own",
                folder.display(),
                root.display()
            ),
            hint: Some("name a place outside of it".into()),
        }),
    }
}

/// Whether a store was made here. One that has lost its `format` is known by its tag, or by its results.
fn is_store(root: &Path) -> io::Result<bool> {
    Ok(holds(&root.join(format::FILE), |_| true)?
        || holds(&root.join(TAG), |found| found == CACHEDIR_TAG.as_bytes())?
        || ["blobs", "actions"]
            .iter()
            .all(|name| root.join(name).is_dir()))
}

/// Whether all in a folder `work` is called as a store's: a crash may have left it before the marks of a store.
fn holds_work_alone(folder: &Path) -> bool {
    let is_ours = |entry: io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_str().is_some_and(is_work))
    };
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.all(is_ours))
}

/// Whether a store calls a folder in `work/` so: by a key.
pub(super) fn is_work(name: &str) -> bool {
    name.parse::<Digest>().is_ok()
}

/// Whether a store calls something in `damaged/` so: as a blob, an action, an index, or a record of a run.
pub(super) fn is_damaged(name: &str) -> bool {
    let of_run = |name: &str| {
        let mut dashes = name.match_indices('-').map(|(at, _)| at);
        let second = dashes.nth(1);
        second.is_some_and(|end| run_folder::started(&name[..end]).is_some())
    };
    is_work(name.strip_suffix(".json").unwrap_or(name)) || of_run(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::Collection;
    use std::fs;

    #[test]
    fn nothing_is_removed_from_a_folder_that_is_no_store_and_none_is_made_there() {
        let folder = tempfile::tempdir().unwrap();
        let theirs = folder.path().join("work/thesis/ch1.tex");
        fs::create_dir_all(theirs.parent().unwrap()).unwrap();
        fs::write(&theirs, "x").unwrap();
        let store = Store::open(folder.path()).unwrap();
        let error = store.hold_alone().unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("is no store"), "{error}");
        let error = store.prepare().unwrap_err();
        assert!(error.to_string().contains("`work`"), "{error}");
        assert!(!folder.path().join(format::FILE).exists());
        assert!(theirs.exists());
    }

    #[test]
    fn a_store_that_lost_its_format_is_still_one() {
        for lost in [[format::FILE].as_slice(), &[format::FILE, TAG]] {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(folder.path()).unwrap();
            store.prepare().unwrap();
            for name in ["blobs/v1", "actions/v1", "work"] {
                fs::create_dir_all(folder.path().join(name)).unwrap();
            }
            for name in lost {
                fs::remove_file(folder.path().join(name)).unwrap();
            }
            assert!(store.hold_alone().unwrap().is_some());
            store.prepare().unwrap();
        }
    }

    #[test]
    fn what_a_store_did_not_name_stays_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        store.prepare().unwrap();
        let key = Digest::of_bytes(b"key").to_string();
        let run = "20260101T000000Z-00ff-plan.json";
        for name in ["work/thesis", &format!("work/{key}")] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        fs::create_dir_all(folder.path().join("damaged")).unwrap();
        for name in ["notes.txt", &key, &format!("{key}.json"), run] {
            fs::write(folder.path().join("damaged").join(name), "x").unwrap();
        }
        let alone = store.hold_alone().unwrap();
        let collection = Collection::default();
        let removed = store.collect(&collection, alone.as_ref(), false).unwrap();
        assert_eq!(removed.removed.len(), 4);
        assert!(folder.path().join("work/thesis").is_dir());
        assert!(folder.path().join("damaged/notes.txt").is_file());
    }
}
