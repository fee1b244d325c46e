//! Who may remove things: runs share the store, whoever cleans it has it alone.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;

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
    /// Holds the store together with others that run: nothing is collected meanwhile. Waits
    /// while somebody cleans.
    pub(super) fn share(&self) -> Result<Hold, Error> {
        self.lock_file()
            .and_then(|lock| lock.lock_shared().map(|()| lock))
            .map(|lock| Hold { _lock: Some(lock) })
            .map_err(|error| unwritable(&self.root().join(LOCK), error))
    }

    /// Holds the store alone; none while a run is going on in it.
    pub fn hold_alone(&self) -> Result<Option<Hold>, Error> {
        if !self.root().is_dir() {
            return Ok(Some(Hold { _lock: None }));
        }
        let refuse = |error| unwritable(&self.root().join(LOCK), error);
        let lock = self.lock_file().map_err(refuse)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Hold { _lock: Some(lock) })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(refuse(error)),
        }
    }

    fn lock_file(&self) -> io::Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.root().join(LOCK))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_share_the_store_and_nobody_has_it_alone_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let (one, other) = (
            store.start_run(false).unwrap(),
            store.start_run(false).unwrap(),
        );
        drop(one);
        assert!(store.hold_alone().unwrap().is_none());
        drop(other);
        assert!(store.hold_alone().unwrap().is_some());
    }
}
