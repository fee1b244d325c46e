//! What workers say of themselves, and their signs of life.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use pipeline_cluster::Note;
use pipeline_error::Error;

/// Signs of life while a worker may be silent: some may come late.
const BEATS: u32 = 20;

/// Writes a note, whole or not at all.
pub fn write(path: &Path, note: &Note) -> Result<(), Error> {
    let put = || -> io::Result<()> {
        let draft = path.with_extension("draft");
        fs::write(&draft, serde_json::to_vec_pretty(note)?)?;
        fs::rename(&draft, path)
    };
    put().map_err(|error| Error::file(path, error))
}

/// A note; none if there is none yet.
pub fn read(path: &Path) -> Option<Note> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Whether a note's worker has given a sign of life lately, by the time of the file system itself.
pub fn beats(path: &Path, folder: &Path, patience: Duration) -> bool {
    let probe = folder.join(format!("now-{}", std::process::id()));
    let ages = || -> io::Result<Duration> {
        let beat = fs::metadata(path)?.modified()?;
        fs::write(&probe, [])?;
        let now = fs::metadata(&probe).and_then(|found| found.modified());
        fs::remove_file(&probe)?;
        Ok(now?.duration_since(beat).unwrap_or_default())
    };
    ages().is_ok_and(|age| age <= patience)
}

/// Signs of life of a note, until this is dropped.
pub struct Beating {
    stop: Option<Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Beating {
    /// Of the note at `path`.
    pub fn of(path: PathBuf, patience: Duration) -> Self {
        let (stop, stopped) = mpsc::channel();
        let every = patience / BEATS;
        let thread = thread::spawn(move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                // One that is missed is followed by others.
                let _ = File::options()
                    .write(true)
                    .open(&path)
                    .map(|file| touch(&file));
            }
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

/// The file system's own time, not that of this machine.
fn touch(file: &File) {
    // SAFETY: the file is open, and no times at all means now.
    unsafe { libc::futimens(file.as_raw_fd(), std::ptr::null()) };
}

impl Drop for Beating {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
