//! Whether the store holds what it says.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{DirEntry, Permissions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use serde::de::IgnoredAny;

use super::digest::Digest;
use super::folder::Folder;
use super::inventory::Inventory;
use super::{Hold, Store, durable, failed, folder, run_folder, unread};
use pipeline_error::Error;

/// What a run told while it went on, one event a line.
const EVENTS: &str = "events.jsonl";

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
    /// longer than for its work: a power cut may have left a part of one. Records that this user may not read are for
    /// their own user to verify.
    fn damaged_records(&self) -> Result<Vec<Damage>, Error> {
        let mut records = Vec::new();
        for id in self.run_ids()? {
            let files = self.files_of_run(&id)?.unwrap_or_default();
            // Without a summary the events are all that there is, and how far they should go is unknown.
            let has_ended = files.iter().any(|file| file.file_name() == "summary.json");
            let files = files.into_iter();
            let files = files.filter(|file| has_ended || file.file_name() != EVENTS);
            records.extend(files.map(|file| (id.clone(), file)));
        }
        let damage = records.par_iter().filter_map(|(id, file)| {
            Some(Damage {
                path: file.path(),
                what: format!("the record of a run {}", record_fault(id, file)?),
                lost: BTreeSet::new(),
                unusable: true,
            })
        });
        Ok(damage.collect())
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
            let kept = kept_of(&damage.path);
            match mending {
                Mending::Remove => self.remove(&damage.path)?,
                Mending::MoveAside => self.move_aside(&damage.path)?,
            }
            if let Some((lines, permissions)) = kept {
                self.write_again(&damage.path, &lines, permissions)?;
            }
        }
        Ok(())
    }

    fn write_again(&self, path: &Path, bytes: &[u8], as_it_was: Permissions) -> Result<(), Error> {
        let written = self.place_of(path).and_then(|(folder, name)| {
            let mut file = folder.create(name)?;
            file.set_permissions(as_it_was)?;
            file.write_all(bytes)
        });
        written.map_err(|error| failed(path, error))
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

/// What is wrong with a file of a run.
fn record_fault(id: &str, file: &DirEntry) -> Option<String> {
    let (path, name) = (file.path(), file.file_name());
    let name = name.to_string_lossy();
    let is_events = name == EVENTS;
    if !is_events && !name.ends_with(".json") {
        return None;
    }
    let bytes = match folder::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return None,
        Err(error) => return Some(format!("cannot be read: {error}")),
    };
    if is_events {
        return events_fault(&bytes);
    }
    match serde_json::from_slice::<IgnoredAny>(&bytes) {
        Err(error) => Some(format!("is not whole: {error}")),
        Ok(_) => run_folder::check_document(id, &name, &bytes)
            .err()
            .map(Into::into),
    }
}

/// What is wrong with the events of a run that left a summary. All but the last were written before that, and each write
/// is of whole lines: also a run that was killed in between left whole lines.
fn events_fault(bytes: &[u8]) -> Option<String> {
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate();
    let odd = lines.find_map(|(line, text)| {
        let what = line_fault(text)?;
        Some(format!("is not whole: line {}: {what}", line + 1))
    });
    odd.or_else(|| bytes.is_empty().then(|| "is not whole: it is empty".into()))
}

fn line_fault(line: &[u8]) -> Option<String> {
    if !line.ends_with(b"\n") {
        return Some("it is cut short".into());
    }
    let read = serde_json::from_slice::<IgnoredAny>(line);
    read.err().map(|error| error.to_string())
}

/// The sound lines of damaged events, which are history whatever became of the others, and who may read them.
fn kept_of(path: &Path) -> Option<(Vec<u8>, Permissions)> {
    path.file_name().filter(|name| *name == EVENTS)?;
    let (mut file, found) = folder::open(path).ok()?;
    let bytes = folder::read_open(&mut file, &found).ok()?;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let sound = lines.filter(|line| line_fault(line).is_none());
    let sound: Vec<u8> = sound.flatten().copied().collect();
    (!sound.is_empty()).then(|| (sound, found.permissions()))
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
    use serde_json::json;
    use std::fs;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn events_are_whole_lines() {
        let fault = |text: &str| events_fault(text.as_bytes());
        for sound in ["{}\n", "{}\n{\"a\":1}\n"] {
            assert_eq!(fault(sound), None);
        }
        for cut in ["", "{}\n{\"a\"", "{}", "{}\n\0\0"] {
            assert!(fault(cut).is_some(), "{cut}");
        }
        let joined = fault("{}\n{\"a\"{}\n").unwrap();
        assert!(joined.starts_with("is not whole: line 2: "), "{joined}");
    }

    #[test]
    fn events_of_a_run_stay_but_for_what_is_wrong_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let never = AtomicBool::new(false);
        let ids = [true, false].map(|ends| {
            let mut run = store.start_run(false, &never, || ()).unwrap();
            run.append(["one", "two"].iter()).unwrap();
            if ends {
                run.write("summary.json", &json!({ "seconds": 1 })).unwrap();
            }
            run.id().to_string()
        });
        let events = ids.map(|id| store.runs_folder().join(id).join(EVENTS));
        for (path, torn) in events
            .iter()
            .zip(["\"one\"\n\0\0\"two\"\n\"three\"\n\"fo", "\0\"two\"\n"])
        {
            fs::write(path, torn).unwrap();
        }
        for mending in [Mending::MoveAside, Mending::Remove] {
            let audit = store.audit().unwrap();
            let found: Vec<&PathBuf> = audit.damage.iter().map(|damage| &damage.path).collect();
            // How far the events should go of a run without a summary nobody knows.
            assert_eq!(found, [&events[0]]);
            let alone = store.hold_alone().unwrap().unwrap();
            store.mend(&audit, mending, &alone).unwrap();
            assert_eq!(store.audit().unwrap().damage, []);
            let kept = fs::read_to_string(&events[0]).unwrap();
            assert_eq!(kept, "\"one\"\n\"three\"\n");
            fs::write(&events[0], kept + "\0").unwrap();
        }
        assert_eq!(fs::read_dir(store.damaged_folder()).unwrap().count(), 1);
        assert_eq!(fs::read(&events[1]).unwrap(), b"\0\"two\"\n");
    }
}
