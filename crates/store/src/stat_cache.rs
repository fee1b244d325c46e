//! Digests of external files, so that an unchanged file is not read again.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::folder::{self, Folder};

/// First bytes of the file; a later layout gets other ones. 2: files are told apart by their devices, too.
const MAGIC: &[u8; 16] = b"pipeline stat 2\n";

/// What becomes the file, beside it.
const DRAFT: &str = "stat-cache.draft";

/// A file touched this recently may change again within the same tick of its clock.
const DOUBT_NANOSECONDS: i64 = 2_000_000_000;

/// The same where other machines write: their clocks are not ours, and the system may remember for a minute how a file
/// was.
const SHARED_DOUBT_NANOSECONDS: i64 = 120_000_000_000;

/// What tells two states of a file apart without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stat {
    size: u64,
    /// Two file systems may have the same inode with the same times.
    device: u64,
    inode: u64,
    /// Nanoseconds since 1970.
    modified: i64,
    /// Also moves where somebody sets `modified` back after writing.
    changed: i64,
}

impl Stat {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let nanoseconds =
            |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
        Self {
            size: metadata.size(),
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// As bytes.
    pub(super) fn bytes(&self) -> [u8; 40] {
        let times = [self.modified, self.changed].map(i64::to_le_bytes);
        let numbers = [self.size, self.device, self.inode].map(u64::to_le_bytes);
        let mut bytes = [0; 40];
        for (place, number) in bytes.chunks_mut(8).zip(numbers.iter().chain(&times)) {
            place.copy_from_slice(number);
        }
        bytes
    }

    fn of_bytes(bytes: [u8; 40]) -> Self {
        let number = |at: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[8 * at..8 * at + 8]);
            number
        };
        Self {
            size: u64::from_le_bytes(number(0)),
            device: u64::from_le_bytes(number(1)),
            inode: u64::from_le_bytes(number(2)),
            modified: i64::from_le_bytes(number(3)),
            changed: i64::from_le_bytes(number(4)),
        }
    }

    /// Whether the file could have changed after it was read at `now` and still look the same.
    pub(super) fn in_doubt(&self, now: i64, shared: bool) -> bool {
        let doubt = match shared {
            true => SHARED_DOUBT_NANOSECONDS,
            false => DOUBT_NANOSECONDS,
        };
        self.modified.max(self.changed) > now.saturating_sub(doubt)
    }
}

/// Nanoseconds since 1970.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
    })
}

/// Absolute path → stat and digest. Never locked while a file is read.
#[derive(Debug, Default)]
pub(super) struct StatCache {
    known: Entries,
    learnt: Mutex<Entries>,
}

/// Sorted by the bytes of the path: `Path` itself compares component by component, slowly.
type Entries = BTreeMap<OsString, Entry>;

#[derive(Clone, Copy, Debug)]
struct Entry {
    stat: Stat,
    digest: Digest,
}

impl StatCache {
    /// Reads the cache; one that is missing, old or damaged is empty.
    pub(super) fn load(path: &Path) -> Self {
        let known = folder::read(path).ok().and_then(|bytes| decode(&bytes));
        Self {
            known: known.unwrap_or_default(),
            learnt: Mutex::default(),
        }
    }

    /// The digest of a file in this state.
    pub(super) fn get(&self, path: &OsStr, stat: &Stat) -> Option<Digest> {
        let digest_in = |entries: &Entries| {
            let entry = entries.get(path).filter(|entry| entry.stat == *stat);
            entry.map(|entry| entry.digest)
        };
        digest_in(&self.known).or_else(|| digest_in(&self.learnt()))
    }

    /// Remembers a digest that was taken at `read_at`, unless it is in doubt: of a file that is `shared` with other
    /// machines it is for longer.
    pub(super) fn insert(
        &self,
        path: OsString,
        stat: Stat,
        digest: Digest,
        read_at: i64,
        shared: bool,
    ) {
        if !stat.in_doubt(read_at, shared) {
            self.learnt().insert(path, Entry { stat, digest });
        }
    }

    /// Whether nothing was learnt since the cache was loaded.
    pub(super) fn is_unchanged(&self) -> bool {
        self.learnt().is_empty()
    }

    /// Writes what was learnt, without files that are gone. Of two processes that write at the
    /// same time one gives way: it is a cache.
    pub(super) fn save(&self, path: &Path) -> io::Result<()> {
        if self.is_unchanged() {
            return Ok(());
        }
        let mut entries = self.known.clone();
        entries.extend(self.learnt().clone());
        entries.retain(|path, _| Path::new(path).exists());
        let root = Folder::root(path.parent().unwrap_or(Path::new(".")))?;
        let mut file = root.open_or_make(DRAFT)?;
        if file.try_lock().is_err() || !is_named(&file, &root) {
            return Ok(());
        }
        file.set_len(0)?;
        file.write_all(&encode(&entries))?;
        root.rename(DRAFT, &root, path.file_name().unwrap_or_default())
    }

    fn learnt(&self) -> MutexGuard<'_, Entries> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn encode(entries: &Entries) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(entries.len() * 160 + 64);
    bytes.extend_from_slice(MAGIC);
    for (path, entry) in entries {
        let path = path.as_bytes();
        bytes.extend_from_slice(&(path.len() as u64).to_le_bytes());
        bytes.extend_from_slice(path);
        bytes.extend_from_slice(&entry.stat.bytes());
        bytes.extend_from_slice(entry.digest.as_bytes());
    }
    let sum = Digest::of_bytes(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    bytes
}

/// Whether the open file is still the one called so: its last holder renames it.
fn is_named(file: &File, root: &Folder) -> bool {
    let found = root.open(DRAFT).and_then(|file| file.metadata());
    match (file.metadata(), found) {
        (Ok(held), Ok(found)) => (held.dev(), held.ino()) == (found.dev(), found.ino()),
        _ => false,
    }
}

fn decode(bytes: &[u8]) -> Option<Entries> {
    let (body, sum) = bytes.split_last_chunk::<32>()?;
    if Digest::of_bytes(body).as_bytes() != sum {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let length = usize::try_from(u64::from_le_bytes(take(&mut rest)?)).ok()?;
        let (path, after) = rest.split_at_checked(length)?;
        rest = after;
        let entry = Entry {
            stat: Stat::of_bytes(take(&mut rest)?),
            digest: Digest::from_bytes(take(&mut rest)?),
        };
        entries.push((OsString::from_vec(path.to_vec()), entry));
    }
    Some(entries.into_iter().collect())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn stat(modified: i64) -> Stat {
        Stat {
            size: 3,
            device: 1,
            inode: 7,
            modified,
            changed: modified,
        }
    }

    #[test]
    fn entries_read_back_and_those_of_vanished_files_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stat-cache");
        let there = folder.path().join("there").into_os_string();
        fs::write(&there, "abc").unwrap();
        let gone = folder.path().join("gone").into_os_string();
        let digest = Digest::of_bytes(b"abc");
        let cache = StatCache::default();
        cache.insert(there.clone(), stat(1), digest, i64::MAX, false);
        cache.insert(gone.clone(), stat(1), digest, i64::MAX, false);
        cache.save(&path).unwrap();
        let again = StatCache::load(&path);
        assert_eq!(again.get(&there, &stat(1)), Some(digest));
        assert_eq!(again.get(&there, &stat(2)), None);
        assert_eq!(again.get(&gone, &stat(1)), None);
        assert!(again.is_unchanged());
    }

    #[test]
    fn a_digest_of_a_file_touched_just_now_is_not_kept() {
        let cache = StatCache::default();
        let digest = Digest::of_bytes(b"abc");
        let kept = |name: &str, modified: i64, read_at: i64, shared: bool| {
            cache.insert(name.into(), stat(modified), digest, read_at, shared);
            cache.get(name.as_ref(), &stat(modified)).is_some()
        };
        assert!(!kept("/young", 10, 10 + DOUBT_NANOSECONDS - 1, false));
        assert!(kept("/old", 10, 10 + DOUBT_NANOSECONDS, false));
        assert!(!kept("/future", i64::MAX, 10, false));
        assert!(!kept(
            "/theirs",
            10,
            10 + SHARED_DOUBT_NANOSECONDS - 1,
            true
        ));
        assert!(kept("/their/old", 10, 10 + SHARED_DOUBT_NANOSECONDS, true));
    }

    #[test]
    fn the_same_inode_and_times_on_another_device_are_another_file() {
        let cache = StatCache::default();
        let digest = Digest::of_bytes(b"abc");
        cache.insert("/image/a".into(), stat(1), digest, i64::MAX, false);
        let other = Stat {
            device: 2,
            ..stat(1)
        };
        assert_eq!(cache.get("/image/a".as_ref(), &other), None);
        assert_eq!(cache.get("/image/a".as_ref(), &stat(1)), Some(digest));
        let entries = decode(&encode(&cache.learnt())).unwrap();
        assert_eq!(entries[OsStr::new("/image/a")].stat, stat(1));
    }

    #[test]
    fn a_damaged_cache_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stat-cache");
        let digest = Digest::of_bytes(b"abc");
        let entry = Entry {
            stat: stat(1),
            digest,
        };
        let mut bytes = encode(&Entries::from([("/a".into(), entry)]));
        assert!(decode(&bytes).is_some());
        bytes[40] ^= 1;
        fs::write(&path, &bytes).unwrap();
        assert!(StatCache::load(&path).known.is_empty());
        fs::write(&path, &bytes[..20]).unwrap();
        assert!(StatCache::load(&path).known.is_empty());
    }
}
