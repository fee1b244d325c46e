//! What a store holds.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::SystemTime;

use rayon::prelude::*;

use super::action::Action;
use super::digest::Digest;
use super::fingerprint::Fingerprint;
use super::index::StoredIndex;
use super::{Store, checksum, failed, folder, foreign, unread};
use pipeline_error::Error;

/// Everything in the store but its runs.
#[derive(Debug)]
pub struct Inventory {
    /// Readable actions, by key.
    pub actions: Vec<StoredAction>,
    /// Files among the actions that are none, and why.
    pub unreadable: Vec<(PathBuf, String)>,
    /// Sizes of blobs, by digest.
    pub blobs: BTreeMap<Digest, u64>,
    /// Work folders, by name.
    pub work: Vec<StoredWork>,
    pub(super) indexes: Vec<StoredIndex>,
}

/// An action and when it was of use.
#[derive(Debug)]
pub struct StoredAction {
    /// The action.
    pub action: Action,
    /// When it was committed or last used by a run.
    pub used: SystemTime,
}

/// A work folder.
#[derive(Debug)]
pub struct StoredWork {
    /// Where it is.
    pub path: PathBuf,
    /// The size of all that is in it.
    pub bytes: u64,
    /// When it was last written to.
    pub modified: SystemTime,
    /// Whether a process works in it.
    pub held: bool,
}

impl Store {
    /// Reads what there is. Blobs are not opened.
    pub fn inventory(&self) -> Result<Inventory, Error> {
        let mut actions = Vec::new();
        let mut unreadable = Vec::new();
        let files = self.entries("actions/v1")?;
        let read: Vec<_> = files.par_iter().map(read_action).collect();
        for (file, read) in files.iter().zip(read) {
            match read? {
                Ok(action) => actions.push(action),
                Err(what) => unreadable.push((file.path(), what)),
            }
        }
        actions.sort_by_key(|stored| stored.action.key);
        let indexes = self.indexes();
        for stored in &mut actions {
            let naming = indexes
                .iter()
                .filter(|index| index.keys.contains(&stored.action.key));
            stored.used = naming.map(|index| index.used).fold(stored.used, Ord::max);
        }
        let mut blobs = BTreeMap::new();
        for folder in self.entries("blobs/v1")? {
            if let Some(name) = folder.file_name().to_str()
                && !folder.file_type().is_ok_and(|kind| kind.is_file())
            {
                let shelf = self.entries(&format!("blobs/v1/{name}"))?;
                blobs.extend(shelf.iter().filter_map(blob));
            }
        }
        let mut work = Vec::new();
        for folder in self.entries("work")? {
            if !folder.file_name().to_str().is_some_and(foreign::is_work) {
                continue;
            }
            let held = self.is_held(&folder.path());
            work.extend(stored_work(folder.path(), held));
        }
        Ok(Inventory {
            actions,
            unreadable,
            blobs,
            work,
            indexes,
        })
    }

    /// What is in a folder of the store, by name; nothing if it is not there.
    pub(super) fn entries(&self, below: &str) -> Result<Vec<DirEntry>, Error> {
        self.listed(below)
            .map_err(|error| failed(&self.root().join(below), error))
    }

    /// The files of a run; none where it is another user's alone.
    pub(super) fn files_of_run(&self, id: &str) -> Result<Option<Vec<DirEntry>>, Error> {
        match self.listed(&format!("runs/{id}")) {
            Ok(files) => Ok(Some(files)),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(None),
            Err(error) => Err(failed(&self.runs_folder().join(id), error)),
        }
    }

    fn listed(&self, below: &str) -> io::Result<Vec<DirEntry>> {
        let listed = self.own_folder().and_then(|root| {
            root.folder(below)?;
            fs::read_dir(self.root().join(below))?.collect::<Result<Vec<_>, _>>()
        });
        match listed {
            Ok(mut entries) => {
                entries.sort_by_key(DirEntry::file_name);
                Ok(entries)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

/// An action, or why the file is none. Fails where this user may not read it.
fn read_action(entry: &DirEntry) -> Result<Result<StoredAction, String>, Error> {
    match folder::read(&entry.path()) {
        Ok(bytes) => Ok(stored_action(entry, &bytes)),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(unread(&entry.path(), error))
        }
        Err(error) => Ok(Err(error.to_string())),
    }
}

fn stored_action(entry: &DirEntry, bytes: &[u8]) -> Result<StoredAction, String> {
    checksum::check(bytes)?;
    let action: Action =
        serde_json::from_slice(bytes).map_err(|error| format!("is no action: {error}"))?;
    if *entry.file_name() != *format!("{}.json", action.key) {
        return Err(format!("is the action of {}", action.key));
    }
    let fingerprint = &action.fingerprint;
    if fingerprint.format == Fingerprint::FORMAT && fingerprint.key() != action.key {
        return Err("its fingerprint is not that of its key".into());
    }
    let used = entry.metadata().and_then(|metadata| metadata.modified());
    let used = used.map_err(|error| error.to_string())?;
    Ok(StoredAction { action, used })
}

fn blob(entry: &DirEntry) -> Option<(Digest, u64)> {
    let digest = entry.file_name().to_str()?.parse().ok()?;
    Some((digest, entry.metadata().ok()?.len()))
}

/// None if it went away meanwhile.
fn stored_work(path: PathBuf, held: bool) -> Option<StoredWork> {
    let mut stored = StoredWork {
        modified: fs::symlink_metadata(&path).ok()?.modified().ok()?,
        path,
        bytes: 0,
        held,
    };
    let mut folders = vec![stored.path.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                folders.push(entry.path());
                continue;
            }
            stored.bytes += metadata.len();
            let modified = metadata.modified().unwrap_or(stored.modified);
            stored.modified = stored.modified.max(modified);
        }
    }
    Some(stored)
}
