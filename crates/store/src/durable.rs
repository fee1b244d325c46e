//! Writing so that a reader sees a whole file or none, also after a power cut.
//!
//! Contents are made durable before they get their names. The names of what took long to make
//! are made durable at once, before the checkpoints it was made from are removed; the others
//! together, at most [`SOON`] later, by syncing the folder of actions: in a file system with one
//! journal all names that were given before it go with that. No power cut publishes anything by
//! halves that way, in any file system: it takes names away, never a part of what they stand
//! for. Without its blob's name an action is incomplete for every reader, and without an action's
//! there is no result: either way a stage that took less than [`SOON`] runs again.

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::folder::Folder;

/// What takes longer is made durable by itself; what takes less waits at most so long for others.
pub const SOON: Duration = Duration::from_secs(1);

/// Since when there have been names that a power cut could take away.
#[derive(Debug, Default)]
pub(super) struct UnsyncedNames(Mutex<Option<Instant>>);

impl UnsyncedNames {
    /// Notes a new name; whether one has waited long enough.
    pub(super) fn note(&self) -> bool {
        self.since().get_or_insert_with(Instant::now).elapsed() >= SOON
    }

    /// Makes the names in `folder` durable if any was noted; after a failure they still are.
    pub(super) fn sync(&self, folder: &Path) -> io::Result<()> {
        let Some(since) = self.since().take() else {
            return Ok(());
        };
        sync_folder(folder).inspect_err(|_| *self.since() = Some(since))
    }

    fn since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the names in `folder` outlive a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes a folder; the name of a new one outlives a power cut.
pub(super) fn make_folder(within: &Folder, below: &str) -> io::Result<Folder> {
    match within.folder(below) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = within.make(below)?;
            made.path().parent().map_or(Ok(()), sync_folder)?;
            Ok(made)
        }
        found => found,
    }
}

/// Writes a small file of the store's own folder by way of another name: somebody may read it at this moment. Where the
/// file would be `missed`, its bytes last before it gets its name: after a power cut it could be empty.
pub(super) fn put(target: &Path, contents: impl AsRef<[u8]>, missed: bool) -> io::Result<()> {
    let mut draft = tempfile::Builder::new()
        .prefix(".draft-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(target.parent().unwrap_or(Path::new(".")))?;
    draft.write_all(contents.as_ref())?;
    if missed {
        draft.as_file().sync_all()?;
    }
    draft.persist(target)?;
    Ok(())
}

/// Writes `bytes` to `draft`, which must belong to the caller alone, and makes them outlive a power cut; one left over
/// from a crash is overwritten.
pub(super) fn write(folder: &Folder, draft: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = folder.create(draft)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_waits_until_it_is_synced_also_after_a_failure() {
        let folder = tempfile::tempdir().unwrap();
        let names = UnsyncedNames::default();
        let missing = folder.path().join("missing");
        assert!(names.sync(&missing).is_ok(), "there is nothing to sync");
        assert!(!names.note(), "it has not waited yet");
        assert!(names.sync(&missing).is_err());
        assert!(names.since().is_some());
        names.sync(folder.path()).unwrap();
        assert!(names.since().is_none());
    }
}
