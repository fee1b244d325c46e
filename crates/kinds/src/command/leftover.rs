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

/// Kills every process whose `$HOME` or `$TMPDIR` is this folder, and waits until they are gone.
///
/// Only what holds the work folder's lock may call this: then nobody else's program is meant.
pub(super) fn end(scratch: &Path) -> io::Result<()> {
    let start = Instant::now();
    loop {
        let left = processes_of(scratch)?;
        let Some(first) = left.first() else {
            return Ok(());
        };
        if start.elapsed() > PATIENCE {
            return Err(io::Error::other(format!(
                "process {first}, which an earlier run started, writes here and cannot be stopped"
            )));
        }
        for process in left {
            // SAFETY: sends a signal and touches no memory.
            unsafe { libc::kill(process, libc::SIGKILL) };
        }
        std::thread::sleep(LOOK);
    }
}

/// The processes that were started with this scratch folder.
fn processes_of(scratch: &Path) -> io::Result<Vec<libc::pid_t>> {
    let [home, temporary] =
        ["HOME=", "TMPDIR="].map(|name| [name.as_bytes(), scratch.as_os_str().as_bytes()].concat());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(process) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // Unreadable are those that have just ended, and other users'.
        let Ok(environment) = fs::read(Path::new("/proc").join(name).join("environ")) else {
            continue;
        };
        if environment
            .split(|byte| *byte == 0)
            .any(|variable| variable == home || variable == temporary)
        {
            found.push(process);
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
        let (mut ours, mut other) = (sleeper("tmp"), sleeper("tmp2"));
        end(&folder.path().join("tmp")).unwrap();
        assert!(!ours.wait().unwrap().success());
        assert!(other.try_wait().unwrap().is_none(), "it goes on");
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
