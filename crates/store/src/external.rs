//! Digests of files and folders outside the store.

use std::ffi::OsStr;
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
use pipeline_files::{DataFiles, FilePattern, ListingError, data_files_below, files_below};

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
    /// folder is `of_data`, files count that are [data](data_files_below): those that are read.
    pub fn digest(&self, path: &Path, of_data: bool) -> Result<Digest, Error> {
        Ok(self.see(path, of_data)?.digest)
    }

    /// As [`Self::digest`], with the state of the files.
    pub fn see(&self, path: &Path, of_data: bool) -> Result<Seen, Error> {
        if let Some(pattern) = FilePattern::of(path).map_err(|what| unreadable(path, what))? {
            let found = pattern.files().map_err(unlisted)?;
            return match found.files.is_empty() {
                true => Err(unreadable(path, "fits no file")),
                false => self.see_folder(pattern.folder(), paths(found)),
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
            (true, false) => self.see_folder(path, files_below(path).map_err(unlisted)?),
            (true, true) => {
                let found = data_files_below(path).map_err(unlisted)?;
                self.see_folder(path, paths(found))
            }
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
        let is_hidden = |part: &OsStr| part.as_bytes().starts_with(b".");
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

    /// A folder with these files, by path.
    fn see_folder(&self, folder: &Path, files: Vec<PathBuf>) -> Result<Seen, Error> {
        let digests = self.digest_files(&files)?;
        let mut hasher = blake3::Hasher::new_derive_key(FOLDER_CONTEXT);
        let mut states = blake3::Hasher::new();
        let mut names = 0;
        for (file, (digest, stat, of_file)) in files.iter().zip(digests) {
            states.update(&stat.bytes());
            names += of_file;
            let name = file.strip_prefix(folder).unwrap_or(file);
            let name = name.as_os_str().as_bytes();
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name);
            hasher.update(digest.as_bytes());
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

fn paths(found: DataFiles) -> Vec<PathBuf> {
    found.files.into_iter().map(|file| file.path).collect()
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
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::unix::fs::symlink;
    use std::time::{Duration, Instant, SystemTime};

    fn digests() -> (tempfile::TempDir, ExternalDigests) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        (folder, store.external_digests())
    }

    fn write(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_file_has_the_digest_of_its_bytes() {
        let (folder, digests) = digests();
        let path = folder.path().join("a.csv");
        write(&path, "abc");
        assert_eq!(
            digests.digest(&path, false).unwrap(),
            Digest::of_bytes(b"abc")
        );
    }

    #[test]
    fn a_folder_is_the_names_and_contents_below_it_wherever_it_lies() {
        let (folder, digests) = digests();
        let digest = |name: &str, files: &[(&str, &str)]| {
            for (file, text) in files {
                write(&folder.path().join(name).join(file), text);
            }
            digests.digest(&folder.path().join(name), false).unwrap()
        };
        let first = digest("one", &[("a/x", "1"), ("b", "2")]);
        assert_eq!(digest("two", &[("b", "2"), ("a/x", "1")]), first);
        assert_ne!(digest("three", &[("a/x", "1"), ("b", "3")]), first);
        assert_ne!(digest("four", &[("a/y", "1"), ("b", "2")]), first);
        assert_ne!(digest("five", &[("a/x", "1")]), first);
        fs::create_dir(folder.path().join("one/empty")).unwrap();
        symlink(folder.path().join("one"), folder.path().join("six")).unwrap();
        for name in ["one", "one/", "six"] {
            assert_eq!(digest(name, &[]), first, "{name}");
        }
    }

    #[test]
    fn a_folder_that_holds_the_store_is_refused_unless_the_store_is_hidden_from_data() {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("a.csv"), "1");
        for (name, of_data, refused) in [
            ("store", false, true),
            ("store", true, true),
            (".store", false, true),
            (".store", true, false),
        ] {
            let store = Store::open(folder.path().join(name)).unwrap();
            let seen = store.external_digests().digest(folder.path(), of_data);
            let message = seen.map_err(|error| error.to_string());
            let told = message.is_err_and(|message| message.contains("holds the store"));
            assert_eq!(told, refused, "{name} {of_data}");
        }
    }

    #[test]
    fn a_pattern_is_a_folder_of_the_files_it_fits() {
        let (folder, digests) = digests();
        for (file, text) in [("one/a.csv", "1"), ("one/b.csv", "2"), ("one/c.txt", "3")] {
            write(&folder.path().join(file), text);
        }
        let digest = |name: &str| digests.digest(&folder.path().join(name), true);
        let before = digest("one/*.csv").unwrap();
        write(&folder.path().join("one/c.txt"), "4");
        assert_eq!(digest("one/*.csv").unwrap(), before);
        write(&folder.path().join("one/c.csv"), "4");
        assert_ne!(digest("one/*.csv").unwrap(), before);
        let nothing = digest("one/*.tsv").unwrap_err().to_string();
        assert!(nothing.ends_with("one/*.tsv: fits no file"), "{nothing}");
    }

    #[test]
    fn hidden_files_are_no_part_of_a_folder_of_data() {
        let (folder, digests) = digests();
        let data = folder.path().join("data");
        write(&data.join("a.csv"), "1");
        let both = || [true, false].map(|of_data| digests.digest(&data, of_data).unwrap());
        let before = both();
        assert_eq!(before[0], before[1]);
        write(&data.join(".ipynb_checkpoints/a.csv"), "2");
        assert_eq!(both()[0], before[0]);
        assert_ne!(both()[1], before[1]);
        let pattern = digests.digest(&data.join("**/*.csv"), true).unwrap();
        assert_eq!(pattern, before[0]);
    }

    #[test]
    fn what_cannot_be_digested_is_named() {
        let (folder, digests) = digests();
        let missing = folder.path().join("missing.csv");
        let error = digests.digest(&missing, false).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert_eq!(
            error.to_string(),
            format!("{}: does not exist", missing.display())
        );
        let ring = folder.path().join("ring");
        fs::create_dir(&ring).unwrap();
        symlink(&ring, ring.join("self")).unwrap();
        let error = digests.digest(&ring, true).unwrap_err();
        assert!(error.to_string().contains("ring/self"));
    }

    #[test]
    fn a_change_that_keeps_size_and_modification_time_is_seen() {
        let (folder, digests) = digests();
        let path = folder.path().join("a");
        write(&path, "abc");
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        let set_back = || {
            let file = File::options().write(true).open(&path).unwrap();
            file.set_modified(hour_ago).unwrap();
        };
        set_back();
        assert_eq!(
            digests.digest(&path, false).unwrap(),
            Digest::of_bytes(b"abc")
        );
        fs::write(&path, "xyz").unwrap();
        set_back();
        assert_eq!(
            digests.digest(&path, false).unwrap(),
            Digest::of_bytes(b"xyz")
        );
    }

    #[test]
    fn contents_that_were_set_back_are_the_same_and_their_state_is_another() {
        let (folder, digests) = digests();
        let path = folder.path().join("data/a");
        write(&path, "abc");
        let both =
            || [&path, &folder.path().join("data")].map(|path| digests.see(path, false).unwrap());
        let before = both();
        assert_eq!(both(), before);
        std::thread::sleep(Duration::from_millis(20));
        write(&path, "xyz");
        write(&path, "abc");
        for (after, before) in both().into_iter().zip(before) {
            assert_eq!(after.digest, before.digest);
            assert_ne!(after.state, before.state);
        }
    }

    #[test]
    fn eight_thousand_unchanged_files_are_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("store")).unwrap();
        fs::create_dir(store.root()).unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        for stay in 0..8000 {
            fs::write(data.join(format!("{stay}.txt")), "Time,Parameter,Value").unwrap();
        }
        std::thread::sleep(Duration::from_millis(2100));
        let first = store.external_digests();
        let digest = first.digest(&data, true).unwrap();
        first.save();
        assert!(store.root().join("stat-cache").exists());
        let start = Instant::now();
        let second = store.external_digests();
        assert_eq!(second.digest(&data, true).unwrap(), digest);
        let elapsed = start.elapsed();
        assert!(second.cache.is_unchanged(), "a file was read again");
        // Generous: the machine may be busy. Idle it takes a few hundredths of this.
        assert!(elapsed < Duration::from_secs(1), "{elapsed:?}");
    }
}
