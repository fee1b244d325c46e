//! Whether the store holds what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::DirEntry;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use serde::de::IgnoredAny;

use super::digest::Digest;
use super::folder::Folder;
use super::inventory::Inventory;
use super::{Hold, Store, durable, failed, folder, run_folder, unread};
use pipeline_error::Error;

/// What was looked at and what is wrong with it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StoreAudit {
    /// Actions read.
    pub actions: usize,
    /// Blobs digested.
    pub blobs: usize,
    /// Their size.
    pub bytes: u64,
    /// What is wrong.
    pub damage: Vec<Damage>,
}

/// Something that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
    /// Artifacts that are lost by it (`pretrain checkpoint`), by kind and name.
    pub lost: BTreeSet<String>,
    /// Whether the file must not be used again: a sound action whose artifact is gone may stay.
    #[serde(skip)]
    unusable: bool,
}

/// What is done with files that must not be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mending {
    /// They go to `damaged/`.
    MoveAside,
    /// They are removed, and with them the actions whose artifacts are lost.
    Remove,
}

impl Store {
    /// Digests every blob, looks for every artifact of every action, and reads the records of runs. Changes nothing.
    pub fn audit(&self) -> Result<StoreAudit, Error> {
        let inventory = self.inventory()?;
        let mut audit = StoreAudit {
            actions: inventory.actions.len() + inventory.unreadable.len(),
            blobs: inventory.blobs.len(),
            bytes: inventory.blobs.values().sum(),
            damage: Vec::new(),
        };
        for (path, what) in &inventory.unreadable {
            audit.damage.push(Damage {
                path: path.clone(),
                what: what.clone(),
                lost: BTreeSet::new(),
                unusable: true,
            });
        }
        let digests: Vec<&Digest> = inventory.blobs.keys().collect();
        let changed: BTreeMap<Digest, String> = digests
            .par_iter()
            .filter_map(|digest| {
                let change = self.change(digest).transpose()?;
                Some(change.map(|what| (**digest, what)))
            })
            .collect::<Result<_, Error>>()?;
        let lost = lost_by_blob(&inventory);
        for (digest, what) in &changed {
            audit.damage.push(Damage {
                path: self.blob_path(digest),
                what: what.clone(),
                lost: lost.get(digest).cloned().unwrap_or_default(),
                unusable: true,
            });
        }
        for stored in &inventory.actions {
            let action = &stored.action;
            for (name, artifact) in &action.outputs {
                let (what, unusable) = match inventory.blobs.get(&artifact.digest) {
                    None => (
                        format!("its artifact {} is missing", artifact.digest),
                        false,
                    ),
                    Some(&bytes)
                        if bytes != artifact.bytes && !changed.contains_key(&artifact.digest) =>
                    {
                        (format!("states a wrong size of {}", artifact.digest), true)
                    }
                    Some(_) => continue,
                };
                audit.damage.push(Damage {
                    path: self.action_path(&action.key),
                    what,
                    lost: BTreeSet::from([format!("{} {name}", action.fingerprint.kind)]),
                    unusable,
                });
            }
        }
        audit.damage.extend(self.damaged_records()?);
        Ok(audit)
    }

    /// Records of runs that are not as they were written. They are not synced, since a run would wait for its record
    /// longer than for its work: a power cut may have left a part of one.
    fn damaged_records(&self) -> Result<Vec<Damage>, Error> {
        let mut records = Vec::new();
        for id in self.run_ids()? {
            let files = self.entries(&format!("runs/{id}"))?;
            let has_ended = files.iter().any(|file| file.file_name() == "summary.json");
            records.extend(files.into_iter().map(|file| (id.clone(), has_ended, file)));
        }
        let damage = records.par_iter().filter_map(|(id, has_ended, file)| {
            let what = record_fault(id, *has_ended, file).transpose()?;
            Some(what.map(|what| Damage {
                path: file.path(),
                what: format!("the record of a run {what}"),
                lost: BTreeSet::new(),
                unusable: true,
            }))
        });
        damage.collect()
    }

    /// Takes what an audit found damaged out of use, so that the next run makes it again. The
    /// store must be held alone: a run could be writing the same blob anew.
    pub fn mend(&self, audit: &StoreAudit, mending: Mending, _alone: &Hold) -> Result<(), Error> {
        if mending == Mending::Remove {
            let bad: BTreeSet<&Path> = audit.damage.iter().map(|d| d.path.as_path()).collect();
            for stored in self.inventory()?.actions {
                let path = self.action_path(&stored.action.key);
                let lost = stored.action.outputs.values();
                let mut lost = lost.map(|artifact| self.blob_path(&artifact.digest));
                if bad.contains(path.as_path()) || lost.any(|blob| bad.contains(blob.as_path())) {
                    self.remove(&path)?;
                }
            }
            self.sync_actions();
        }
        for damage in audit.damage.iter().filter(|damage| damage.unusable) {
            match mending {
                Mending::Remove => self.remove(&damage.path)?,
                Mending::MoveAside => self.move_aside(&damage.path)?,
            }
        }
        Ok(())
    }

    /// Where damaged files are kept.
    pub fn damaged_folder(&self) -> PathBuf {
        self.root().join("damaged")
    }

    pub(super) fn sync_actions(&self) {
        // Best effort: an action that comes back after a power cut is incomplete, not wrong.
        let _ = durable::sync_folder(&self.actions_folder());
    }

    fn move_aside(&self, path: &Path) -> Result<(), Error> {
        let moved = self.own_folder().and_then(|root| {
            let damaged = durable::make_folder(&root, "damaged")?;
            let (folder, name) = self.place_of(path)?;
            // Records of all runs have the same names.
            let kept = match path.strip_prefix(self.runs_folder()) {
                Ok(below) => OsString::from(below.to_string_lossy().replace('/', "-")),
                Err(_) => name.to_os_string(),
            };
            folder.rename(name, &damaged, kept)
        });
        if_there(moved).map_err(|error| failed(path, error))
    }

    /// Removes a file of the store, if it is there.
    pub(super) fn remove(&self, path: &Path) -> Result<(), Error> {
        let removed = self
            .place_of(path)
            .and_then(|(folder, name)| folder.remove_file(name));
        if_there(removed).map_err(|error| failed(path, error))
    }

    /// The folder of the store that something of it is in, and its name there.
    pub(super) fn place_of<'p>(&self, path: &'p Path) -> io::Result<(Folder, &'p OsStr)> {
        let outside = || io::Error::from(ErrorKind::InvalidInput);
        let below = path.strip_prefix(self.root()).map_err(|_| outside())?;
        let (folder, name) = (below.parent(), below.file_name());
        let (folder, name) = folder.zip(name).ok_or_else(outside)?;
        Ok((self.own_folder()?.folder(folder)?, name))
    }

    /// What is wrong with a blob. Fails where this user may not read it.
    fn change(&self, digest: &Digest) -> Result<Option<String>, Error> {
        let path = self.blob_path(digest);
        let found = folder::open(&path).and_then(|(file, _)| Digest::of_open_file(&file));
        let what = match found.map(|(digest, _)| digest) {
            Ok(found) if found == *digest => return Ok(None),
            Ok(found) => format!("its contents have changed: they have the digest {found}"),
            Err(error) => match error.kind() {
                // Collected meanwhile.
                ErrorKind::NotFound => return Ok(None),
                ErrorKind::PermissionDenied => return Err(unread(&path, error)),
                _ => format!("cannot be read: {error}"),
            },
        };
        Ok(Some(what))
    }
}

/// What is wrong with a file of a run. Fails where this user may not read it.
fn record_fault(id: &str, has_ended: bool, file: &DirEntry) -> Result<Option<String>, Error> {
    let (path, name) = (file.path(), file.file_name());
    let name = name.to_string_lossy();
    let is_events = name == "events.jsonl";
    if !is_events && !name.ends_with(".json") {
        return Ok(None);
    }
    let bytes = match folder::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            return Err(unread(&path, error));
        }
        Err(error) => return Ok(Some(format!("cannot be read: {error}"))),
    };
    if is_events {
        return Ok(events_fault(&bytes, has_ended));
    }
    let parsed = serde_json::from_slice::<IgnoredAny>(&bytes);
    let fault = match parsed {
        Err(error) => Some(format!("is not whole: {error}")),
        Ok(_) => run_folder::check_document(id, &name, &bytes)
            .err()
            .map(Into::into),
    };
    Ok(fault)
}

/// What is wrong with the events of a run. A run that was killed, or goes on, may not have written all of its last line.
fn events_fault(bytes: &[u8], has_ended: bool) -> Option<String> {
    let whole = bytes.iter().rposition(|byte| *byte == b'\n');
    let (whole, last) = bytes.split_at(whole.map_or(0, |end| end + 1));
    let mut lines = whole.split_inclusive(|byte| *byte == b'\n').enumerate();
    let odd = lines.find_map(|(line, text)| {
        let error = serde_json::from_slice::<IgnoredAny>(text).err()?;
        Some(format!("is not whole: line {}: {error}", line + 1))
    });
    let is_cut = match has_ended {
        true => bytes.is_empty() || !last.is_empty(),
        false => last.contains(&0),
    };
    odd.or_else(|| is_cut.then(|| "is not whole: its last line is cut short".into()))
}

fn lost_by_blob(inventory: &Inventory) -> BTreeMap<Digest, BTreeSet<String>> {
    let mut lost: BTreeMap<Digest, BTreeSet<String>> = BTreeMap::new();
    for stored in &inventory.actions {
        for (name, artifact) in &stored.action.outputs {
            let artifact_name = format!("{} {name}", stored.action.fingerprint.kind);
            lost.entry(artifact.digest)
                .or_default()
                .insert(artifact_name);
        }
    }
    lost
}

fn if_there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_whole_lines_and_only_a_run_that_was_killed_may_have_begun_another() {
        let fault = |text: &str, has_ended| events_fault(text.as_bytes(), has_ended);
        for sound in ["{}\n", "{}\n{\"a\":1}\n"] {
            assert_eq!(fault(sound, true), None);
            assert_eq!(fault(sound, false), None);
        }
        for cut in ["", "{}\n{\"a\"", "{}"] {
            assert!(fault(cut, true).is_some(), "{cut}");
            assert_eq!(fault(cut, false), None, "{cut}");
        }
        assert!(fault("{}\n\0\0", false).is_some());
        let joined = fault("{}\n{\"a\"{}\n", false).unwrap();
        assert!(joined.starts_with("is not whole: line 2: "), "{joined}");
    }
}
