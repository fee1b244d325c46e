//! Taking over a result that was made elsewhere.
//!
//! Its bytes come from where nobody vouches for them: each artifact is digested on its way into a draft in the key's
//! work folder, and becomes a blob only if it is the one that the action names. All is synced and named in the order
//! in which [a commit](super::publish) does it, so that a power cut leaves what it leaves there.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::PathBuf;
use std::time::Instant;

use super::action::{Action, Artifact, Outcome};
use super::digest::Digest;
use super::durable::SOON;
use super::fingerprint::Key;
use super::folder;
use super::publish::{Committed, check_metrics};
use super::work::WorkFolder;
use super::{Store, checksum, damaged, failed, unread};
use pipeline_error::Error;

/// An action, byte for byte as the store that made the result wrote it.
#[derive(Clone, Debug)]
pub struct Foreign {
    bytes: Vec<u8>,
    action: Action,
}

/// An artifact on its way into the store, digested as it is written.
#[derive(Debug)]
pub struct Draft {
    file: File,
    hasher: blake3::Hasher,
    bytes: u64,
}

/// Why a result was not taken over: of what came, nothing is left.
#[derive(Debug)]
pub enum NotAdopted<E> {
    /// Where it comes from did not give it.
    Fetch(E),
    /// These bytes are not those of the artifact of this name.
    Mismatch {
        /// The artifact's name.
        name: String,
        /// What it should have been.
        expected: Artifact,
        /// What came.
        found: Artifact,
    },
    /// The store could not take it.
    Store(Error),
}

impl<E> From<Error> for NotAdopted<E> {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Foreign {
    /// Reads what should be the action of `key`; the error says in what way it is not.
    pub fn read(bytes: Vec<u8>, key: &Key) -> Result<Self, String> {
        checksum::check(&bytes).map_err(str::to_string)?;
        let action: Action =
            serde_json::from_slice(&bytes).map_err(|error| format!("is no action: {error}"))?;
        // The second is no consequence of the first: anybody can write any key above any fingerprint.
        if action.key != *key || action.fingerprint.key() != *key {
            return Err(format!("is the action of {}", action.fingerprint.key()));
        }
        check_metrics(&action.metrics).map_err(|error| error.to_string())?;
        Ok(Self { bytes, action })
    }

    /// What it says.
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// As it was written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Store {
    /// The action of a key as it lies in the store, to be handed on.
    pub fn sealed_action(&self, key: &Key) -> Result<Foreign, Error> {
        let path = self.action_path(key);
        let bytes = folder::read(&path).map_err(|error| unread(&path, error))?;
        Foreign::read(bytes, key).map_err(|what| damaged(&path, what))
    }
}

impl WorkFolder<'_> {
    /// Takes a result over, in place of the one that is there: `fetch` writes the bytes of an artifact, by its name, to
    /// the draft; those that the store has already are not asked for. What others commit meanwhile stays.
    pub fn adopt<E>(
        &self,
        foreign: &Foreign,
        mut fetch: impl FnMut(&str, &Artifact, &mut Draft) -> Result<(), E>,
    ) -> Result<Committed, NotAdopted<E>> {
        let start = Instant::now();
        let before = folder::read(&self.store.action_path(&self.key)).ok();
        let mut drafts: Vec<(Digest, String)> = Vec::new();
        let mut fetched = || {
            for (name, artifact) in &foreign.action.outputs {
                let known = drafts.iter().any(|(digest, _)| *digest == artifact.digest);
                if known || self.store.holds(artifact)? {
                    continue;
                }
                let draft = format!(".pulled-{}", artifact.digest);
                drafts.push((artifact.digest, draft.clone()));
                let found = self.fetched(&draft, |draft| fetch(name, artifact, draft))?;
                if found != *artifact {
                    return Err(NotAdopted::Mismatch {
                        name: name.clone(),
                        expected: *artifact,
                        found,
                    });
                }
            }
            Ok(())
        };
        if let Err(error) = fetched() {
            for (_, draft) in &drafts {
                // What stays is written over, or goes with the folder.
                let _ = self.folder.remove_file(draft);
            }
            return Err(error);
        }
        let took_long = start.elapsed() >= SOON;
        for (digest, draft) in drafts {
            let path = self.draft_path(&draft);
            self.move_to_blobs(&path, &digest, took_long)
                .map_err(|error| failed(&path, error))?;
        }
        let theirs = self.publish(&self.key, &foreign.bytes, before.as_ref())?;
        if self.store.unsynced.note() || took_long {
            self.store.sync_names()?;
        }
        let Action {
            key,
            outputs,
            metrics,
            seconds,
            ..
        } = foreign.action.clone();
        let ours = Outcome {
            key,
            outputs,
            metrics,
            seconds,
        };
        Ok(match theirs {
            None => Committed::First(ours),
            Some(theirs) => Committed::Second(self.beside(&foreign.action, theirs)),
        })
    }

    /// Digest and size of what was written to a draft, durably.
    fn fetched<E>(
        &self,
        draft: &str,
        fetch: impl FnOnce(&mut Draft) -> Result<(), E>,
    ) -> Result<Artifact, NotAdopted<E>> {
        let lost = |error| failed(&self.draft_path(draft), error);
        let mut draft = Draft {
            file: self.folder.create(draft).map_err(lost)?,
            hasher: blake3::Hasher::new(),
            bytes: 0,
        };
        fetch(&mut draft).map_err(NotAdopted::Fetch)?;
        draft.file.sync_all().map_err(lost)?;
        Ok(Artifact {
            digest: Digest::from_bytes(*draft.hasher.finalize().as_bytes()),
            bytes: draft.bytes,
        })
    }

    fn draft_path(&self, draft: &str) -> PathBuf {
        self.path().join(draft)
    }
}

impl Draft {
    /// Forgets what was written: its source begins anew.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        self.hasher.reset();
        self.bytes = 0;
        Ok(())
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
