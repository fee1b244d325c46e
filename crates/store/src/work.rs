//! The folder in which one key's result is made, held by one process at a time.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::fs::FileType;

use super::fingerprint::Key;
use super::folder::{self, Folder};
use super::{Store, failed};
use pipeline_error::Error;

/// Name of the lock inside a work folder; no artifact may be called so.
pub(super) const LOCK: &str = "lock";

/// How often a held lock is tried again: the kernel's own waiting could not be interrupted.
pub(super) const RETRY: Duration = Duration::from_millis(20);

/// Who waits for less is not told of it: most stages that two runs share take less.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// `work/KEY/`, held until dropped. It outlives a crash with all that is in it.
#[derive(Debug)]
pub struct WorkFolder<'a> {
    pub(super) store: &'a Store,
    pub(super) key: Key,
    pub(super) folder: Folder,
    /// Where it is a folder of.
    among: Folder,
    // Closing the file releases the lock, however the process ends.
    _lock: File,
}

impl Store {
    /// Takes the work folder of `key`, waiting while somebody else has it: `waiting` is told
    /// once by whom, after a second. Ends with [`Error::Interrupted`] if asked to stop meanwhile.
    pub fn claim(
        &self,
        key: &Key,
        interrupted: &AtomicBool,
        mut waiting: impl FnMut(String),
    ) -> Result<WorkFolder<'_>, Error> {
        self.prepare()?;
        let name = key.to_string();
        let path = self.work_folder().join(&name);
        let start = Instant::now();
        let mut told = false;
        loop {
            let among = self.own_folder().and_then(|root| root.make("work"));
            let among = among.map_err(|error| failed(&path, error))?;
            let claimed = try_claim(&among, &name).map_err(|error| failed(&path, error))?;
            if let Some((folder, lock)) = claimed {
                return Ok(WorkFolder {
                    store: self,
                    key: *key,
                    folder,
                    among,
                    _lock: lock,
                });
            }
            if start.elapsed() >= PATIENCE && !std::mem::replace(&mut told, true) {
                waiting(holder(&path));
            }
            if interrupted.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            std::thread::sleep(RETRY);
        }
    }
}

impl Store {
    pub(super) fn work_folder(&self) -> PathBuf {
        self.root().join("work")
    }
}

impl WorkFolder<'_> {
    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Empties the folder, so that nothing is resumed.
    pub fn clear(&self) -> Result<(), Error> {
        remove_contents(&self.folder).map_err(|error| failed(self.path(), error))
    }

    /// Removes the folder and releases it. What cannot be removed is left for `cache gc`.
    pub fn remove(self) {
        // The lock goes last: who gets hold of a removed one sees that and tries anew, and from
        // then on the folder may be somebody else's, so it is removed only if it is empty.
        if remove_contents(&self.folder).is_ok() && self.folder.remove_file(LOCK).is_ok() {
            let _ = self.among.remove_empty(self.key.to_string());
        }
    }
}

/// Removes a work folder unless somebody holds it: false.
pub(super) fn discard(among: &Folder, name: &OsStr) -> io::Result<bool> {
    let Some((folder, lock)) = try_claim(among, name)? else {
        return Ok(false);
    };
    remove_contents(&folder)?;
    folder.remove_file(LOCK)?;
    // Not empty if somebody has taken it since.
    let _ = among.remove_empty(name);
    drop(lock);
    Ok(true)
}

/// Whether a process works in this folder.
pub(super) fn is_held(folder: &Path) -> bool {
    folder::open(&folder.join(LOCK))
        .is_ok_and(|(lock, _)| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

fn remove_contents(folder: &Folder) -> io::Result<()> {
    folder.clear(|name, _| name != LOCK)
}

/// The folder and its lock, if nobody has it and it is still the one that others will find. Links in it, which no
/// stage of ours leaves, go: a stage would write to what they lead to.
fn try_claim(among: &Folder, name: impl AsRef<Path>) -> io::Result<Option<(Folder, File)>> {
    let folder = among.make(&name)?;
    let mut lock = match folder.open_or_make(LOCK) {
        Ok(lock) => lock,
        // The folder was removed by its last holder between the two calls.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let held = lock.metadata()?;
    let found = among
        .folder(&name)
        .and_then(|folder| folder.open(LOCK)?.metadata());
    match found {
        Ok(found) if (found.dev(), found.ino()) == (held.dev(), held.ino()) => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    folder.clear(|_, kind| kind == FileType::Symlink)?;
    lock.set_len(0)?;
    write!(lock, "pid {} on {}", std::process::id(), host())?;
    Ok(Some((folder, lock)))
}

/// Who wrote his name into the lock last: for display only.
fn holder(folder: &Path) -> String {
    let mut text = String::new();
    let read = folder::open(&folder.join(LOCK))
        .and_then(|(file, _)| file.take(300).read_to_string(&mut text));
    match read {
        Ok(_) if !text.is_empty() => text,
        _ => "another process".into(),
    }
}

/// The name of this machine.
pub fn host() -> &'static str {
    static HOST: LazyLock<String> = LazyLock::new(|| {
        fs::read_to_string("/proc/sys/kernel/hostname")
            .or_else(|_| fs::read_to_string("/etc/hostname"))
            .map_or_else(|_| "this host".into(), |name| name.trim().to_string())
    });
    &HOST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use std::sync::mpsc;

    fn key() -> Key {
        serde_json::from_value(serde_json::json!(Digest::of_bytes(b"key"))).unwrap()
    }

    #[test]
    fn a_held_key_is_waited_for_and_the_holder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let never = AtomicBool::new(false);
        let held = store.claim(&key(), &never, |_| {}).unwrap();
        let (told, hear) = mpsc::channel();
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let claimed = store.claim(&key(), &never, |holder| told.send(holder).unwrap());
                claimed.unwrap().path().is_dir()
            });
            let holder = hear.recv().unwrap();
            assert!(holder.starts_with(&format!("pid {} on ", std::process::id())));
            held.remove();
            assert!(waiter.join().unwrap());
        });
    }

    #[test]
    fn waiting_ends_when_the_user_asks_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let stop = AtomicBool::new(true);
        let _held = store.claim(&key(), &stop, |_| {}).unwrap();
        let error = store.claim(&key(), &stop, |_| {}).unwrap_err();
        assert!(matches!(error, Error::Interrupted));
    }

    #[test]
    fn many_threads_never_hold_one_key_together_although_the_folder_comes_and_goes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let never = AtomicBool::new(false);
        let inside = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (store, never, inside) = (&store, &never, &inside);
                scope.spawn(move || {
                    for round in 0..20 {
                        let work = store.claim(&key(), never, |_| {}).unwrap();
                        assert!(!inside.swap(true, Ordering::SeqCst));
                        fs::write(work.path().join("state"), "x").unwrap();
                        inside.store(false, Ordering::SeqCst);
                        if (thread + round) % 2 == 0 {
                            work.remove();
                        }
                    }
                });
            }
        });
    }
}
