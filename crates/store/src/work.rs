//! The folder in which one key's result is made, held by one process at a time.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::FileType;

use super::fingerprint::Key;
use super::folder::{self, Folder};
use super::lease::{self, Attempt, Lease, Owner, State};
use super::locks::{Locks, Taken};
use super::{Store, failed, inherit, leftover, machine};
use pipeline_error::Error;

/// Name of the lock inside a work folder; no artifact may be called so.
pub(super) const LOCK: &str = "lock";

/// How often a held lock is tried again: the kernel's own waiting could not be interrupted.
pub(super) const RETRY: Duration = Duration::from_millis(20);

/// How often a held lease is: each try is a few requests to the server of the files.
const LEASE_RETRY: Duration = Duration::from_secs(1);

/// Who waits for less is not told of it: most stages that two runs share take less.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// `work/KEY/`, held until dropped, or `work/KEY/ATTEMPT/` where only a lease says who holds it: there it can be broken
/// wrongly, and two that work at the same time must not write to the same files. It outlives a crash with all that is
/// in it.
#[derive(Debug)]
pub struct WorkFolder<'a> {
    pub(super) store: &'a Store,
    pub(super) key: Key,
    pub(super) folder: Folder,
    /// The action that was there before, byte for byte: one to be replaced.
    pub(super) before: Option<Vec<u8>>,
    held: Held,
}

/// A key's folder that nobody else has.
#[derive(Debug)]
struct Held {
    /// Where it is a folder of.
    among: Folder,
    place: Folder,
    lease: Option<Lease>,
    /// The attempt before, if it is known to have ended.
    ended: Option<String>,
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
            let claimed = self.try_claim(among, &name);
            let holder = match claimed.map_err(|error| failed(&path, error))? {
                Claim::Held(held) => {
                    let folder = held.folder().map_err(|error| failed(&path, error))?;
                    return Ok(WorkFolder {
                        store: self,
                        key: *key,
                        folder,
                        before: folder::read(&self.action_path(key)).ok(),
                        held,
                    });
                }
                Claim::Theirs(holder) => holder,
            };
            if start.elapsed() >= PATIENCE && !std::mem::replace(&mut told, true) {
                waiting(
                    holder
                        .as_ref()
                        .map_or_else(|| holder_of(&path), Owner::shown),
                );
            }
            if interrupted.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            let pause = match holder {
                Some(_) => start.elapsed().clamp(RETRY, LEASE_RETRY),
                None => RETRY,
            };
            std::thread::sleep(pause);
        }
    }

    /// Whether work on a key since then wrote something to go on from.
    pub fn got_on(&self, key: &Key, since: SystemTime) -> bool {
        let find = || -> io::Result<bool> {
            let place = self.own_folder()?.folder("work")?.folder(key.to_string())?;
            if inherit::is_left_in(&place, since)? {
                return Ok(true);
            }
            for (name, kind) in place.entries()? {
                if kind == FileType::Directory && inherit::is_left_in(&place.folder(&name)?, since)?
                {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        find().unwrap_or(false)
    }

    /// After how long without a sign of life a process is taken for dead that may be on another machine.
    pub fn patience(&self) -> Duration {
        self.locks.patience
    }

    pub(super) fn work_folder(&self) -> PathBuf {
        self.root().join("work")
    }

    /// A key that somebody has by lease, and who; of several the first one of another machine.
    pub(super) fn leased(&self) -> Result<Option<(String, Owner)>, Error> {
        if !self.locks.need_leases() {
            return Ok(None);
        }
        let mut found = None;
        for entry in self.entries("work")? {
            let name = entry.file_name();
            let owner = self
                .own_folder()
                .and_then(|root| lease_of(&root.folder("work")?.folder(&name)?, &self.locks));
            let owner = match owner {
                Ok(Some(owner)) => owner,
                Ok(None) => continue,
                // Its owner has ended, and removed it.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(&entry.path(), error)),
            };
            let elsewhere = owner.is_elsewhere();
            if found.is_none() || elsewhere {
                found = Some((name.to_string_lossy().into_owned(), owner));
            }
            if elsewhere {
                break;
            }
        }
        Ok(found)
    }

    /// Removes a work folder unless somebody holds it: false.
    pub(super) fn discard(&self, among: Folder, name: &OsStr) -> io::Result<bool> {
        let Claim::Held(held) = self.try_claim(among, name)? else {
            return Ok(false);
        };
        leftover::end_in(&held.place, is_of_holder)?;
        held.clear(|_| true)?;
        held.remove()?;
        Ok(true)
    }

    /// Whether a process works in this folder.
    pub(super) fn is_held(&self, folder: &Path) -> bool {
        let by_lock = folder::open(&folder.join(LOCK)).is_ok_and(|(lock, _)| {
            let taken = self.locks.take(&lock, File::try_lock);
            taken.is_ok_and(|taken| taken == Taken::Refused)
        });
        let by_lease = || {
            let place = Folder::root(folder)?;
            lease_of(&place, &self.locks)
        };
        by_lock || (self.locks.need_leases() && matches!(by_lease(), Ok(Some(_))))
    }

    /// The folder and its lock, if nobody has it and it is still the one that others will find. Links in it, which no
    /// stage of ours leaves, go: a stage would write to what they lead to.
    fn try_claim(&self, among: Folder, name: impl AsRef<Path>) -> io::Result<Claim> {
        let place = among.make(&name)?;
        let mut lock = match place.open_or_make(LOCK) {
            Ok(lock) => lock,
            // The folder was removed by its last holder between the two calls.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Claim::Theirs(None)),
            Err(error) => return Err(error),
        };
        if self.locks.take(&lock, File::try_lock)? == Taken::Refused {
            return Ok(Claim::Theirs(None));
        }
        let held = lock.metadata()?;
        let found = among
            .folder(&name)
            .and_then(|folder| folder.open(LOCK)?.metadata());
        match found {
            Ok(found) if (found.dev(), found.ino()) == (held.dev(), held.ino()) => {}
            Ok(_) => return Ok(Claim::Theirs(None)),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Claim::Theirs(None)),
            Err(error) => return Err(error),
        }
        let (mut lease, mut ended) = (None, None);
        if self.locks.need_leases() {
            match self.take_lease(&place) {
                Ok(Attempt::Taken(taken, before)) => (lease, ended) = (Some(taken), before),
                Ok(Attempt::Held(owner)) => return Ok(Claim::Theirs(Some(owner))),
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    return Ok(Claim::Theirs(None));
                }
                Err(error) => return Err(error),
            }
        }
        place.clear(|_, kind| kind == FileType::Symlink)?;
        // For display only: on a full disk it cannot be written, and the lock is held without it.
        let _ = lock
            .set_len(0)
            .and_then(|()| write!(lock, "pid {} on {}", std::process::id(), machine::host()));
        Ok(Claim::Held(Held {
            among,
            place,
            lease,
            ended,
            _lock: lock,
        }))
    }

    fn take_lease(&self, place: &Folder) -> io::Result<Attempt> {
        let run = self.run.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = Owner::new(run.clone());
        drop(run);
        lease::take(place, &owner, &self.locks, self.locks.are_of_kernel())
    }
}

/// What came of a claim.
enum Claim {
    Held(Held),
    /// Somebody has it, and who where a lease says so.
    Theirs(Option<Owner>),
}

/// Who works in a key's folder, by its lease.
fn lease_of(place: &Folder, locks: &Locks) -> io::Result<Option<Owner>> {
    let Some(found) = lease::last(place)? else {
        return Ok(None);
    };
    let state = found.state(lease::now(place)?, locks, false);
    Ok((state == State::Held).then_some(found.owner))
}

impl WorkFolder<'_> {
    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Empties the folder, so that nothing is resumed.
    pub fn clear(&self) -> Result<(), Error> {
        let cleared = leftover::end_in(&self.folder, is_of_holder)
            .and_then(|()| self.folder.clear(|name, _| name != LOCK));
        cleared.map_err(|error| failed(self.path(), error))
    }

    /// Removes the folder and releases it. What cannot be removed is left for `cache gc`.
    pub fn remove(self) {
        let own = self.folder.path().file_name();
        let cleared = match &self.held.lease {
            Some(_) => self.held.clear(|name| Some(name) == own),
            None => self.held.clear(|_| true),
        };
        if cleared.is_ok() {
            let _ = self.held.remove();
        }
    }
}

impl Held {
    /// Where the work is done.
    fn folder(&self) -> io::Result<Folder> {
        match &self.lease {
            None => self.place.folder(""),
            Some(lease) => {
                inherit::new_attempt(&self.place, lease.attempt(), self.ended.as_deref())
            }
        }
    }

    /// Removes what is `unwanted` in it, but for what keeps others out.
    fn clear(&self, unwanted: impl Fn(&OsStr) -> bool) -> io::Result<()> {
        self.place
            .clear(|name, _| !is_of_holder(name) && unwanted(name))
    }

    /// Removes the folder and releases it.
    fn remove(self) -> io::Result<()> {
        // The lock goes last: who gets hold of a removed one sees that and tries anew, and from
        // then on the folder may be somebody else's, so it is removed only if it is empty.
        let is_ours = match &self.lease {
            Some(lease) => lease.remove(&self.place)?,
            None => true,
        };
        if is_ours {
            self.place.remove_file(LOCK)?;
        }
        let name = self.place.path().file_name().unwrap_or_default();
        // Not empty if somebody has taken it since.
        let _ = self.among.remove_empty(name);
        Ok(())
    }
}

/// Whether a file of a key's folder is what keeps others out.
fn is_of_holder(name: &OsStr) -> bool {
    name == LOCK || lease::is_one(name)
}

/// Who wrote his name into the lock last: for display only.
fn holder_of(folder: &Path) -> String {
    let mut text = String::new();
    let read = folder::open(&folder.join(LOCK))
        .and_then(|(file, _)| file.take(300).read_to_string(&mut text));
    match read {
        Ok(_) if !text.is_empty() => text,
        _ => "another process".into(),
    }
}

#[cfg(test)]
mod tests;
