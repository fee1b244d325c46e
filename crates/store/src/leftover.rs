//! What a program had started when the run that started it was killed.
//!
//! The kernel ends the program itself together with us, but not what the program started: a
//! shell's child may live on, and write into the folder after the next run has made it anew.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use super::folder::Folder;

/// Between looking whether what was killed is gone.
const LOOK: Duration = Duration::from_millis(1);
/// A process in the middle of a call to a slow disk cannot be ended before the call is.
const PATIENCE: Duration = Duration::from_secs(10);
/// A process that is becoming another program shows no environment until the kernel has copied it:
/// milliseconds, on a busy machine. A program may also have emptied its own for good.
const BECOMING: Duration = Duration::from_millis(500);

/// Kills every process whose `$HOME` or `$TMPDIR` is in this folder, and waits until they are gone. `folder` is absolute.
///
/// Only who holds the work folder may call this: then nobody else's program is meant.
pub fn end(folder: &Path) -> io::Result<()> {
    let start = Instant::now();
    loop {
        let found = processes_of(folder)?;
        match found.theirs.first() {
            None if !found.becoming || start.elapsed() > BECOMING => return Ok(()),
            Some(first) if start.elapsed() > PATIENCE => {
                return Err(io::Error::other(format!(
                    "process {first}, which an earlier run started, writes here and cannot be stopped"
                )));
            }
            _ => {}
        }
        for process in found.theirs {
            // SAFETY: sends a signal and touches no memory.
            unsafe { libc::kill(process, libc::SIGKILL) };
        }
        std::thread::sleep(LOOK);
    }
}

/// As [`end`], if there is anything in the folder but what is `kept`: a look at all processes takes a millisecond.
pub(super) fn end_in(place: &Folder, kept: impl Fn(&OsStr) -> bool) -> io::Result<()> {
    match place.entries()?.iter().all(|(name, _)| kept(name)) {
        true => Ok(()),
        false => end(place.path()),
    }
}

#[derive(Default)]
struct Found {
    /// Started with a place in the folder.
    theirs: Vec<libc::pid_t>,
    /// There is a process that does not show yet with which environment it was started.
    becoming: bool,
}

fn processes_of(folder: &Path) -> io::Result<Found> {
    let places = ["HOME=", "TMPDIR="];
    let places = places.map(|name| [name.as_bytes(), folder.as_os_str().as_bytes(), b"/"].concat());
    let mut found = Found::default();
    let processes = match fs::read_dir("/proc") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        processes => processes?,
    };
    for entry in processes {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let of = Path::new("/proc").join(name);
        // Unreadable are those that have just ended, and other users'.
        let Ok(environment) = fs::read(of.join("environ")) else {
            continue;
        };
        // Neither is there for a thread of the kernel and for what has ended, but those have no program.
        found.becoming |= environment.is_empty()
            && fs::read(of.join("cmdline")).is_ok_and(|line| line.is_empty())
            && fs::read_link(of.join("exe")).is_ok();
        if environment
            .split(|byte| *byte == 0)
            .any(|variable| places.iter().any(|place| variable.starts_with(place)))
        {
            found.theirs.push(process);
        }
    }
    Ok(found)
}
