//! The store's folders, held open: nothing is written, emptied or removed through a link.
//!
//! Whoever can write to a store could otherwise put a link in the place of a folder or a file, and have the next run
//! or the next `cache gc` of somebody else overwrite what it leads to. So every step below the root is taken from
//! the folder before it and does not follow links, and a file that is written to has no second name.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW,
};
use rustix::io::Errno;

use pipeline_error::Error;

/// How often a folder is made that goes away before it can be opened: its last holder removes it.
const RACES: usize = 1000;

/// What is wrong with a folder that somebody else may have put into the store.
const FOREIGN: &str = "belongs to somebody else than the store";

/// A folder of the store.
#[derive(Debug)]
pub(super) struct Folder {
    held: OwnedFd,
    path: PathBuf,
    /// Whom the store belongs to.
    owner: u32,
    /// The group that may write the store's own folder.
    group: Option<u32>,
}

/// Something in a store that is not taken for a part of it.
#[derive(Debug)]
pub(super) struct Refused {
    path: PathBuf,
    what: &'static str,
}

impl Folder {
    /// The store's own folder. The way there may lead over links.
    pub(super) fn root(path: &Path) -> io::Result<Self> {
        let held = File::open(path)?;
        let found = held.metadata()?;
        // In one that everybody may write anybody could have made a folder with that group.
        let is_shared = found.mode() & 0o022 == 0o020;
        Ok(Self {
            held: held.into(),
            path: path.to_path_buf(),
            owner: found.uid(),
            group: is_shared.then_some(found.gid()),
        })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A folder in this one, by its relative path.
    pub(super) fn folder(&self, below: impl AsRef<Path>) -> io::Result<Self> {
        self.walk(below.as_ref(), Self::step)
    }

    /// As [`Self::folder`]; what is missing is made.
    pub(super) fn make(&self, below: impl AsRef<Path>) -> io::Result<Self> {
        self.walk(below.as_ref(), Self::make_step)
    }

    /// Makes a folder that must not be there yet, with this mode before the user's own mask.
    pub(super) fn make_new(&self, name: &str, mode: u32) -> io::Result<Self> {
        rustix::fs::mkdirat(&self.held, name, Mode::from_raw_mode(mode))?;
        self.step(name.as_ref())
    }

    /// A regular file, to be read.
    pub(super) fn open(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        self.open_as(name.as_ref(), OFlags::RDONLY)
    }

    /// A regular file, to be read and written; made if it is missing, and left as it is if it is there.
    pub(super) fn open_or_make(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let name = name.as_ref();
        let file = self.open_as(name, OFlags::RDWR | OFlags::CREATE)?;
        match file.metadata()?.nlink() {
            0 | 1 => Ok(file),
            _ => Err(self.refused(name, "has a second name elsewhere")),
        }
    }

    /// An empty file, to be written.
    pub(super) fn create(&self, name: impl AsRef<OsStr>) -> io::Result<File> {
        let file = self.open_or_make(name)?;
        file.set_len(0)?;
        Ok(file)
    }

    /// Gives a file another name, maybe in another folder; what had that name goes.
    pub(super) fn rename(
        &self,
        name: impl AsRef<OsStr>,
        to: &Folder,
        new: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        let renamed = rustix::fs::renameat(&self.held, name.as_ref(), &to.held, new.as_ref());
        Ok(renamed?)
    }

    /// Gives a file a second name in this folder, which must be free.
    pub(super) fn link(&self, name: impl AsRef<OsStr>, new: impl AsRef<OsStr>) -> io::Result<()> {
        self.link_into(name, self, new)
    }

    /// Gives a file a second name, maybe in another folder, which must be free.
    pub(super) fn link_into(
        &self,
        name: impl AsRef<OsStr>,
        to: &Folder,
        new: impl AsRef<OsStr>,
    ) -> io::Result<()> {
        let (name, new) = (name.as_ref(), new.as_ref());
        Ok(rustix::fs::linkat(
            &self.held,
            name,
            &to.held,
            new,
            AtFlags::empty(),
        )?)
    }

    /// Takes a file's name away, or a link's.
    pub(super) fn remove_file(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        let removed = rustix::fs::unlinkat(&self.held, name.as_ref(), AtFlags::empty());
        Ok(removed?)
    }

    /// Removes an empty folder.
    pub(super) fn remove_empty(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        let removed = rustix::fs::unlinkat(&self.held, name.as_ref(), AtFlags::REMOVEDIR);
        Ok(removed?)
    }

    /// Removes a folder with all that is in it.
    pub(super) fn remove_all(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        self.step(name.as_ref())?.clear(|_, _| true)?;
        self.remove_empty(name)
    }

    /// Removes those of the folder's entries that are `unwanted`, with all that is in them.
    pub(super) fn clear(&self, unwanted: impl Fn(&OsStr, FileType) -> bool) -> io::Result<()> {
        for (name, kind) in self.entries()? {
            if !unwanted(&name, kind) {
                continue;
            }
            match kind {
                FileType::Directory => self.remove_all(&name)?,
                _ => self.remove_file(&name)?,
            }
        }
        Ok(())
    }

    /// What is in it.
    pub(super) fn entries(&self) -> io::Result<Vec<(OsString, FileType)>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.held)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            let kind = match entry.file_type() {
                FileType::Unknown => FileType::from_raw_mode(self.stat(name)?.st_mode),
                known => known,
            };
            entries.push((name.to_os_string(), kind));
        }
        Ok(entries)
    }

    /// When something in it was last written to.
    pub(super) fn modified(&self, name: impl AsRef<OsStr>) -> io::Result<SystemTime> {
        let stat = self.stat(name.as_ref())?;
        let seconds = Duration::from_secs(u64::try_from(stat.st_mtime).unwrap_or(0));
        let rest = Duration::from_nanos(stat.st_mtime_nsec);
        Ok(SystemTime::UNIX_EPOCH + seconds + rest)
    }

    /// Makes the names in it outlive a power cut.
    pub(super) fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.held)?)
    }

    fn stat(&self, name: &OsStr) -> io::Result<Stat> {
        Ok(rustix::fs::statat(
            &self.held,
            name,
            AtFlags::SYMLINK_NOFOLLOW,
        )?)
    }

    fn walk(&self, below: &Path, step: fn(&Self, &OsStr) -> io::Result<Self>) -> io::Result<Self> {
        let mut reached = Self {
            held: self.held.try_clone()?,
            path: self.path.clone(),
            owner: self.owner,
            group: self.group,
        };
        for component in below.components() {
            let Component::Normal(name) = component else {
                return Err(ErrorKind::InvalidInput.into());
            };
            reached = step(&reached, name)?;
        }
        Ok(reached)
    }

    fn step(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let held = rustix::fs::openat(&self.held, name, flags, Mode::empty());
        let held = held.map_err(|errno| self.explained(name, errno))?;
        if !self.trusts(&rustix::fs::fstat(&held)?) {
            return Err(self.refused(name, FOREIGN));
        }
        Ok(Self {
            held,
            path: self.path.join(name),
            owner: self.owner,
            group: self.group,
        })
    }

    fn make_step(&self, name: &OsStr) -> io::Result<Self> {
        for _ in 0..RACES {
            match self.step(name) {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                found => return found,
            }
            match rustix::fs::mkdirat(&self.held, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(ErrorKind::NotFound.into())
    }

    fn open_as(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        // A pipe would otherwise be waited for.
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&self.held, name, flags, Mode::from_raw_mode(0o666));
        let file = File::from(opened.map_err(|errno| self.explained(name, errno))?);
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(self.refused(name, "is no regular file")),
        }
    }

    /// The system's error, or in what way the entry is none of a store.
    fn explained(&self, name: &OsStr, errno: Errno) -> io::Error {
        if !matches!(errno, Errno::LOOP | Errno::NOTDIR | Errno::MLINK) {
            return errno.into();
        }
        let kind = self.stat(name);
        match kind.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::Symlink) => self.refused(name, "is a symbolic link"),
            Ok(kind) if kind != FileType::Directory => self.refused(name, "is no folder"),
            _ => errno.into(),
        }
    }

    fn refused(&self, name: &OsStr, what: &'static str) -> io::Error {
        let path = self.path.join(name);
        io::Error::other(Refused { path, what })
    }

    /// The administrator could do everything anyway, and so may whoever the store is shared with.
    fn trusts(&self, folder: &Stat) -> bool {
        // SAFETY: it reads a number of the process and cannot fail.
        let ours = unsafe { libc::geteuid() };
        [self.owner, ours, 0].contains(&folder.st_uid) || self.group == Some(folder.st_gid)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self { path, what } = self;
        write!(formatter, "{} {what}", path.display())
    }
}

impl std::error::Error for Refused {}

/// What is told of an entry of the store that is none: its name, and what to do. None of other errors.
pub(super) fn refusal(error: &io::Error) -> Option<Error> {
    let Refused { path, what } = error.get_ref()?.downcast_ref()?;
    let hint = match *what {
        FOREIGN => {
            "if it is a colleague's, its results need not be lost: let the store's own folder be writable by your group \
             alone (`chmod g+rwxs,o-w`), and have the colleague give it that group (`chgrp GROUP FOLDER; chmod g+rwxs \
             FOLDER`, and so each folder in it but those of runs); if nobody knows it, move it away"
        }
        _ => {
            "move it away; to keep a store elsewhere, name that place with --store or PIPELINE_STORE: the store's own \
             folder may be a link, what is in it may not"
        }
    };
    Some(Error::Store {
        message: format!(
            "{}: {what}, and is not taken for a part of the store",
            path.display()
        ),
        hint: Some(hint.into()),
    })
}

/// The contents of a regular file of the store. A link is not followed: it could lead to what never ends.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let (mut file, metadata) = open(path)?;
    read_open(&mut file, &metadata)
}

/// The contents of an open file whose size is known, which is asked for once.
pub(super) fn read_open(file: &mut File, metadata: &Metadata) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0) + 1);
    file.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A regular file of the store, to be read.
pub(super) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let refused = |what| {
        let path = path.to_path_buf();
        io::Error::other(Refused { path, what })
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::LOOP | Errno::MLINK) => return Err(refused("is a symbolic link")),
        Err(errno) => return Err(errno.into()),
    };
    let metadata = file.metadata()?;
    match metadata.is_file() {
        true => Ok((file, metadata)),
        false => Err(refused("is no regular file")),
    }
}

/// Sets a file's times, a link's own; none is now.
pub(super) fn touch(path: &Path, time: Option<SystemTime>) -> io::Result<()> {
    let time = match time {
        None => Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_NOW,
        },
        Some(time) => {
            let since = time.duration_since(SystemTime::UNIX_EPOCH);
            let since = since.unwrap_or(Duration::ZERO);
            Timespec {
                tv_sec: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: since.subsec_nanos().into(),
            }
        }
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    Ok(rustix::fs::utimensat(
        CWD,
        path,
        &times,
        AtFlags::SYMLINK_NOFOLLOW,
    )?)
}

#[cfg(test)]
mod tests;
