use std::collections::BTreeSet;
use std::fs::File;
use std::sync::atomic::AtomicBool;

use super::objects::{Contents, Wanted};
use super::remote::{Remote, action_name, blob_name};
use super::retry::retried;
use super::trouble::{Failure, Trouble};
use pipeline_error::Error;
use pipeline_store::Store;
use pipeline_store::action::{Action, Artifact};
use pipeline_store::fingerprint::Key;

/// What became of a result that was put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It is there now.
    New {
        /// How much was sent, without what was there already.
        bytes: u64,
    },
    /// The same result was there already.
    There,
    /// Another one was there already, and stays.
    Differs {
        /// Artifacts with other bytes.
        names: Vec<String>,
        /// The models of their processors and of ours, where they are known.
        cpus: [Option<String>; 2],
    },
}

impl Remote {
    /// Puts a result of the store there: its blobs, then its action, if there is none yet.
    pub fn push(
        &self,
        store: &Store,
        key: &Key,
        interrupted: &AtomicBool,
    ) -> Result<Pushed, Trouble> {
        let ours = store.sealed_action(key).map_err(Trouble::Here)?;
        self.refuse_long(ours.action())?;
        if let Some(theirs) = self.any_action(key, interrupted)? {
            let found = beside(ours.action(), theirs.action());
            if found == Pushed::There {
                // Some may have been deleted since.
                self.push_blobs(store, ours.action(), interrupted)?;
            }
            return Ok(found);
        }
        let bytes = self.push_blobs(store, ours.action(), interrupted)?;
        let mut document = ours.bytes().to_vec();
        if let Some(signer) = &self.signer {
            document.extend(signer.trailer(ours.bytes()));
        }
        let name = action_name(key);
        let contents = Contents::Bytes(&document);
        let first = retried(interrupted, || {
            self.objects.put(&name, &contents, Wanted::First)
        })?;
        if first {
            return Ok(Pushed::New { bytes });
        }
        // Somebody was first since we looked; or we were, and did not hear of it.
        match self.any_action(key, interrupted)? {
            Some(theirs) => Ok(beside(ours.action(), theirs.action())),
            None => Err(Failure::new(format!(
                "{}: is there and is not: the cache contradicts itself",
                self.shown(key)
            ))
            .into()),
        }
    }

    /// Before anything of it is sent.
    fn refuse_long(&self, action: &Action) -> Result<(), Trouble> {
        let longest = self.objects.longest();
        let mut outputs = action.outputs.iter();
        match outputs.find(|(_, artifact)| artifact.bytes > longest) {
            None => Ok(()),
            Some((name, artifact)) => Err(Trouble::Refused(
                Error::stage(format!(
                    "the artifact `{name}` has {} bytes, and {} takes {longest} at once",
                    artifact.bytes,
                    self.url()
                ))
                .with_hint("leave its kind out of `kinds`"),
            )),
        }
    }

    /// How much was sent.
    fn push_blobs(
        &self,
        store: &Store,
        action: &Action,
        interrupted: &AtomicBool,
    ) -> Result<u64, Trouble> {
        let mut bytes = 0;
        let mut seen = BTreeSet::new();
        for artifact in action.outputs.values() {
            if seen.insert(artifact.digest) {
                bytes += self.push_blob(store, artifact, interrupted)?;
            }
        }
        Ok(bytes)
    }

    /// How much was sent.
    fn push_blob(
        &self,
        store: &Store,
        artifact: &Artifact,
        interrupted: &AtomicBool,
    ) -> Result<u64, Trouble> {
        let name = blob_name(&artifact.digest);
        let there = retried(interrupted, || self.objects.size(&name))?;
        if there == Some(artifact.bytes) {
            return Ok(0);
        }
        let path = store.verified_path(artifact).map_err(Trouble::Here)?;
        retried(interrupted, || {
            let file = File::open(&path);
            let file =
                file.map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
            let contents = Contents::File(&file, artifact.bytes);
            self.objects.put(&name, &contents, Wanted::Last)
        })?;
        Ok(artifact.bytes)
    }
}

fn beside(ours: &Action, theirs: &Action) -> Pushed {
    let differing = ours
        .outputs
        .iter()
        .filter(|(name, artifact)| theirs.outputs.get(*name) != Some(*artifact));
    let names: Vec<String> = differing.map(|(name, _)| name.clone()).collect();
    match names.is_empty() {
        true => Pushed::There,
        false => Pushed::Differs {
            names,
            cpus: [theirs.cpu.clone(), ours.cpu.clone()],
        },
    }
}
