//! Contents by digest.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::action::Artifact;
use super::digest::Digest;
use super::{Store, damaged, unread};
use pipeline_error::Error;

/// Fails unless the file's bytes have this digest: others are damage.
pub fn verify_file(path: &Path, digest: &Digest) -> Result<(), Error> {
    let found = Digest::of_file(path).map_err(|error| unread(path, error))?;
    match found == *digest {
        true => Ok(()),
        false => Err(damaged(
            path,
            format!("its contents have changed: they now have the digest {found}"),
        )),
    }
}

/// What changes when a file is written to, or another one gets its name. Times can be set back (`touch -r`), that of
/// the last change of the file's own record cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobState {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl BlobState {
    fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }
}

impl Store {
    /// Where the contents of this digest lie, if they are there.
    pub fn blob_path(&self, digest: &Digest) -> PathBuf {
        let digest = digest.to_string();
        self.root().join("blobs/v1").join(&digest[..2]).join(digest)
    }

    /// The file of an artifact, there and of the right size; anything else is damage.
    pub fn artifact_path(&self, artifact: &Artifact) -> Result<PathBuf, Error> {
        let path = self.blob_path(&artifact.digest);
        if self.holds(artifact)? {
            Ok(path)
        } else {
            Err(Error::Store {
                message: format!("{}: is missing from the store", path.display()),
                hint: Some("run the recipe again: the stage that made it will be repeated".into()),
            })
        }
    }

    /// Digests an artifact's file again; bytes other than those that were stored are damage.
    pub fn verify(&self, artifact: &Artifact) -> Result<(), Error> {
        verify_file(&self.artifact_path(artifact)?, &artifact.digest)
    }

    /// The file of an artifact whose bytes are those that were stored; others are damage.
    pub fn verified_path(&self, artifact: &Artifact) -> Result<PathBuf, Error> {
        self.verify(artifact)?;
        self.artifact_path(artifact)
    }

    /// As [`Self::verify`], unless nobody can have written to the file since it was in the state `known`. Returns the
    /// state that was verified.
    pub fn verify_since(
        &self,
        artifact: &Artifact,
        known: Option<BlobState>,
    ) -> Result<BlobState, Error> {
        let path = self.artifact_path(artifact)?;
        let state = BlobState::of(&path).map_err(|error| unread(&path, error))?;
        if known != Some(state) {
            self.verify(artifact)?;
        }
        Ok(state)
    }

    /// Whether an artifact's file is there; one of the wrong size is damage.
    pub(super) fn holds(&self, artifact: &Artifact) -> Result<bool, Error> {
        let path = self.blob_path(&artifact.digest);
        match fs::symlink_metadata(&path) {
            Ok(found) if !found.is_file() => Err(damaged(&path, "is not a regular file")),
            Ok(found) if found.len() != artifact.bytes => Err(damaged(
                &path,
                format!(
                    "has {} bytes where {} were stored",
                    found.len(),
                    artifact.bytes
                ),
            )),
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(unread(&path, error)),
        }
    }
}
