//! Writing so that a reader sees a whole file or none, also after a power cut.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Makes the names in `folder` outlive a power cut.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes `folder` and its parents; the name of a new one outlives a power cut.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    folder.parent().map_or(Ok(()), sync_folder)
}

/// Puts `bytes` at `target` by way of `draft`, which must lie in the same file system and
/// belong to the caller alone; a `draft` left over from a crash is overwritten.
pub(super) fn replace(target: &Path, draft: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(draft, target)?;
    target.parent().map_or(Ok(()), sync_folder)
}
