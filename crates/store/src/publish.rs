//! Turning a work folder into a result.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use super::action::{Action, Artifact, Lookup, Outcome};
use super::artifact_file::ArtifactFile;
use super::digest::Digest;
use super::durable::{self, SOON};
use super::fingerprint::{Fingerprint, Key};
use super::folder::{self, Folder};
use super::work::{LOCK, WorkFolder};
use super::{Store, checksum, failed, machine};
use pipeline_error::Error;
use pipeline_files::Written;

/// An action on its way, in the work folder of its key.
const DRAFT: &str = ".action";

/// How a commit ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Committed {
    /// The result, as it reads back.
    First(Outcome),
    /// There was one already, and it stays.
    Second(Second),
}

/// A result that somebody else committed first.
#[derive(Clone, Debug, PartialEq)]
pub struct Second {
    /// Theirs.
    pub outcome: Outcome,
    /// Artifacts of which ours has other bytes.
    pub differing: Vec<String>,
    /// The models of their processors and of ours, where they are known.
    pub cpus: [Option<String>; 2],
}

impl Committed {
    /// What the key gives from now on.
    pub fn into_outcome(self) -> Outcome {
        match self {
            Committed::First(outcome) | Committed::Second(Second { outcome, .. }) => outcome,
        }
    }
}

impl Store {
    /// Makes all results that were committed outlive a power cut.
    pub fn sync_names(&self) -> Result<(), Error> {
        let folder = self.actions_folder();
        let synced = self.unsynced.sync(&folder);
        synced.map_err(|error| failed(&folder, error))
    }
}

impl WorkFolder<'_> {
    /// Commits a result: every artifact is digested, its bytes made durable and moved among the
    /// blobs, then the action is written; only that makes it a result. The folder itself stays.
    /// When the result outlives a power cut, [`durable`] says; after [`Store::sync_names`] it does.
    ///
    /// `artifacts` are files below the folder, by name; those that were digested as they were written are not read again.
    /// Somebody else may have committed the key meanwhile, where locks do not reach everybody: the first result stays. One
    /// that was there before the folder was taken is replaced.
    pub fn commit(
        &self,
        fingerprint: Fingerprint,
        artifacts: &BTreeMap<String, ArtifactFile>,
        metrics: BTreeMap<String, Value>,
        seconds: f64,
    ) -> Result<Committed, Error> {
        check_metrics(&metrics)?;
        let took_long = seconds >= SOON.as_secs_f64();
        let files = self.artifact_files(artifacts)?;
        for (name, path, _) in &files {
            make_own(path).map_err(|error| lost(name, path, error))?;
        }
        let digested: Vec<Artifact> = files
            .iter()
            .map(|(name, path, written)| {
                digest_durably(path, *written).map_err(|error| lost(name, path, error))
            })
            .collect::<Result<_, _>>()?;
        let mut outputs = BTreeMap::new();
        let mut moves = BTreeMap::new();
        for ((name, path, _), artifact) in files.into_iter().zip(digested) {
            outputs.insert(name.clone(), artifact);
            // Several names may stand for one file.
            moves.insert(path, (name, artifact.digest));
        }
        for (path, (name, digest)) in &moves {
            self.move_to_blobs(path, digest, took_long)
                .map_err(|error| lost(name, path, error))?;
        }
        let action = Action {
            key: self.key,
            fingerprint,
            outputs,
            metrics,
            seconds,
            cpu: machine::cpu().map(Into::into),
        };
        let committed = self.write_action(&action)?;
        if self.store.unsynced.note() || took_long {
            self.store.sync_names()?;
        }
        Ok(committed)
    }

    fn artifact_files(
        &self,
        artifacts: &BTreeMap<String, ArtifactFile>,
    ) -> Result<Vec<(String, PathBuf, Option<Written>)>, Error> {
        artifacts
            .iter()
            .map(|(name, file)| {
                let path = self.path().join(file.path());
                let refuse = |what: &str| {
                    Error::stage(format!("the artifact `{name}` {what}: {}", path.display()))
                };
                let inside = path.strip_prefix(self.path()).is_ok_and(|inside| {
                    inside != Path::new(LOCK)
                        && inside
                            .components()
                            .all(|part| matches!(part, Component::Normal(_)))
                });
                if !inside {
                    return Err(refuse("lies outside of the stage's work folder"));
                }
                match fs::symlink_metadata(&path) {
                    Ok(found) if found.is_file() => {
                        Ok((name.clone(), path, file.what_was_written()))
                    }
                    Ok(_) => Err(refuse("is not a regular file")),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        Err(refuse("was declared but not written"))
                    }
                    Err(error) => Err(refuse(&format!("cannot be read ({error})"))),
                }
            })
            .collect()
    }

    pub(super) fn move_to_blobs(
        &self,
        path: &Path,
        digest: &Digest,
        took_long: bool,
    ) -> io::Result<()> {
        let (folder, name) = self.place_of(path)?;
        let blobs = self.store.own_folder()?.make("blobs/v1")?;
        let digest = digest.to_string();
        let shelf = blobs.make(&digest[..2])?;
        let file = folder.open(name)?;
        folder.rename(name, &shelf, &digest)?;
        // Only now: a crash before the move must leave a file that the stage can write again.
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
        if took_long {
            // And the names on the way: a file system without one journal could lose those alone.
            let root = self.store.own_folder()?;
            for folder in [shelf, blobs, root.folder("blobs")?, root] {
                folder.sync()?;
            }
        }
        Ok(())
    }

    /// The folder below this one that a file of the stage lies in, and its name there.
    fn place_of<'p>(&self, path: &'p Path) -> io::Result<(Folder, &'p OsStr)> {
        let below = path.strip_prefix(self.path()).unwrap_or(path);
        let folder = self
            .folder
            .folder(below.parent().unwrap_or(Path::new("")))?;
        let name = below.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        Ok((folder, name))
    }

    fn write_action(&self, action: &Action) -> Result<Committed, Error> {
        let target = self.store.action_path(&action.key);
        let bytes = checksum::sealed(action).map_err(|error| failed(&target, error.into()))?;
        if let Some(theirs) = self.publish(&action.key, &bytes, self.before.as_ref())? {
            return Ok(Committed::Second(self.beside(action, theirs)));
        }
        // What a later run will read: printing and reading a float may move its last bit.
        let outcome = serde_json::from_slice(&bytes);
        let outcome = outcome.map_err(|error| failed(&target, error.into()))?;
        Ok(Committed::First(outcome))
    }

    /// Makes these bytes the action of a key, unless somebody has committed another one since it was as `before`: that
    /// one stays, and is returned.
    pub(super) fn publish(
        &self,
        key: &Key,
        bytes: &[u8],
        before: Option<&Vec<u8>>,
    ) -> Result<Option<Outcome>, Error> {
        let target = self.store.action_path(key);
        let write = || {
            let actions = durable::make_folder(&self.store.own_folder()?, "actions/v1")?;
            // One that a crash left may be an action by now, under another name.
            match self.folder.remove_file(DRAFT) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => durable::write(&self.folder, DRAFT, bytes)?,
            }
            Ok(actions)
        };
        let actions = write().map_err(|error| failed(&target, error))?;
        let name = format!("{key}.json");
        if self.name_first(&actions, &name) {
            self.folder.remove_file(DRAFT)
        } else if let Some(theirs) = self.committed_meanwhile(key, before) {
            return Ok(Some(theirs));
        } else {
            self.folder.rename(DRAFT, &actions, &name)
        }
        .map_err(|error| failed(&target, error))?;
        Ok(None)
    }

    /// Gives the draft of an action its name, if that is free and the file system knows second names.
    fn name_first(&self, actions: &Folder, name: &str) -> bool {
        self.folder.link_into(DRAFT, actions, name).is_ok()
    }

    /// The result of this key, if it was not there before.
    fn committed_meanwhile(&self, key: &Key, before: Option<&Vec<u8>>) -> Option<Outcome> {
        let now = folder::read(&self.store.action_path(key)).ok();
        match self.store.lookup(key) {
            Ok(Lookup::Complete(theirs)) if now.as_ref() != before => Some(*theirs),
            _ => None,
        }
    }

    /// A result that was committed first, and in what ours differs.
    pub(super) fn beside(&self, ours: &Action, theirs: Outcome) -> Second {
        let differing = ours
            .outputs
            .iter()
            .filter(|(name, artifact)| theirs.outputs.get(*name) != Some(*artifact));
        let theirs_made_on = self.store.action(&ours.key).ok().and_then(|it| it.cpu);
        Second {
            differing: differing.map(|(name, _)| name.clone()).collect(),
            cpus: [theirs_made_on, ours.cpu.clone()],
            outcome: theirs,
        }
    }
}

fn lost(name: &str, path: &Path, error: io::Error) -> Error {
    folder::refusal(&error).unwrap_or_else(|| {
        let what = format!("the artifact `{name}` cannot be stored: {error}");
        Error::file(path, what)
    })
}

/// Replaces a file that has other names by a copy of its own: whoever writes to one of them would change the
/// stored result, and a blob is read-only, which the other names would be as well.
fn make_own(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.nlink() < 2 {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    // The umask takes its part away, as from any file that a stage writes.
    let draft = tempfile::Builder::new()
        .prefix(".copy-")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    io::copy(&mut folder::open(path)?.0, &mut draft.as_file())?;
    draft.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Digest and size of a file whose bytes will outlive a power cut.
fn digest_durably(path: &Path, written: Option<Written>) -> io::Result<Artifact> {
    let (file, found) = folder::open(path)?;
    file.sync_all()?;
    let (digest, bytes) = match written {
        Some(written) if written.length() == found.len() => (written.hash().into(), found.len()),
        Some(written) => {
            let what = format!(
                "{} bytes were written, and it has {}",
                written.length(),
                found.len()
            );
            return Err(io::Error::other(what));
        }
        None => Digest::of_open_file(&file)?,
    };
    Ok(Artifact { digest, bytes })
}

pub(super) fn check_metrics(metrics: &BTreeMap<String, Value>) -> Result<(), Error> {
    for (name, value) in metrics {
        let fits = value.is_null() || value.as_f64().is_some_and(f64::is_finite);
        if !fits {
            return Err(Error::stage(format!(
                "the metric `{name}` must be a finite number or null, and is {value}"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
