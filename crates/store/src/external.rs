//! Digests of files and folders outside the store.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::Store;
use super::digest::Digest;
use super::network::SharedDevices;
use super::stat_cache::{Stat, StatCache, now};
use pipeline_error::{Code, Error};
use pipeline_files::{
    DataFiles, FilePattern, ListingError, data_files_below, files_below, is_hidden,
};

/// Sets a folder's digest apart from that of a file with the same bytes.
const FOLDER_CONTEXT: &str = "pipeline 2026 folder digest v1";

/// What was found at a path outside the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The digest of its contents.
    pub digest: Digest,
    /// A digest of everything that changes when a file of it is written to or replaced, even if the contents are set
    /// back afterwards.
    pub state: Digest,
    /// How many names its files have, together. Another name is a change of a file's record, and none of its contents.
    pub names: u64,
}

/// Digests external files; what did not change since it was last read is not read again.
#[derive(Debug)]
pub struct ExternalDigests {
    cache: StatCache,
    shared: SharedDevices,
    cache_path: PathBuf,
}

impl Store {
    /// A digester with this store's memory.
    pub fn external_digests(&self) -> ExternalDigests {
        let cache_path = self.root().join("stat-cache");
        ExternalDigests {
            cache: StatCache::load(&cache_path),
            shared: SharedDevices::default(),
            cache_path,
        }
    }
}

impl ExternalDigests {
    /// The digest of a file's contents, or of a folder's: of the paths below it and their
    /// contents. Symbolic links count as what they lead to; empty folders do not count. Of a
    /// [pattern](FilePattern), the digest is that of a folder with the files that fit. Where a
    /// folder is `of_data`, files count that are [data](data_files_below): those that are read, and all their names.
    pub fn digest(&self, path: &Path, of_data: bool) -> Result<Digest, Error> {
        Ok(self.see(path, of_data)?.digest)
    }

    /// As [`Self::digest`], with the state of the files.
    pub fn see(&self, path: &Path, of_data: bool) -> Result<Seen, Error> {
        if let Some(pattern) = FilePattern::of(path).map_err(|what| unreadable(path, what))? {
            let found = pattern.files().map_err(unlisted)?;
            return match found.files.is_empty() {
                true => Err(unreadable(path, "fits no file")),
                false => self.see_data(pattern.folder(), found),
            };
        }
        let metadata = fs::metadata(path).map_err(|error| unreadable(path, error))?;
        if metadata.is_dir() {
            self.refuse_to_hold_the_store(path, of_data)?;
        }
        match (metadata.is_dir(), of_data) {
            (false, _) => {
                let (digest, stat, names) = self.look(&absolute(path)?)?;
                let state = Digest::of_bytes(&stat.bytes());
                Ok(Seen {
                    digest,
                    state,
                    names,
                })
            }
            (true, false) => self.see_folder(path, &files_below(path).map_err(unlisted)?, &[]),
            (true, true) => self.see_data(path, data_files_below(path).map_err(unlisted)?),
        }
    }

    /// Fails if the store's files are among those of a folder: every run would change its own input.
    fn refuse_to_hold_the_store(&self, folder: &Path, of_data: bool) -> Result<(), Error> {
        let store = self.cache_path.parent().and_then(resolved);
        let (Some(store), Some(outside)) = (store, resolved(folder)) else {
            return Ok(());
        };
        let Ok(inside) = store.strip_prefix(&outside) else {
            return Ok(());
        };
        if of_data && inside.iter().any(is_hidden) {
            return Ok(());
        }
        let place = folder.join(inside);
        Err(Error::Usage {
            message: format!(
                "{}: holds the store {}, which every run changes",
                folder.display(),
                place.display()
            ),
            hint: Some(
                "name the files and folders that the stage reads, or keep the store elsewhere with --store".into(),
            ),
        }
        .coded(Code::UnreadableInput))
    }

    fn see_data(&self, folder: &Path, found: DataFiles) -> Result<Seen, Error> {
        let files: Vec<PathBuf> = found.files.into_iter().map(|file| file.path).collect();
        self.see_folder(folder, &files, &found.repeated)
    }

    /// A folder with these files, by path, and `further` paths of them: a file that is read may be so by any of its names.
    fn see_folder(
        &self,
        folder: &Path,
        files: &[PathBuf],
        further: &[(PathBuf, PathBuf)],
    ) -> Result<Seen, Error> {
        let below = |file: &Path| -> PathBuf {
            let name = file.strip_prefix(folder);
            name.unwrap_or(file).to_path_buf()
        };
        let digests = self.digest_files(files)?;
        let mut hasher = blake3::Hasher::new_derive_key(FOLDER_CONTEXT);
        let mut states = blake3::Hasher::new();
        let mut names = 0;
        for (file, (digest, stat, of_file)) in files.iter().zip(digests) {
            states.update(&stat.bytes());
            names += of_file;
            add_name(&mut hasher, &below(file));
            hasher.update(digest.as_bytes());
        }
        for (path, first) in further {
            add_name(&mut hasher, &below(path));
            add_name(&mut hasher, &below(first));
        }
        let [digest, state] =
            [hasher, states].map(|hasher| Digest::from_bytes(*hasher.finalize().as_bytes()));
        Ok(Seen {
            digest,
            state,
            names,
        })
    }

    /// Writes what was learnt, if there is a store already: a plan alone makes none.
    pub fn save(&self) {
        if self.cache_path.parent().is_some_and(Path::is_dir) {
            // A cache that cannot be written costs time, not correctness.
            let _ = self.cache.save(&self.cache_path);
        }
    }

    /// A file's digest, remembered or read and remembered, the state that it was in before and after, and how many names it has.
    fn look(&self, file: &Path) -> Result<(Digest, Stat, u64), Error> {
        let trouble = |error: io::Error| unreadable(file, error);
        let mut metadata = fs::metadata(file).map_err(trouble)?;
        let shared = self.shared.has(metadata.dev(), file);
        let mut open = None;
        if shared && metadata.is_file() {
            // What the system remembers of such a file may be a minute old, until it is opened.
            let file = pipeline_files::open(file).map_err(trouble)?;
            metadata = file.metadata().map_err(trouble)?;
            open = Some(file);
        }
        let stat = Stat::of(&metadata);
        if let Some(digest) = self.cache.get(file.as_os_str(), &stat) {
            return Ok((digest, stat, metadata.nlink()));
        }
        // A socket cannot be opened, and would not say what it is.
        pipeline_files::refuse_special(&metadata).map_err(trouble)?;
        let read_at = now();
        let open = open.map_or_else(|| pipeline_files::open(file), Ok);
        let open = open.map_err(trouble)?;
        let (digest, _) = Digest::of_open_file(&open).map_err(trouble)?;
        if Stat::of(&open.metadata().map_err(trouble)?) != stat {
            return Err(unreadable(file, "changed while it was read"));
        }
        self.cache
            .insert(file.into(), stat, digest, read_at, shared);
        Ok((digest, stat, metadata.nlink()))
    }

    fn digest_files(&self, files: &[PathBuf]) -> Result<Vec<(Digest, Stat, u64)>, Error> {
        files
            .par_iter()
            .map(|file| self.look(&absolute(file)?))
            .collect()
    }
}

fn add_name(hasher: &mut blake3::Hasher, name: &Path) {
    let name = name.as_os_str().as_bytes();
    hasher.update(&(name.len() as u64).to_le_bytes());
    hasher.update(name);
}

/// Without links. The last part need not be there: a plan makes no store.
fn resolved(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    let found = fs::canonicalize(&path).ok();
    found.or_else(|| {
        Some(
            fs::canonicalize(path.parent()?)
                .ok()?
                .join(path.file_name()?),
        )
    })
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| unreadable(path, error))
}

fn unlisted(failure: ListingError) -> Error {
    unreadable(&failure.path, failure.error)
}

fn unreadable(path: &Path, what: impl Into<Trouble>) -> Error {
    let trouble = what.into();
    Error::Usage {
        message: format!("{}: {}", path.display(), trouble.0),
        hint: Some("an input must be there, readable and complete before the run".into()),
    }
    .coded(Code::UnreadableInput)
}

/// What is wrong with an input, in words.
struct Trouble(String);

impl From<String> for Trouble {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Trouble {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self("does not exist".into()),
            _ => Self(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
