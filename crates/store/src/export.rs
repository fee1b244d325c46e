//! Copying an artifact out of the store.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use super::action::Artifact;
use super::destination::Destination;
use super::{Store, damaged, unread};
use pipeline_error::Error;

/// Bytes copied at a time.
const CHUNK: usize = 1 << 20;

impl Store {
    /// Copies an artifact to `target`, or into it under `name` if it is a folder; returns where
    /// it went. The copy is digested on its way and gets its name only if it is the artifact.
    ///
    /// A file that is there already is replaced only if `overwrite`, and none of the files `read` ever is.
    pub fn export(
        &self,
        artifact: &Artifact,
        name: &str,
        target: &Path,
        overwrite: bool,
        read: impl FnOnce() -> Vec<PathBuf>,
    ) -> Result<PathBuf, Error> {
        let source = self.artifact_path(artifact)?;
        let file_name = format!("{name}{}", extension(&source)?);
        let destination = Destination::new(target, &file_name, overwrite)?;
        destination.refuse_any_of(read)?;
        destination.write(|copy, target| self.copy_verified(artifact, &source, copy, target))
    }

    fn copy_verified(
        &self,
        artifact: &Artifact,
        source: &Path,
        copy: &mut File,
        target: &Path,
    ) -> Result<(), Error> {
        let mut file = File::open(source).map_err(|error| unread(source, error))?;
        let mut hasher = blake3::Hasher::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = file
                .read(&mut chunk)
                .map_err(|error| unread(source, error))?;
            if read == 0 {
                break;
            }
            hasher.update(&chunk[..read]);
            copy.write_all(&chunk[..read])
                .map_err(|error| Error::file(target, error))?;
        }
        match hasher.finalize().as_bytes() == artifact.digest.as_bytes() {
            true => Ok(()),
            false => Err(damaged(source, "its contents have changed")),
        }
    }
}

/// What a file with these contents is usually called: blobs have no names, and the store does
/// not know what stages write.
fn extension(path: &Path) -> Result<&'static str, Error> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| BufReader::new(file).take(9).read_to_end(&mut head))
        .map_err(|error| unread(path, error))?;
    Ok(match head.as_slice() {
        [b'P', b'A', b'R', b'1', ..] => ".parquet",
        // The length of the header, then the header, a JSON object.
        [.., 0, 0, b'{'] if head.len() == 9 => ".safetensors",
        [b'{' | b'[', ..] => ".json",
        _ => "",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::tests::commit;
    use std::collections::BTreeMap;
    use std::fs;

    fn exported(text: &str) -> (tempfile::TempDir, Store, Artifact) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        let action = commit(&store, &[("a", text)], BTreeMap::new()).unwrap();
        (folder, store, action.outputs["a"])
    }

    #[test]
    fn a_copy_is_a_file_of_its_own_that_can_be_written() {
        let (folder, store, artifact) = exported("{\"n\": 1}");
        let target = store
            .export(&artifact, "metrics", folder.path(), false, Vec::new)
            .unwrap();
        assert_eq!(target, folder.path().join("metrics.json"));
        assert_eq!(fs::read_to_string(&target).unwrap(), "{\"n\": 1}");
        assert!(!fs::metadata(&target).unwrap().permissions().readonly());
        fs::write(&target, "mine").unwrap();
        assert!(store.verify(&artifact).is_ok());
    }

    #[test]
    fn what_is_there_is_replaced_only_when_asked_to() {
        let (folder, store, artifact) = exported("text");
        let target = folder.path().join("out");
        let export = |overwrite, read: &[PathBuf]| {
            store.export(&artifact, "a", &target, overwrite, || read.to_vec())
        };
        fs::write(&target, "mine").unwrap();
        let error = export(false, &[]).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
        assert!(export(true, std::slice::from_ref(&target)).is_err());
        assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
        export(true, &[]).unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "text");
    }

    #[test]
    fn changed_contents_are_never_exported() {
        let (folder, store, artifact) = exported("text");
        let blob = store.blob_path(&artifact.digest);
        fs::remove_file(&blob).unwrap();
        fs::write(&blob, "tent").unwrap();
        let target = folder.path().join("out");
        let error = store
            .export(&artifact, "a", &target, false, Vec::new)
            .unwrap_err();
        assert_eq!(error.exit_code(), 6);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn the_extension_follows_from_the_contents() {
        let folder = tempfile::tempdir().unwrap();
        let of = |bytes: &[u8]| {
            let path = folder.path().join("x");
            fs::write(&path, bytes).unwrap();
            extension(&path).unwrap()
        };
        assert_eq!(of(b"PAR1...."), ".parquet");
        assert_eq!(of(b"\x40\0\0\0\0\0\0\0{\"a\":1}"), ".safetensors");
        assert_eq!(of(b"{}"), ".json");
        assert_eq!(of(b""), "");
    }
}
