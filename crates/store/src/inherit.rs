//! What an attempt at a stage goes on from, where each has a folder of its own.
//!
//! An earlier attempt may still be at work, although its lease was taken for stale: nothing in its folder is changed. A
//! file that is called `resume…` gets a second name, since whoever writes one does so under another name and renames it;
//! what is in a folder that is called so is copied, since programs write there as they like.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::time::SystemTime;

use rustix::fs::FileType;

use super::folder::Folder;

/// How the names begin of what later attempts go on from.
const RESUME: &str = "resume";

/// How those end that are not complete.
const DRAFT: &str = ".draft";

/// The folder of a new attempt, with what the latest of the earlier ones left. The one that is known to have `ended`
/// goes.
pub(super) fn new_attempt(place: &Folder, name: &str, ended: Option<&str>) -> io::Result<Folder> {
    let mut latest: Option<(SystemTime, Folder)> = None;
    for (name, kind) in place.entries()? {
        if kind != FileType::Directory {
            continue;
        }
        let earlier = place.folder(&name)?;
        let left = left_in(&earlier)?.into_iter();
        let times = left.filter_map(|(name, _)| earlier.modified(name).ok());
        if let Some(time) = times.max()
            && latest.as_ref().is_none_or(|(latest, _)| time > *latest)
        {
            latest = Some((time, earlier));
        }
    }
    let folder = place.make_new(name, 0o777)?;
    if let Some((_, earlier)) = latest {
        for (name, kind) in left_in(&earlier)? {
            take_over(&earlier, &folder, &name, kind)?;
        }
    }
    match ended.map(|ended| place.remove_all(ended)) {
        Some(Err(error)) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(folder),
    }
}

/// Whether an attempt wrote something since then to go on from.
pub(super) fn is_left_in(attempt: &Folder, since: SystemTime) -> io::Result<bool> {
    for (name, kind) in left_in(attempt)? {
        if is_written(attempt, &name, kind, since)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a file, or one in a folder, was written since then.
fn is_written(place: &Folder, name: &OsStr, kind: FileType, since: SystemTime) -> io::Result<bool> {
    if kind != FileType::Directory {
        return Ok(place.modified(name)? >= since);
    }
    let inside = place.folder(name)?;
    for (name, kind) in inside.entries()? {
        if is_written(&inside, &name, kind, since)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn left_in(attempt: &Folder) -> io::Result<Vec<(OsString, FileType)>> {
    let mut left = attempt.entries()?;
    left.retain(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with(RESUME) && !name.ends_with(DRAFT)
    });
    Ok(left)
}

fn take_over(from: &Folder, to: &Folder, name: &OsStr, kind: FileType) -> io::Result<()> {
    match kind {
        FileType::Directory => copy_all(&from.folder(name)?, &to.make(name)?),
        FileType::RegularFile => from
            .link_into(name, to, name)
            .or_else(|_| copy(from, to, name)),
        _ => Ok(()),
    }
}

fn copy_all(from: &Folder, to: &Folder) -> io::Result<()> {
    for (name, kind) in from.entries()? {
        match kind {
            FileType::Directory => copy_all(&from.folder(&name)?, &to.make(&name)?)?,
            FileType::RegularFile => copy(from, to, &name)?,
            // A link would lead a program of ours to write elsewhere.
            _ => {}
        }
    }
    Ok(())
}

fn copy(from: &Folder, to: &Folder, name: &OsStr) -> io::Result<()> {
    let source = from.open(name)?;
    let target = to.create(name)?;
    let metadata = source.metadata()?;
    target.set_permissions(metadata.permissions())?;
    io::copy(&mut &source, &mut &target)?;
    // It is no newer for being copied.
    target.set_modified(metadata.modified()?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_latest_attempt_is_gone_on_from_and_stays_as_it_is_unless_it_ended() {
        let around = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = around.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let read = |path: &str| fs::read_to_string(around.path().join(path)).ok();
        write("old/resume.safetensors", "old");
        std::thread::sleep(std::time::Duration::from_millis(20));
        write("new/resume/deep/state", "program's");
        write("new/resume.safetensors", "new");
        write("new/resume.draft", "half");
        write("new/history.parquet", "other");
        let place = Folder::root(around.path()).unwrap();
        new_attempt(&place, "one", Some("old")).unwrap();
        assert_eq!(read("one/resume.safetensors").as_deref(), Some("new"));
        assert_eq!(read("one/resume/deep/state").as_deref(), Some("program's"));
        assert_eq!(read("one/resume.draft"), None);
        assert_eq!(read("one/history.parquet"), None);
        assert!(!around.path().join("old").exists());
        write("one/resume/deep/state", "further");
        assert_eq!(read("new/resume/deep/state").as_deref(), Some("program's"));
        new_attempt(&place, "two", Some("gone")).unwrap();
        assert_eq!(read("two/resume/deep/state").as_deref(), Some("further"));
    }

    #[test]
    fn what_was_taken_over_is_as_old_as_it_was_and_only_what_is_newer_was_got_on_with() {
        let around = tempfile::tempdir().unwrap();
        let path = |path: &str| around.path().join(path);
        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        for file in ["first/resume/deep/state", "first/resume.safetensors"] {
            fs::create_dir_all(path(file).parent().unwrap()).unwrap();
            let made = fs::File::create(path(file)).unwrap();
            made.set_modified(long_ago).unwrap();
        }
        let place = Folder::root(around.path()).unwrap();
        let second = new_attempt(&place, "second", None).unwrap();
        let later = long_ago + std::time::Duration::from_secs(1);
        assert!(is_left_in(&second, long_ago).unwrap());
        assert!(!is_left_in(&second, later).unwrap());
        fs::write(path("second/resume/deep/state"), "further").unwrap();
        assert!(is_left_in(&second, later).unwrap());
    }
}
