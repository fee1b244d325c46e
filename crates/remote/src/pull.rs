use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::objects::Length;
use super::remote::{Remote, action_name, blob_name};
use super::retry::retried;
use super::signature;
use super::trouble::Trouble;
use pipeline_error::Error;
use pipeline_store::action::Artifact;
use pipeline_store::adopt::{Draft, Foreign, NotAdopted};
use pipeline_store::fingerprint::Key;
use pipeline_store::publish::Committed;
use pipeline_store::work::WorkFolder;

/// No action is longer.
const MOST_OF_AN_ACTION: u64 = 16 << 20;

/// A result that was taken over.
#[derive(Debug)]
pub struct Pulled {
    /// What the key gives from now on.
    pub committed: Committed,
    /// How much came, without what the store had already.
    pub bytes: u64,
}

impl Remote {
    /// Takes over what the cache has for a key, in place of what the store has; none: it has nothing. The work folder
    /// is the key's.
    pub fn pull(
        &self,
        work: &WorkFolder,
        key: &Key,
        interrupted: &AtomicBool,
    ) -> Result<Option<Pulled>, Trouble> {
        let Some(foreign) = self.trusted_action(key, interrupted)? else {
            return Ok(None);
        };
        let mut bytes = 0;
        let adopted = work.adopt(&foreign, |name, artifact, draft| {
            bytes += artifact.bytes;
            self.fetch(name, artifact, draft, interrupted)
        });
        match adopted {
            Ok(committed) => Ok(Some(Pulled { committed, bytes })),
            Err(NotAdopted::Fetch(trouble)) => Err(trouble),
            Err(NotAdopted::Store(error)) => Err(Trouble::Here(error)),
            Err(NotAdopted::Mismatch {
                name,
                expected,
                found,
            }) => {
                let object = self.objects.shown(&blob_name(&expected.digest));
                let what = match found.bytes == expected.bytes {
                    true => format!("its bytes have the digest {}", found.digest),
                    false if found.bytes > expected.bytes => {
                        format!("it has more than {} bytes", expected.bytes)
                    }
                    false => format!("it has {} bytes of {}", found.bytes, expected.bytes),
                };
                let message = format!("{object}: damaged, not taken: {what} (artifact `{name}`)");
                Err(refused(message))
            }
        }
    }

    /// The action of a key, if there is one that is what it should be and that who is trusted has signed.
    fn trusted_action(
        &self,
        key: &Key,
        interrupted: &AtomicBool,
    ) -> Result<Option<Foreign>, Trouble> {
        let Some(bytes) = self.action_bytes(key, interrupted)? else {
            return Ok(None);
        };
        let (bytes, signatures) = signature::split(&bytes);
        if let Err(what) = signature::check(bytes, &signatures, &self.trusted) {
            let message = format!("{}: not taken: {what}", self.shown(key));
            return Err(Trouble::Refused(Error::stage(message).with_hint(
                "a result is made here instead; who made it can sign it (`signing_key`), under another prefix",
            )));
        }
        self.foreign(key, bytes).map(Some)
    }

    /// The action of a key, whoever made it.
    pub(crate) fn any_action(
        &self,
        key: &Key,
        interrupted: &AtomicBool,
    ) -> Result<Option<Foreign>, Trouble> {
        let Some(bytes) = self.action_bytes(key, interrupted)? else {
            return Ok(None);
        };
        self.foreign(key, signature::split(&bytes).0).map(Some)
    }

    fn foreign(&self, key: &Key, bytes: &[u8]) -> Result<Foreign, Trouble> {
        let read = Foreign::read(bytes.to_vec(), key);
        read.map_err(|what| {
            refused(format!(
                "{}: damaged, not taken: it {what}",
                self.shown(key)
            ))
        })
    }

    fn action_bytes(
        &self,
        key: &Key,
        interrupted: &AtomicBool,
    ) -> Result<Option<Vec<u8>>, Trouble> {
        let name = action_name(key);
        retried(interrupted, || {
            let mut bytes = Vec::new();
            let found =
                self.objects
                    .get(&name, Length::AtMost(MOST_OF_AN_ACTION), &mut |piece| {
                        bytes.extend_from_slice(piece);
                        !interrupted.load(Ordering::Relaxed)
                    })?;
            Ok(found.then_some(bytes))
        })
    }

    fn fetch(
        &self,
        name: &str,
        artifact: &Artifact,
        draft: &mut Draft,
        interrupted: &AtomicBool,
    ) -> Result<(), Trouble> {
        let object = blob_name(&artifact.digest);
        let mut here = None;
        let found = retried(interrupted, || {
            let restarted = draft.restart();
            let mut taken = restarted.map_err(unwritable);
            let found = self
                .objects
                .get(&object, Length::Known(artifact.bytes), &mut |piece| {
                    if taken.is_ok() {
                        taken = match interrupted.load(Ordering::Relaxed) {
                            true => Err(Error::Interrupted),
                            false => draft.write_all(piece).map_err(unwritable),
                        };
                    }
                    taken.is_ok()
                });
            here = taken.err();
            match &here {
                Some(_) => Ok(true),
                None => found,
            }
        })?;
        match (here, found) {
            (Some(error), _) => Err(Trouble::Here(error)),
            (None, true) => Ok(()),
            (None, false) => Err(refused(format!(
                "{}: is missing, though a result has it as its artifact `{name}`",
                self.objects.shown(&object)
            ))),
        }
    }

    pub(crate) fn shown(&self, key: &Key) -> String {
        self.objects.shown(&action_name(key))
    }
}

fn unwritable(error: io::Error) -> Error {
    Error::stage(format!("what was pulled cannot be written: {error}"))
}

fn refused(message: String) -> Trouble {
    Trouble::Refused(Error::stage(message).with_hint(
        "delete the object there, so that the next `cache push` of the result puts a sound one in its place",
    ))
}
