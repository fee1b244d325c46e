//! Writing so that a reader sees a whole file or none, also after a power cut.
//!
//! Contents are made durable before they get their names; the names themselves are made durable
//! together, soon after. That publishes nothing by halves: a power cut in between takes a name
//! away, never a part of what it stands for. Where it takes a blob's, the action that refers to
//! it is incomplete for every reader, and where it takes an action's, there is no result: either
//! way the stage runs again. What that can cost is bounded by [`SOON`].

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A power cut takes away at most so much of the work that was done.
pub const SOON: Duration = Duration::from_secs(1);

/// Folders with names that a power cut could still take away.
#[derive(Debug, Default)]
pub(super) struct UnsyncedFolders {
    folders: Mutex<Folders>,
}

#[derive(Debug, Default)]
struct Folders {
    paths: BTreeSet<PathBuf>,
    /// When the first of them was noted.
    since: Option<Instant>,
}

impl UnsyncedFolders {
    /// Notes that `folder` has a new name.
    pub(super) fn note(&self, folder: &Path) {
        let mut folders = self.folders();
        folders.paths.insert(folder.to_path_buf());
        folders.since.get_or_insert_with(Instant::now);
    }

    /// Whether a name has waited long enough.
    pub(super) fn are_due(&self) -> bool {
        self.folders()
            .since
            .is_some_and(|since| since.elapsed() >= SOON)
    }

    /// Makes all names durable; after a failure they are still noted.
    pub(super) fn sync(&self) -> io::Result<()> {
        let folders = std::mem::take(&mut *self.folders());
        let synced = folders.paths.iter().try_for_each(|path| sync_folder(path));
        if synced.is_err() {
            folders.paths.iter().for_each(|path| self.note(path));
        }
        synced
    }

    fn folders(&self) -> MutexGuard<'_, Folders> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the names in `folder` outlive a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes `folder` and its parents; the names of a new one and of its parent are noted.
pub(super) fn make_folder(folder: &Path, unsynced: &UnsyncedFolders) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let above = folder.ancestors().skip(1).take(2);
    above.for_each(|above| unsynced.note(above));
    Ok(())
}

/// Puts `bytes` at `target` by way of `draft`, which must lie in the same file system and
/// belong to the caller alone; a `draft` left over from a crash is overwritten. Notes the name.
pub(super) fn replace(
    target: &Path,
    draft: &Path,
    bytes: &[u8],
    unsynced: &UnsyncedFolders,
) -> io::Result<()> {
    let mut file = File::create(draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(draft, target)?;
    if let Some(folder) = target.parent() {
        unsynced.note(folder);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_name_is_noted_until_it_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let unsynced = UnsyncedFolders::default();
        let deep = folder.path().join("v1/ab");
        make_folder(&deep, &unsynced).unwrap();
        let noted = |path: &str| {
            let path = folder.path().join(path);
            let paths = &unsynced.folders().paths;
            paths.iter().any(|noted| *noted == path)
        };
        assert!(noted("") && noted("v1") && !noted("v1/ab"));
        replace(&deep.join("x"), &deep.join("draft"), b"x", &unsynced).unwrap();
        assert!(noted("v1/ab"));
        assert!(!unsynced.are_due(), "a second has not passed");
        unsynced.sync().unwrap();
        assert!(!noted("v1/ab") && !unsynced.are_due());
    }
}
