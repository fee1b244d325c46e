//! What a program had started when the run that started it was killed.
//!
//! The kernel ends the program itself together with us, but not what the program started: a
//! shell's child may live on, and write into the folder after the next run has made it anew.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Between looking whether what was killed is gone.
const LOOK: Duration = Duration::from_millis(1);
/// A process in the middle of a call to a slow disk cannot be ended before the call is.
const PATIENCE: Duration = Duration::from_secs(10);
/// A process that is becoming another program shows no environment until the kernel has copied it:
/// milliseconds, on a busy machine. A program may also have emptied its own for good.
const BECOMING: Duration = Duration::from_millis(500);

/// Kills every process whose `$HOME` or `$TMPDIR` is this folder, and waits until they are gone.
///
/// Only what holds the work folder's lock may call this: then nobody else's program is meant.
pub(super) fn end(scratch: &Path) -> io::Result<()> {
    let start = Instant::now();
    loop {
        let found = processes_of(scratch)?;
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

#[derive(Default)]
struct Found {
    /// Started with the scratch folder.
    theirs: Vec<libc::pid_t>,
    /// There is a process that does not show yet with which environment it was started.
    becoming: bool,
}

fn processes_of(scratch: &Path) -> io::Result<Found> {
    let [home, temporary] =
        ["HOME=", "TMPDIR="].map(|name| [name.as_bytes(), scratch.as_os_str().as_bytes()].concat());
    let mut found = Found::default();
    for entry in fs::read_dir("/proc")? {
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
            .any(|variable| variable == home || variable == temporary)
        {
            found.theirs.push(process);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn only_what_was_started_with_the_folder_is_ended() {
        let folder = tempfile::tempdir().unwrap();
        let sleeper = |name: &str| {
            let scratch = folder.path().join(name);
            let mut command = Command::new("sleep");
            command.arg("60").env("TMPDIR", scratch).spawn().unwrap()
        };
        // Often: a program that has only just started shows no environment yet.
        for _ in 0..20 {
            let (mut other, mut ours) = (sleeper("tmp2"), sleeper("tmp"));
            end(&folder.path().join("tmp")).unwrap();
            assert!(!ours.wait().unwrap().success());
            assert!(other.try_wait().unwrap().is_none(), "it goes on");
            other.kill().unwrap();
            other.wait().unwrap();
        }
    }
}
