//! Results of the stages that a run of many stages used, beside the states of their action files: the next run of
//! the same stages compares states and need not read a thousand files.
//!
//! An index is a cache of the actions. One that is missing, damaged or of another version is empty, and an entry
//! whose action file is in another state is read anew. Its own time says when all its actions were last used, so
//! that a run does not touch each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::action::Outcome;
use super::digest::Digest;
use super::fingerprint::Key;
use super::stat_cache::{Stat, now};
use super::{Store, checksum, durable, folder, network};

/// Fewer action files are read as fast as an index.
const FEW: usize = 32;

/// The version of the document.
const FORMAT: u32 = 1;

/// What the results of one run's stages were, and what was learnt of them since.
#[derive(Debug, Default)]
pub struct ActionIndex {
    /// None: there are too few stages for an index.
    path: Option<PathBuf>,
    /// When the actions in it were last used.
    used: Option<SystemTime>,
    known: Entries,
    learnt: Mutex<Entries>,
    /// Whether other machines write to the store.
    shared: bool,
}

type Entries = BTreeMap<Key, Entry>;

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    /// The state of the action file when it was read; none if it could have changed since without a trace.
    state: Option<Stat>,
    outcome: Outcome,
}

#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    actions: Vec<Entry>,
}

/// An index as it lies in the store.
#[derive(Debug)]
pub(super) struct StoredIndex {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) used: SystemTime,
    pub(super) keys: BTreeSet<Key>,
}

impl ActionIndex {
    /// The result of a key whose action file is in this state.
    pub(super) fn get(&self, key: &Key, state: &Stat) -> Option<Outcome> {
        let entry = self.known.get(key)?;
        (entry.state.as_ref() == Some(state)).then(|| entry.outcome.clone())
    }

    /// Whether there is anything to be found.
    pub(super) fn knows(&self, key: &Key) -> bool {
        self.known
            .get(key)
            .is_some_and(|entry| entry.state.is_some())
    }

    /// Remembers what an action file said that was in this state just before it was read.
    pub(super) fn learn(&self, outcome: &Outcome, state: Stat) {
        if self.path.is_some() {
            let state = (!state.in_doubt(now(), self.shared)).then_some(state);
            let outcome = outcome.clone();
            self.learnt().insert(outcome.key, Entry { state, outcome });
        }
    }

    fn learnt(&self) -> MutexGuard<'_, Entries> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// The index of a run over the stages of these names.
    pub fn index<'n>(&self, stages: impl ExactSizeIterator<Item = &'n str>) -> ActionIndex {
        if stages.len() < FEW {
            return ActionIndex::default();
        }
        let names: Vec<&str> = stages.collect();
        let name = Digest::of_bytes(names.join("\n").as_bytes());
        let path = self.index_folder().join(format!("{name}.json"));
        let read = read(&path);
        let (known, used) = read.map_or_else(Default::default, |(known, used)| (known, Some(used)));
        ActionIndex {
            shared: network::shared(self.root()).is_some(),
            path: Some(path),
            used,
            known,
            learnt: Mutex::default(),
        }
    }

    /// Notes for `cache gc` that these results were of use now.
    pub fn mark_all_used<'k>(&self, index: &ActionIndex, keys: impl Iterator<Item = &'k Key>) {
        let Some(path) = &index.path else {
            keys.for_each(|key| self.mark_used(key));
            return;
        };
        let keys: BTreeSet<&Key> = keys.collect();
        let learnt = index.learnt();
        // A cache, and a note of use: that a store cannot be written to is told by what must write.
        if learnt.is_empty() && index.known.keys().eq(keys.iter().copied()) {
            let _ = folder::touch(path, None);
            return;
        }
        let entry = |key: &&Key| learnt.get(key).or_else(|| index.known.get(key)).cloned();
        let document = Document {
            format: FORMAT,
            actions: keys.iter().filter_map(entry).collect(),
        };
        let written = checksum::sealed(&document)
            .map_err(io::Error::from)
            .and_then(|bytes| self.replace_index(path, &bytes));
        match written {
            Ok(()) => self.keep_times(index, &keys),
            Err(_) => keys.into_iter().for_each(|key| self.mark_used(key)),
        }
    }

    /// Every file among the indexes.
    pub(super) fn indexes(&self) -> Vec<StoredIndex> {
        let entries = self.entries("index/v1").unwrap_or_default();
        let read = entries.into_iter().filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            // One that cannot be read names nothing: a draft of a run that was killed, too.
            let known = read(&entry.path()).map(|(known, _)| known);
            Some(StoredIndex {
                bytes: metadata.len(),
                path: entry.path(),
                used: metadata.modified().ok()?,
                keys: known.unwrap_or_default().into_keys().collect(),
            })
        });
        read.collect()
    }

    fn index_folder(&self) -> PathBuf {
        self.root().join("index/v1")
    }

    fn replace_index(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.own_folder()?.make("index/v1")?;
        durable::put(path, bytes, false)
    }

    /// What the index named before and names no more was last used when the index was.
    fn keep_times(&self, index: &ActionIndex, keys: &BTreeSet<&Key>) {
        let Some(used) = index.used else { return };
        for key in index.known.keys().filter(|key| !keys.contains(key)) {
            let path = self.action_path(key);
            let committed = fs::symlink_metadata(&path).and_then(|found| found.modified());
            if committed.is_ok_and(|committed| committed < used) {
                let _ = folder::touch(&path, Some(used));
            }
        }
    }
}

/// An index and when it was last used; none that is damaged.
fn read(path: &Path) -> Option<(Entries, SystemTime)> {
    let used = fs::symlink_metadata(path).ok()?.modified().ok()?;
    let bytes = folder::read(path).ok()?;
    checksum::check(&bytes).ok()?;
    let document: Document = serde_json::from_slice(&bytes).ok()?;
    let entries = document.actions.into_iter();
    let known = entries.map(|entry| (entry.outcome.key, entry)).collect();
    (document.format == FORMAT).then_some((known, used))
}

#[cfg(test)]
mod tests;
