//! Which files a bundle has, and their digests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CARD, MANIFEST};
use crate::json::write_json;
use pipeline_checkpoint as checkpoint;
use pipeline_error::Error;
use pipeline_store::digest::Digest;

/// The format that this program writes, and the newest that it reads.
const FORMAT: u64 = 1;

/// The document `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// Version of the format of bundles: 1.
    pub format: u64,
    /// The version of pipeline that wrote it.
    pub pipeline: String,
    /// Every file but this one and `README.md`, by name.
    pub files: BTreeMap<String, BundledFile>,
    /// BLAKE3 of a line `DIGEST BYTES NAME` for each of them, in order.
    pub digest: String,
    /// BLAKE3 of `README.md` as it was written; people may edit that file afterwards. None in bundles of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
}

/// A file of a bundle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BundledFile {
    /// BLAKE3 of its bytes, in lower-case hexadecimal.
    pub digest: String,
    /// How many they are.
    pub bytes: u64,
}

/// What is read first: a newer format may look otherwise.
#[derive(Deserialize)]
struct Version {
    format: u64,
}

impl Manifest {
    /// Writes the manifest of these files of a folder, last of all.
    pub(super) fn write(folder: &Path, files: &[String]) -> Result<Self, Error> {
        let entry = |name: &String| Ok((name.clone(), BundledFile::of(&folder.join(name))?));
        let files = files.iter().map(entry).collect::<Result<_, Error>>()?;
        let manifest = Self {
            format: FORMAT,
            pipeline: env!("CARGO_PKG_VERSION").into(),
            digest: digest_of(&files),
            card: Some(BundledFile::of(&folder.join(CARD))?.digest),
            files,
        };
        write_json(&folder.join(MANIFEST), &manifest)?;
        Ok(manifest)
    }

    /// Reads the manifest of a folder.
    pub(super) fn read(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(MANIFEST);
        let text = fs::read(&path).map_err(|error| {
            refused(
                &path,
                &format!("cannot be read: {error}"),
                "a bundle is a folder that `pipeline bundle` made",
            )
        })?;
        let unread = |error: serde_json::Error| match checkpoint::stand_in(&path) {
            Some((what, hint)) => refused(&path, &format!("is {what}"), hint),
            None => refused(&path, &format!("is no manifest: {error}"), REPAIR),
        };
        let Version { format } = serde_json::from_slice(&text).map_err(unread)?;
        if format != FORMAT {
            let what = format!("is of format {format}, and this program reads format {FORMAT}");
            return Err(refused(
                &path,
                &what,
                "use the version of pipeline that made the bundle, or a newer one",
            ));
        }
        let manifest: Self = serde_json::from_slice(&text).map_err(unread)?;
        if digest_of(&manifest.files) != manifest.digest {
            return Err(refused(
                &path,
                "is damaged: its list of files is not the one that was written",
                REPAIR,
            ));
        }
        Ok(manifest)
    }

    /// Reads the manifest of a folder and looks at every file that it names. An error names the file that is gone or
    /// is another one.
    pub(super) fn verified(folder: &Path) -> Result<Self, Error> {
        let path = folder.join(MANIFEST);
        let manifest = Self::read(folder)?;
        for (name, expected) in &manifest.files {
            if name.contains(['/', '\\']) {
                return Err(refused(
                    &path,
                    &format!("names `{name}`, which is no file beside it"),
                    REPAIR,
                ));
            }
            let file = folder.join(name);
            let found = BundledFile::of(&file)
                .map_err(|error| refused(&file, &error.to_string(), REPAIR))?;
            if found != *expected {
                if let Some((what, hint)) = checkpoint::stand_in(&file) {
                    return Err(refused(&file, &format!("is {what}"), hint));
                }
                let what = format!(
                    "is damaged: {} bytes with the digest {}, where the manifest says {} bytes with {}",
                    found.bytes, found.digest, expected.bytes, expected.digest
                );
                return Err(refused(&file, &what, REPAIR));
            }
        }
        Ok(manifest)
    }

    /// Entries of the folder that are no part of the bundle.
    pub(super) fn others(&self, folder: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let own = |name: &String| {
            let is_named =
                [MANIFEST, CARD].contains(&name.as_str()) || self.files.contains_key(name);
            is_named && folder.join(name).is_file()
        };
        names.filter(|name| !own(name)).collect()
    }

    /// Whether the card in the folder may have been completed by people: it is neither as it was written nor the one
    /// that is `new`.
    pub(super) fn has_edited_card(&self, folder: &Path, new: &str) -> bool {
        let path = folder.join(CARD);
        let is_new = || fs::read(&path).is_ok_and(|text| text == new.as_bytes());
        let is_as_written =
            || BundledFile::of(&path).is_ok_and(|file| Some(file.digest) == self.card);
        path.is_file() && !is_new() && !is_as_written()
    }
}

fn digest_of(files: &BTreeMap<String, BundledFile>) -> String {
    let line =
        |(name, file): (&String, &BundledFile)| format!("{} {} {name}\n", file.digest, file.bytes);
    let lines: String = files.iter().map(line).collect();
    Digest::of_bytes(lines.as_bytes()).to_string()
}

impl BundledFile {
    fn of(path: &Path) -> Result<Self, Error> {
        let unread = |error| Error::file(path, format!("cannot be read: {error}"));
        let file = fs::File::open(path).map_err(unread)?;
        let (digest, bytes) = Digest::of_open_file(&file).map_err(unread)?;
        let digest = digest.to_string();
        Ok(Self { digest, bytes })
    }
}

const REPAIR: &str =
    "make the bundle again in a new folder, or copy it again from where it is whole";

/// Why a bundle is not used: exit code 4, as of weights that fail their audit.
pub(super) fn refused(path: &Path, what: &str, hint: &str) -> Error {
    let path = path.display().to_string();
    let message = match what.starts_with(&path) {
        true => what.to_string(),
        false => format!("{path}: {what}"),
    };
    Error::Audit {
        message,
        hint: Some(hint.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_stands_in_for_one_of_a_bundle_is_called_so() {
        const POINTER: &str = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
        let around = tempfile::tempdir().unwrap();
        let folder = around.path();
        for name in ["model.safetensors", "config.json", CARD] {
            fs::write(folder.join(name), "whole").unwrap();
        }
        let files = ["model.safetensors", "config.json"].map(String::from);
        let written = Manifest::write(folder, &files).unwrap();
        assert_eq!(Manifest::verified(folder).unwrap(), written);
        for name in ["model.safetensors", "config.json", MANIFEST] {
            let whole = fs::read(folder.join(name)).unwrap();
            fs::write(folder.join(name), POINTER).unwrap();
            let error = Manifest::verified(folder).unwrap_err();
            let told = error.to_string();
            assert!(
                told.contains(&format!("{name}: is a Git LFS pointer")),
                "{told}"
            );
            assert!(error.hint().unwrap().ends_with("git lfs pull"));
            fs::write(folder.join(name), whole).unwrap();
        }
    }
}
