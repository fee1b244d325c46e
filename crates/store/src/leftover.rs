//! What a program had started when the run that started it was killed, or when it ended itself.
//!
//! The kernel ends the program itself together with us, but not what the program started: a
//! shell's child may live on, and write into the folder after the next run has made it anew. A child in
//! a session of its own also outlives its program's group, and may write into what the program has made.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::folder::Folder;

/// Between looking whether what was killed is gone.
const LOOK: Duration = Duration::from_millis(1);
/// A process in the middle of a call to a slow disk cannot be ended before the call is.
const PATIENCE: Duration = Duration::from_secs(10);
/// A process that is becoming another program shows no environment until the kernel has copied it:
/// milliseconds, on a busy machine. A program may also have emptied its own for good.
const BECOMING: Duration = Duration::from_millis(500);
/// A process that ended before it was looked at may have started another one: so often everything is looked at.
const LOOKS: usize = 3;

/// Slurm gives each job its number here: a job that a program submitted is no part of it.
const JOB: &str = "SLURM_JOB_ID";
/// While a program ran for less than this, the numbers of processes have not come round.
const QUICK: Duration = Duration::from_millis(250);
/// To look at so many numbers takes about as long as to list all processes.
const FEW: libc::pid_t = 1000;

/// Kills every process whose `$HOME` or `$TMPDIR` is in this folder, and waits until they are gone. `folder` is absolute.
///
/// Only who holds the work folder may call this: then nobody else's program is meant.
pub fn end(folder: &Path) -> io::Result<()> {
    end_of(folder, None, all).map(drop)
}

/// The same of what a program left that has ended: the names of the processes outside of its group, whose own end is
/// told by that of the group. After a program that ran shortly this does not list all processes.
pub fn end_after(folder: &Path, program: u32, ran: Duration) -> io::Result<BTreeSet<String>> {
    let program = libc::pid_t::try_from(program).ok();
    end_of(folder, program, || {
        let program = program.filter(|_| ran < QUICK);
        // Where the system lists no processes a program has its result nevertheless.
        Ok(program
            .and_then(since)
            .unwrap_or_else(|| all().unwrap_or_default()))
    })
}

/// Ends processes among the `candidates`: names of those that are in another group than `program`.
fn end_of(
    folder: &Path,
    program: Option<libc::pid_t>,
    candidates: impl Fn() -> io::Result<Vec<libc::pid_t>>,
) -> io::Result<BTreeSet<String>> {
    if !shows_us() {
        return Ok(BTreeSet::new());
    }
    let start = Instant::now();
    let (mut names, mut ended) = (BTreeSet::new(), BTreeSet::new());
    for look in 1.. {
        let found = processes_of(folder, program, candidates()?);
        let known = ended.len();
        // Nobody may ever wait for one that has ended, which is listed until then.
        ended.extend(found.ended);
        let may_have_started = ended.len() > known && look < LOOKS;
        let is_becoming = found.becoming && start.elapsed() < BECOMING;
        match found.theirs.first() {
            None if !may_have_started && !is_becoming => break,
            Some(first) if start.elapsed() > PATIENCE => {
                return Err(io::Error::other(format!(
                    "process {first}, which a program started here, may go on writing and cannot be stopped"
                )));
            }
            _ => {}
        }
        for process in found.theirs {
            // SAFETY: it asks for a number, which is -1 where the process is gone by itself.
            let group = unsafe { libc::getpgid(process) };
            if group != -1 && Some(group) != program {
                let name = fs::read(format!("/proc/{process}/comm")).unwrap_or_default();
                names.insert(String::from_utf8_lossy(&name).trim_end().to_string());
            }
            // SAFETY: sends a signal and touches no memory.
            unsafe { libc::kill(process, libc::SIGKILL) };
        }
        thread::sleep(LOOK);
    }
    Ok(names)
}

/// Whether the processes in `/proc` have the numbers that we know them by: those of another namespace would be
/// anybody's.
fn shows_us() -> bool {
    let us = std::process::id().to_string();
    fs::read_link("/proc/self").is_ok_and(|link| link == Path::new(&us))
}

/// Every process.
fn all() -> io::Result<Vec<libc::pid_t>> {
    let numbers = fs::read_dir("/proc")?.map(|entry| {
        let name = entry?.file_name();
        Ok(name.to_str().and_then(|name| name.parse().ok()))
    });
    numbers.filter_map(Result::transpose).collect()
}

/// Numbers of processes that may have been started after this one: they are given in turn, also to threads. None where
/// these are too many, or have come round.
fn since(program: libc::pid_t) -> Option<Vec<libc::pid_t>> {
    let latest = thread::Builder::new().spawn(|| fs::read_link("/proc/thread-self"));
    let latest = latest.ok()?.join().ok()?.ok()?;
    let latest: libc::pid_t = latest.file_name()?.to_str()?.parse().ok()?;
    let numbers = program.checked_add(1)?..latest;
    let are_there = |process: &libc::pid_t| Path::new("/proc").join(process.to_string()).exists();
    (1..FEW)
        .contains(&(latest - program))
        .then(|| numbers.filter(are_there).collect())
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
    /// Later than the program, and ended before they were looked at.
    ended: Vec<libc::pid_t>,
}

fn processes_of(
    folder: &Path,
    program: Option<libc::pid_t>,
    candidates: Vec<libc::pid_t>,
) -> Found {
    let places = ["HOME=", "TMPDIR="];
    let places = places.map(|name| [name.as_bytes(), folder.as_os_str().as_bytes(), b"/"].concat());
    let our_job = std::env::var_os(JOB).unwrap_or_default();
    let mut found = Found::default();
    for process in candidates {
        let of = Path::new("/proc").join(process.to_string());
        let is_later = Some(process) > program;
        let environment = match fs::read(of.join("environ")) {
            Ok(environment) => environment,
            // Other users' are unreadable, too.
            Err(error) => {
                let errno = error.raw_os_error();
                if is_later && matches!(errno, Some(libc::ENOENT | libc::ESRCH)) {
                    found.ended.push(process);
                }
                continue;
            }
        };
        // Neither is there for a thread of the kernel and for what has ended, but those have no program.
        found.becoming |= is_later
            && environment.is_empty()
            && fs::read(of.join("cmdline")).is_ok_and(|line| line.is_empty())
            && fs::read_link(of.join("exe")).is_ok();
        let variables = || environment.split(|byte| *byte == 0);
        let of_another_job = variables().any(|variable| {
            let job = variable.strip_prefix(JOB.as_bytes());
            let job = job.and_then(|rest| rest.strip_prefix(b"="));
            job.is_some_and(|job| job != our_job.as_bytes())
        });
        // Whoever holds the folder makes it anew: then nothing may write into it, wherever it was started.
        let may_go_on = program.is_some() && of_another_job;
        let is_here = |variable: &[u8]| places.iter().any(|place| variable.starts_with(place));
        if !may_go_on && variables().any(is_here) {
            found.theirs.push(process);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    #[test]
    fn a_job_that_a_program_submitted_goes_on_until_somebody_else_has_the_folder() {
        let store = tempfile::tempdir().unwrap();
        let folder = store.path().join("key");
        let mut job = Command::new("sleep");
        let job = job.arg("20").env("TMPDIR", folder.join("tmp"));
        let mut job = job.env(JOB, "another").spawn().unwrap();
        for ran in [Duration::ZERO, QUICK] {
            let ended = end_after(&folder, std::process::id(), ran).unwrap();
            assert!(ended.is_empty(), "{ended:?}");
            assert!(job.try_wait().unwrap().is_none(), "it goes on");
        }
        end(&folder).unwrap();
        assert_eq!(job.wait().unwrap().signal(), Some(libc::SIGKILL));
    }

    #[test]
    fn nobody_waits_long_for_what_has_ended_and_is_still_listed() {
        let folder = tempfile::tempdir().unwrap();
        let mut ended = Command::new("true").spawn().unwrap();
        let status = format!("/proc/{}/status", ended.id());
        while !fs::read_to_string(&status).is_ok_and(|text| text.contains("\nState:\tZ")) {
            thread::sleep(LOOK);
        }
        let start = Instant::now();
        end(folder.path()).unwrap();
        end_after(folder.path(), ended.id() - 1, Duration::ZERO).unwrap();
        assert!(start.elapsed() < BECOMING);
        ended.wait().unwrap();
    }

    #[test]
    fn numbers_are_those_of_this_process_and_of_threads_after_it() {
        assert!(shows_us());
        let us = libc::pid_t::try_from(std::process::id()).unwrap();
        assert!(all().unwrap().contains(&us));
        let mut later = Command::new("sleep").arg("20").spawn().unwrap();
        let number = libc::pid_t::try_from(later.id()).unwrap();
        // None where numbers have come round meanwhile, or other tests start too many.
        let numbers = since(number - 1);
        assert!(numbers.is_none_or(|numbers| numbers.contains(&number)));
        later.kill().unwrap();
        later.wait().unwrap();
    }
}
