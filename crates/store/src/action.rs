//! What a key gave.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::digest::Digest;
use super::fingerprint::{Difference, Fingerprint, Key, Leaves};
use super::index::ActionIndex;
use super::stat_cache::Stat;
use super::{Store, checksum, damaged, folder, unread};
use pipeline_error::Error;

/// The result of one execution: the document at `actions/v1/KEY.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// The digest of `fingerprint`.
    pub key: Key,
    /// What the result depends on.
    pub fingerprint: Fingerprint,
    /// Artifacts by name.
    pub outputs: Outputs,
    /// Numbers or null, by name.
    pub metrics: BTreeMap<String, Value>,
    /// Wall time of the execution.
    pub seconds: f64,
    /// The model of the processors that made it, where the system told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<String>,
}

/// What a key gave, without what it depends on: as much of an [`Action`] as a run needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The key.
    pub key: Key,
    /// Artifacts by name.
    pub outputs: Outputs,
    /// Numbers or null, by name.
    pub metrics: BTreeMap<String, Value>,
    /// Wall time of the execution.
    pub seconds: f64,
}

/// Artifacts by name.
pub type Outputs = BTreeMap<String, Artifact>;

/// One artifact: which blob it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// The digest of its bytes.
    pub digest: Digest,
    /// How many they are.
    pub bytes: u64,
}

/// What the store holds under a key.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// Nothing.
    Absent,
    /// A result of which this artifact is gone: it has to be made again.
    Incomplete(String),
    /// A result, every artifact in place and of the right size.
    Complete(Box<Outcome>),
}

/// An earlier result, ready to be compared with.
#[derive(Clone, Debug)]
pub struct Earlier {
    key: Key,
    kind: String,
    leaves: Leaves,
    committed: SystemTime,
}

/// An earlier result that resembles a fingerprint.
#[derive(Clone, Debug)]
pub struct Nearest {
    /// Its key.
    pub key: Key,
    /// When it was committed.
    pub committed: SystemTime,
    /// In what the fingerprint differs from its own.
    pub differences: Vec<Difference>,
}

impl Store {
    /// What is known of `key`. An artifact of the wrong size, or an action that cannot be
    /// read, is damage.
    pub fn lookup(&self, key: &Key) -> Result<Lookup, Error> {
        self.lookup_by(&ActionIndex::default(), key)
    }

    /// As [`Self::lookup`]; an action file that the index knows in its present state is not read.
    pub fn lookup_by(&self, index: &ActionIndex, key: &Key) -> Result<Lookup, Error> {
        let path = self.action_path(key);
        let indexed = || index.get(key, &Stat::of(&fs::symlink_metadata(&path).ok()?));
        let outcome = match index.knows(key).then(indexed).flatten() {
            Some(outcome) => outcome,
            None => match read_outcome(&path, key)? {
                None => return Ok(Lookup::Absent),
                Some((outcome, state)) => {
                    index.learn(&outcome, state);
                    outcome
                }
            },
        };
        for (name, artifact) in &outcome.outputs {
            if !self.holds(artifact)? {
                return Ok(Lookup::Incomplete(name.clone()));
            }
        }
        Ok(Lookup::Complete(Box::new(outcome)))
    }

    /// The whole action of a key that was looked up before; that it is gone or damaged is an error.
    pub fn action(&self, key: &Key) -> Result<Action, Error> {
        let path = self.action_path(key);
        let bytes = folder::read(&path).map_err(|error| unread(&path, error))?;
        checksum::check(&bytes).map_err(|what| damaged(&path, what))?;
        serde_json::from_slice(&bytes)
            .map_err(|error| damaged(&path, format!("is no action: {error}")))
    }

    /// All readable actions with the time of their commit or last use, by key. Unreadable files are passed
    /// over: whoever needs one of them by key is told.
    pub fn actions(&self) -> Vec<(SystemTime, Action)> {
        let Ok(entries) = fs::read_dir(self.actions_folder()) else {
            return Vec::new();
        };
        let entries: Vec<_> = entries.flatten().collect();
        let mut actions: Vec<(SystemTime, Action)> = entries
            .par_iter()
            .filter_map(|entry| {
                let bytes = folder::read(&entry.path()).ok()?;
                checksum::check(&bytes).ok()?;
                let action = serde_json::from_slice(&bytes).ok()?;
                Some((entry.metadata().ok()?.modified().ok()?, action))
            })
            .collect();
        actions.sort_by_key(|(_, action)| action.key);
        actions
    }

    /// Files that should be actions and cannot be read as such, and why; not those of an older pipeline, which had no
    /// checksum.
    pub fn damaged_actions(&self) -> Vec<(PathBuf, String)> {
        let Ok(entries) = fs::read_dir(self.actions_folder()) else {
            return Vec::new();
        };
        let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        let mut damaged: Vec<(PathBuf, String)> = paths
            .into_par_iter()
            .filter_map(|path| {
                let what = match folder::read(&path) {
                    Ok(bytes) => {
                        let is_sound = checksum::is_sealed("", &bytes);
                        if is_sound || checksum::is_unsealed(&bytes) {
                            return None;
                        }
                        checksum::CHANGED.into()
                    }
                    Err(error) => match error.kind() {
                        // Collected meanwhile, or another user's alone.
                        ErrorKind::NotFound | ErrorKind::PermissionDenied => return None,
                        _ => error.to_string(),
                    },
                };
                Some((path, what))
            })
            .collect();
        damaged.sort();
        damaged
    }

    /// All readable results, for [`nearest`].
    pub fn earlier(&self) -> Vec<Earlier> {
        let actions = self.actions().into_iter();
        let earlier = actions.map(|(committed, action)| Earlier {
            key: action.key,
            leaves: action.fingerprint.leaves(),
            kind: action.fingerprint.kind,
            committed,
        });
        earlier.collect()
    }

    /// Notes that a result was of use now, for `cache gc`: its file's time says so.
    pub fn mark_used(&self, key: &Key) {
        // Of a store that only others can write it is the owner's to say.
        let _ = folder::touch(&self.action_path(key), None);
    }

    pub(super) fn actions_folder(&self) -> PathBuf {
        self.root().join("actions/v1")
    }

    pub(super) fn action_path(&self, key: &Key) -> PathBuf {
        self.actions_folder().join(format!("{key}.json"))
    }
}

/// What an action file says, and its state just before it was read; none if there is no such result.
fn read_outcome(path: &Path, key: &Key) -> Result<Option<(Outcome, Stat)>, Error> {
    let read = folder::open(path).and_then(|(mut file, found)| {
        let bytes = folder::read_open(&mut file, &found)?;
        Ok((bytes, Stat::of(&found)))
    });
    let (bytes, state) = match read {
        Ok(read) => read,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unread(path, error)),
    };
    if !checksum::is_sealed("", &bytes) {
        // Nobody could tell whether it was edited: it is made again.
        return match checksum::is_unsealed(&bytes) {
            true => Ok(None),
            false => Err(damaged(path, checksum::CHANGED)),
        };
    }
    // The fingerprint is passed over: `key` is its digest, and is compared.
    let outcome: Outcome = serde_json::from_slice(&bytes)
        .map_err(|error| damaged(path, format!("is no action: {error}")))?;
    match outcome.key == *key {
        true => Ok(Some((outcome, state))),
        false => Err(damaged(path, format!("is the action of {}", outcome.key))),
    }
}

/// The result of the same kind that differs least from `fingerprint`; of several, the latest.
/// The paths in `unknown` are not compared.
pub fn nearest(
    fingerprint: &Fingerprint,
    unknown: &BTreeSet<String>,
    results: &[Earlier],
) -> Option<Nearest> {
    let leaves = fingerprint.leaves();
    let mut best: Option<(usize, &Earlier)> = None;
    for earlier in results.iter().filter(|it| it.kind == fingerprint.kind) {
        // Most are further away than the best so far, which shows at their first few leaves.
        let most = best.map_or(usize::MAX, |(distance, _)| distance);
        if let Some(distance) = leaves.distance(&earlier.leaves, unknown, most)
            && best
                .is_none_or(|(least, best)| distance < least || earlier.committed > best.committed)
        {
            best = Some((distance, earlier));
        }
    }
    let (_, nearest) = best?;
    let mut differences = leaves.differences(&nearest.leaves);
    differences.retain(|difference| !unknown.contains(&difference.path));
    Some(Nearest {
        key: nearest.key,
        committed: nearest.committed,
        differences,
    })
}
