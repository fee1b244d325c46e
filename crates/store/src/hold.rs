//! Who may remove things: runs share the store, whoever cleans it has it alone.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::locks::Taken;
use super::work::{PATIENCE, RETRY};
use super::{Store, unwritable};
use pipeline_error::Error;

/// Name of the lock in the store's root. It is never removed.
const LOCK: &str = "lock";

/// The store, held until dropped or until the process ends, however it ends.
#[derive(Debug)]
pub struct Hold {
    _lock: Option<File>,
}

impl Store {
    /// Holds the store together with others that run: nothing is collected meanwhile. Waits while somebody cleans:
    /// `waiting` is told once, after a second. Ends with [`Error::Interrupted`] if asked to stop meanwhile. A store that
    /// is not there yet is made.
    pub fn share(
        &self,
        interrupted: &AtomicBool,
        mut waiting: impl FnMut(),
    ) -> Result<Hold, Error> {
        self.prepare()?;
        let refuse = |error| unwritable(&self.root().join(LOCK), error);
        let lock = self.lock_file().map_err(refuse)?;
        let start = Instant::now();
        let mut told = false;
        loop {
            let taken = self.locks.take(&lock, File::try_lock_shared);
            if taken.map_err(refuse)? == Taken::Held {
                return Ok(Hold { _lock: Some(lock) });
            }
            if interrupted.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            if start.elapsed() >= PATIENCE && !std::mem::replace(&mut told, true) {
                waiting();
            }
            std::thread::sleep(RETRY);
        }
    }

    /// Holds the store alone; none while a run is going on in it. Where locks do not reach other machines, a stage that
    /// runs on one is an error that names it; so is a folder that is no store, for whoever has it alone removes things.
    pub fn hold_alone(&self) -> Result<Option<Hold>, Error> {
        if !self.root().is_dir() {
            return Ok(Some(Hold { _lock: None }));
        }
        self.check_is_store()?;
        let refuse = |error| unwritable(&self.root().join(LOCK), error);
        let lock = self.lock_file().map_err(refuse)?;
        if self.locks.take(&lock, File::try_lock).map_err(refuse)? == Taken::Refused {
            return Ok(None);
        }
        match self.leased()? {
            Some((key, owner)) if owner.is_elsewhere() => Err(Error::Usage {
                message: format!(
                    "{}: a stage runs here: {}, work/{key}",
                    self.root().display(),
                    owner.shown()
                ),
                hint: Some(
                    "wait until it has ended; ten minutes after its machine has died it no longer counts"
                        .into(),
                ),
            }),
            Some(_) => Ok(None),
            None => Ok(Some(Hold { _lock: Some(lock) })),
        }
    }

    fn lock_file(&self) -> io::Result<File> {
        self.own_folder()?.open_or_make(LOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_share_the_store_and_nobody_has_it_alone_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let never = AtomicBool::new(false);
        let start = || store.start_run(false, &never, || ()).unwrap();
        let (one, other) = (start(), start());
        drop(one);
        assert!(store.hold_alone().unwrap().is_none());
        drop(other);
        assert!(store.hold_alone().unwrap().is_some());
    }

    #[test]
    fn a_run_waits_for_who_cleans_says_so_after_a_second_and_ends_when_asked_to_stop() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let _alone = store.hold_alone().unwrap().unwrap();
        let stop = AtomicBool::new(false);
        let start = Instant::now();
        let mut told = Vec::new();
        let ended = store.start_run(false, &stop, || {
            told.push(start.elapsed());
            stop.store(true, Ordering::Relaxed);
        });
        assert!(matches!(ended, Err(Error::Interrupted)));
        assert_eq!(told.len(), 1);
        assert!(told[0] >= PATIENCE, "{told:?}");
    }
}
