//! Contents by digest.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use super::action::Artifact;
use super::digest::Digest;
use super::{Store, damaged};
use pipeline_error::Error;

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
        let path = self.artifact_path(artifact)?;
        let found = Digest::of_file(&path).map_err(|error| damaged(&path, error))?;
        if found == artifact.digest {
            Ok(())
        } else {
            Err(damaged(
                &path,
                format!("its contents have changed: they now have the digest {found}"),
            ))
        }
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
            Err(error) => Err(damaged(&path, error)),
        }
    }
}
