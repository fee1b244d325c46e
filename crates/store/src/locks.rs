//! Which locks keep processes apart in a store.
//!
//! On a file system of one machine the kernel's lock does alone: it dies with its process. One that several machines
//! share may keep it on one node only, or know none; there it is taken where it can be, and a [lease](super::lease)
//! beside it.

use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pipeline_error::Error;

use super::network;

/// `none`: the store's file system has no locks, whatever the system says of it.
pub(super) const VARIABLE: &str = "PIPELINE_LOCKS";

/// After so many seconds without a sign of life a lease is taken over.
pub(super) const PATIENCE_VARIABLE: &str = "PIPELINE_LEASE_SECONDS";

/// Without a word of the user's.
const PATIENCE: Duration = Duration::from_secs(600);

/// Signs of life within that time: some may come late.
const BEATS: u32 = 20;

/// What a store relies on.
#[derive(Debug)]
pub(super) struct Locks {
    /// Whether the kernel's locks are tried.
    kernel: AtomicBool,
    /// Whether leases are needed.
    leases: AtomicBool,
    /// After how long without a sign of life a lease is stale.
    pub patience: Duration,
}

/// How an attempt to take a lock of the kernel's ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It is held, or there are none.
    Held,
    /// Another process has it.
    Refused,
}

impl Locks {
    /// Those of a store at `root`.
    pub(super) fn of(root: &Path) -> Result<Self, Error> {
        let none = match std::env::var(VARIABLE).ok().as_deref() {
            None | Some("") => false,
            Some("none") => true,
            Some(other) => {
                return Err(Error::Usage {
                    message: format!("{VARIABLE}: `{other}` is no kind of locks"),
                    hint: Some(
                        "`none` for a file system that has no locks; otherwise leave it out".into(),
                    ),
                });
            }
        };
        Ok(Self {
            kernel: AtomicBool::new(!none),
            leases: AtomicBool::new(none || network::shared(root).is_some()),
            patience: patience()?,
        })
    }

    /// Whether a process on another machine may not see our locks.
    pub(super) fn need_leases(&self) -> bool {
        self.leases.load(Ordering::Relaxed)
    }

    /// Whether who holds a lock of the kernel's keeps out the processes of this machine.
    pub(super) fn are_of_kernel(&self) -> bool {
        self.kernel.load(Ordering::Relaxed)
    }

    /// Between two signs of life.
    pub(super) fn beat(&self) -> Duration {
        self.patience / BEATS
    }

    /// Takes a lock as `lock` does, unless the file system has none: then leases do.
    pub(super) fn take(
        &self,
        file: &File,
        lock: impl FnOnce(&File) -> Result<(), TryLockError>,
    ) -> io::Result<Taken> {
        if !self.are_of_kernel() {
            return Ok(Taken::Held);
        }
        match lock(file) {
            Ok(()) => Ok(Taken::Held),
            Err(TryLockError::WouldBlock) => Ok(Taken::Refused),
            Err(TryLockError::Error(error)) if is_unsupported(&error) => {
                self.kernel.store(false, Ordering::Relaxed);
                self.leases.store(true, Ordering::Relaxed);
                Ok(Taken::Held)
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// What file systems without locks answer: Lustre without `-o flock`, NFS without its lock daemon.
fn is_unsupported(error: &io::Error) -> bool {
    let unsupported = [libc::ENOSYS, libc::ENOLCK, libc::EOPNOTSUPP];
    let code = error.raw_os_error();
    code.is_some_and(|code| unsupported.contains(&code))
}

fn patience() -> Result<Duration, Error> {
    let Ok(text) = std::env::var(PATIENCE_VARIABLE) else {
        return Ok(PATIENCE);
    };
    let seconds = text.parse::<f64>().ok();
    let seconds = seconds.filter(|seconds| (0.1..=1e6).contains(seconds));
    seconds
        .map(Duration::from_secs_f64)
        .ok_or_else(|| Error::Usage {
            message: format!(
                "{PATIENCE_VARIABLE}: `{text}` is no number of seconds from 0.1 to 1e6"
            ),
            hint: Some("600 unless it is set; the same on all machines that share a store".into()),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_one_machine() -> Locks {
        Locks {
            kernel: AtomicBool::new(true),
            leases: AtomicBool::new(false),
            patience: PATIENCE,
        }
    }

    #[test]
    fn a_file_system_without_locks_is_no_error_and_leases_are_needed_from_then_on() {
        let locks = of_one_machine();
        let file = tempfile::tempfile().unwrap();
        for code in [libc::ENOLCK, libc::EOPNOTSUPP, libc::ENOSYS] {
            let locks = of_one_machine();
            let error = || TryLockError::Error(io::Error::from_raw_os_error(code));
            assert_eq!(locks.take(&file, |_| Err(error())).unwrap(), Taken::Held);
            assert!(locks.need_leases() && !locks.are_of_kernel());
        }
        let broken = || TryLockError::Error(io::Error::from_raw_os_error(libc::EIO));
        assert!(locks.take(&file, |_| Err(broken())).is_err());
        assert!(!locks.need_leases());
        let refused = locks.take(&file, |_| Err(TryLockError::WouldBlock));
        assert_eq!(refused.unwrap(), Taken::Refused);
        assert_eq!(locks.beat(), Duration::from_secs(30));
    }
}
