//! Who has a key, where the kernel's locks cannot be trusted.
//!
//! A lease is a file that says who took it, and whose time of modification moves while its owner lives; times are the
//! file system's own, so that no two clocks are compared. It gets the name `lease` by `link()`, which one of several
//! does. A stale one is taken over in two steps: a new lease is linked as `after-ATTEMPT`, where ATTEMPT is what the
//! stale one says, and then renamed to `lease`. Who may do the second is who did the first and finds itself at the end
//! of the chain `lease`, `after-…`, `after-…`: there is one such end, so two takers cannot both win. A lease that was
//! given back has the time 0.

use std::ffi::OsStr;
use std::fs::{File, FileTimes};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW};
use serde::{Deserialize, Serialize};

use super::folder::Folder;
use super::locks::Locks;
use super::machine;

/// The file's name in the folder of a key.
pub(super) const NAME: &str = "lease";

/// How the names begin of leases that take over from others, and of those that wait to be taken.
const AFTER: &str = "after-";
const DRAFT: &str = "lease-";

/// Longer than the document of any owner.
const LONGEST: u64 = 4096;

/// Who took a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Owner {
    /// The folder that it works in, and of no other.
    pub attempt: String,
    host: String,
    pid: u32,
    /// When the process started, in ticks of its machine.
    started: Option<u64>,
    boot: String,
    pid_namespace: String,
    /// The run that it is part of.
    run: Option<String>,
}

impl Owner {
    /// An attempt of this process.
    pub(super) fn new(run: Option<String>) -> Self {
        static ATTEMPTS: AtomicU64 = AtomicU64::new(0);
        let pid = std::process::id();
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let host = machine::host();
        let plain = |it: char| {
            if it.is_ascii_alphanumeric() || it == '.' {
                it
            } else {
                '-'
            }
        };
        let name: String = host.chars().take(64).map(plain).collect();
        let number = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
        let time = since.unwrap_or_default().as_nanos();
        Self {
            attempt: format!("{name}-{pid}-{time:x}-{number}"),
            host: host.into(),
            pid,
            started: machine::started(pid),
            boot: machine::boot(),
            pid_namespace: machine::pid_namespace(),
            run,
        }
    }

    /// For people.
    pub(super) fn shown(&self) -> String {
        format!("pid {} on {}", self.pid, self.host)
    }

    /// Whether it is on another machine, or says that it is.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.host != machine::host() || self.boot != machine::boot()
    }

    /// Whether this machine knows that its process lives, or that it does not.
    fn lives(&self, kernel_lock_held: bool) -> Option<bool> {
        if self.boot != machine::boot() {
            return None;
        }
        if self.pid_namespace == machine::pid_namespace() {
            return Some(machine::started(self.pid).is_some_and(|it| Some(it) == self.started));
        }
        // It would have kept the lock that is ours now.
        kernel_lock_held.then_some(false)
    }
}

/// A lease that somebody has.
#[derive(Debug)]
pub(super) struct Found {
    pub owner: Owner,
    /// When it last gave a sign of life.
    beat: SystemTime,
}

/// How a lease that was found stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its owner works.
    Held,
    /// Its owner gave it back, or is known to have ended.
    Over,
    /// Nobody has heard of its owner for long.
    Stale,
}

impl Found {
    /// `now` is the file system's time.
    pub(super) fn state(&self, now: SystemTime, locks: &Locks, kernel_lock_held: bool) -> State {
        if self.beat <= SystemTime::UNIX_EPOCH {
            return State::Over;
        }
        match self.owner.lives(kernel_lock_held) {
            Some(true) => State::Held,
            Some(false) => State::Over,
            None => match now.duration_since(self.beat) {
                Ok(age) if age > locks.patience => State::Stale,
                _ => State::Held,
            },
        }
    }
}

/// A lease that is ours until it is dropped.
#[derive(Debug)]
pub(super) struct Lease {
    owner: Owner,
    file: File,
    beating: Option<(Sender<()>, JoinHandle<()>)>,
}

/// How an attempt to take a lease ended.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It is ours; who had it before, if it was not given up but ended.
    Taken(Lease, Option<String>),
    /// Somebody has it.
    Held(Owner),
}

/// Takes the lease of a key's folder for `owner`, if nobody has it. A folder that goes away meanwhile is an error of the
/// kind `NotFound`.
pub(super) fn take(
    place: &Folder,
    owner: &Owner,
    locks: &Locks,
    kernel_lock_held: bool,
) -> io::Result<Attempt> {
    let draft = format!("{DRAFT}{}", owner.attempt);
    let mut file = place.create(&draft)?;
    file.write_all(&serde_json::to_vec(owner)?)?;
    file.sync_all()?;
    let now = beat(&file)?;
    let linked = link(place, &draft, owner, |found| {
        found.state(now, locks, kernel_lock_held)
    });
    place.remove_file(&draft)?;
    Ok(match linked? {
        Linked::Ours(before) => {
            let lease = Lease {
                owner: owner.clone(),
                beating: Some(keep(file.try_clone()?, locks.beat())),
                file,
            };
            Attempt::Taken(lease, before)
        }
        Linked::Theirs(owner) => Attempt::Held(owner),
    })
}

enum Linked {
    Ours(Option<String>),
    Theirs(Owner),
}

fn link(
    place: &Folder,
    draft: &str,
    owner: &Owner,
    state: impl Fn(&Found) -> State,
) -> io::Result<Linked> {
    loop {
        match place.link(draft, NAME) {
            Ok(()) => return Ok(Linked::Ours(None)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        let Some(found) = last(place)? else { continue };
        // Over a network the answer to a link may be lost, and the second try finds the first.
        if found.owner == *owner {
            return Ok(Linked::Ours(None));
        }
        let over = match state(&found) {
            State::Over => true,
            State::Stale => false,
            State::Held => return Ok(Linked::Theirs(found.owner)),
        };
        let after = format!("{AFTER}{}", found.owner.attempt);
        match place.link(draft, &after) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                return Ok(Linked::Theirs(found.owner));
            }
            Err(error) => return Err(error),
        }
        let end = last(place)?;
        if end.as_ref().is_none_or(|end| end.owner != *owner) {
            // Somebody else has taken it over and is further: the name had become free again.
            place.remove_file(&after)?;
            return Ok(Linked::Theirs(found.owner));
        }
        place.rename(&after, place, NAME)?;
        return Ok(Linked::Ours(over.then_some(found.owner.attempt)));
    }
}

/// Who has the lease of a key's folder, or had it last; none where there is none.
pub(super) fn last(place: &Folder) -> io::Result<Option<Found>> {
    let mut end = None;
    let mut name = NAME.to_string();
    loop {
        match read(place, &name) {
            Ok(found) => {
                name = format!("{AFTER}{}", found.owner.attempt);
                end = Some(found);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(end),
            Err(error) => return Err(error),
        }
    }
}

fn read(place: &Folder, name: &str) -> io::Result<Found> {
    let file = place.open(name)?;
    let beat = file.metadata()?.modified()?;
    let mut bytes = Vec::new();
    (&file).take(LONGEST).read_to_end(&mut bytes)?;
    let owner = serde_json::from_slice(&bytes).unwrap_or_else(|_| Owner {
        // A power cut took what it said: its time says whether anybody has it, and its inode is its name.
        attempt: format!("unknown-{}", file.metadata().map_or(0, |found| found.ino())),
        host: "a machine that lost its power".into(),
        pid: 0,
        started: None,
        boot: String::new(),
        pid_namespace: String::new(),
        run: None,
    });
    Ok(Found { owner, beat })
}

/// The file system's time: a file is touched, and looked at.
pub(super) fn now(place: &Folder) -> io::Result<SystemTime> {
    let name = format!("{DRAFT}now-{}", Owner::new(None).attempt);
    let file = place.create(&name)?;
    let now = beat(&file);
    place.remove_file(&name)?;
    now
}

/// Gives a sign of life, and says when.
fn beat(file: &File) -> io::Result<SystemTime> {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let times = Timestamps {
        last_access: now,
        last_modification: now,
    };
    rustix::fs::futimens(file, &times)?;
    file.metadata()?.modified()
}

fn keep(file: File, every: Duration) -> (Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = mpsc::channel();
    let beating = std::thread::spawn(move || {
        while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
            // One that is missed is followed by others.
            let _ = beat(&file);
        }
    });
    (stop, beating)
}

impl Lease {
    /// The name of the attempt.
    pub(super) fn attempt(&self) -> &str {
        &self.owner.attempt
    }

    /// Removes the file, if it still is this lease: what was done under it is done. False if somebody has taken it over.
    pub(super) fn remove(&self, place: &Folder) -> io::Result<bool> {
        match last(place)? {
            Some(found) if found.owner == self.owner => place.remove_file(NAME).map(|()| true),
            _ => Ok(false),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some((stop, beating)) = self.beating.take() {
            drop(stop);
            let _ = beating.join();
        }
        // Others would otherwise wait until it is stale.
        let given_back = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH);
        let _ = self.file.set_times(given_back);
    }
}

/// Whether a name in a key's folder is one of a lease.
pub(super) fn is_one(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name == NAME || name.starts_with(AFTER) || name.starts_with(DRAFT)
}

#[cfg(test)]
mod tests;
