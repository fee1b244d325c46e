//! The record of one run, appended while it goes on.

use std::fs::{File, Permissions};
use std::io::{self, BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use rustix::fs::FileType;
use serde::Serialize;

use super::folder::Folder;
use super::sealing::Sealing;
use super::{Hold, Store, checksum, failed, rows, unwritable};
use pipeline_error::Error;

/// Events that become known together are written in pieces of this size.
const CHUNK: usize = 64 << 10;

/// A submission rewrites these, so they have no checksum.
const REWRITTEN: [&str; 2] = ["plan.json", "submission.json"];

/// `runs/ID/`: `events.jsonl`, and documents such as `plan.json` and `summary.json`.
#[derive(Debug)]
pub struct RunFolder {
    id: String,
    folder: Folder,
    started: Timestamp,
    events: File,
    /// How much of `events` is whole lines.
    whole: u64,
    /// Lines on their way to `events`; empty between calls.
    lines: Vec<u8>,
    private: bool,
    // While a run goes on nothing that it may need is collected.
    _hold: Hold,
}

impl Store {
    /// A new run, with an id that sorts by time. A `private` one can be read by its user alone.
    ///
    /// Waits while somebody cleans the store: `waiting` is told of it, once. Ends with
    /// [`Error::Interrupted`] if asked to stop meanwhile.
    pub fn start_run(
        &self,
        private: bool,
        interrupted: &AtomicBool,
        waiting: impl FnMut(),
    ) -> Result<RunFolder, Error> {
        let hold = self.share(interrupted, waiting)?;
        let runs = self.runs_folder();
        let made = self.own_folder().and_then(|root| {
            let (id, folder, started) = new_folder(&root.make("runs")?, private)?;
            let events = new_file(&folder, "events.jsonl", private)?;
            Ok((id, folder, started, events))
        });
        let (id, folder, started, events) = made.map_err(|error| unwritable(&runs, error))?;
        *self.run.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.clone());
        Ok(RunFolder {
            id,
            folder,
            started,
            events,
            whole: 0,
            lines: Vec::new(),
            private,
            _hold: hold,
        })
    }

    /// Ids of all runs, the latest first.
    pub fn run_ids(&self) -> Result<Vec<String>, Error> {
        let runs = self.runs_folder();
        let listed = self
            .own_folder()
            .and_then(|root| root.folder("runs")?.entries());
        let entries = match listed {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(&runs, error)),
        };
        let mut ids: Vec<String> = entries
            .into_iter()
            .filter(|(_, kind)| *kind == FileType::Directory)
            .filter_map(|(name, _)| name.into_string().ok())
            .filter(|id| started(id).is_some())
            .collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        Ok(ids)
    }

    /// The folder of all runs.
    pub fn runs_folder(&self) -> PathBuf {
        self.root().join("runs")
    }
}

impl RunFolder {
    /// The run's id: start in UTC, then the fraction of the second in 1/65536.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// When the run started.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// Appends to `events.jsonl`, one line an event.
    pub fn append(&mut self, events: impl Iterator<Item = impl Serialize>) -> Result<(), Error> {
        let lines = &mut self.lines;
        let write = || {
            for event in events {
                serde_json::to_writer(&mut *lines, &event)?;
                lines.push(b'\n');
                if lines.len() >= CHUNK {
                    self.events.write_all(lines)?;
                    self.whole += lines.len() as u64;
                    lines.clear();
                }
            }
            // Whole lines in one call, so that a crash cannot leave two of them interleaved.
            self.events.write_all(lines)?;
            self.whole += lines.len() as u64;
            Ok(())
        };
        let written = write();
        self.lines.clear();
        if written.is_err() {
            // The next line would be joined to a part of this one.
            let cut = self.events.set_len(self.whole);
            let _ = cut.and_then(|()| self.events.seek(SeekFrom::Start(self.whole)));
        }
        written.map_err(|error: io::Error| failed(&self.path().join("events.jsonl"), error))
    }

    /// Writes a document, whole or not at all, with a checksum.
    pub fn write(&self, name: &str, document: &impl Serialize) -> Result<(), Error> {
        self.write_by(name, |draft| match REWRITTEN.contains(&name) {
            true => {
                let mut draft = BufWriter::with_capacity(CHUNK, draft);
                rows::write(&mut draft, document)?;
                draft.flush()
            }
            false => {
                let mut draft = Sealing::new(&place(&self.id, name), draft);
                rows::write(&mut draft, document)?;
                draft.end()
            }
        })
    }

    /// Writes a file, whole or not at all; a document with a checksum.
    pub fn write_bytes(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        self.write_by(name, |mut draft| {
            if !name.ends_with(".json") {
                return draft.write_all(bytes);
            }
            let mut draft = Sealing::new(&place(&self.id, name), draft);
            draft.write_all(bytes)?;
            draft.end()
        })
    }

    fn write_by(
        &self,
        name: &str,
        write: impl FnOnce(File) -> io::Result<()>,
    ) -> Result<(), Error> {
        let draft = format!("{name}.draft");
        new_file(&self.folder, &draft, self.private)
            .and_then(write)
            .and_then(|()| self.folder.rename(&draft, &self.folder, name))
            .map_err(|error| failed(&self.path().join(name), error))
    }
}

/// Fails unless a document of the run of this id is as it was written for that run. One without a checksum passes: an
/// older pipeline wrote it, or it is written anew while the run goes on.
pub fn check_document(id: &str, name: &str, bytes: &[u8]) -> Result<(), &'static str> {
    let passes = is_sealed(id, name, bytes)
        || !bytes.starts_with(b"{")
        || checksum::is_unsealed(without_end(bytes));
    match passes {
        true => Ok(()),
        false => Err(checksum::CHANGED),
    }
}

/// Whether a document of the run of this id has a checksum, and is as it was written for that run.
pub fn is_sealed(id: &str, name: &str, bytes: &[u8]) -> bool {
    checksum::is_sealed(&place(id, name), without_end(bytes))
}

fn without_end(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\n").unwrap_or(bytes)
}

/// A document's checksum covers this and its text.
fn place(id: &str, name: &str) -> String {
    format!("{id}/{name}\n")
}

/// When the run of this id started, to 1/65536 of a second; none if this is no run's id.
pub fn started(id: &str) -> Option<Timestamp> {
    let (seconds, fraction) = id.split_once('-')?;
    let seconds = DateTime::strptime("%Y%m%dT%H%M%SZ", seconds).ok()?;
    let seconds = TimeZone::UTC.to_timestamp(seconds).ok()?;
    let fraction = i64::from(u16::from_str_radix(fraction, 16).ok()?);
    let nanoseconds = fraction * 1_000_000_000 / 65_536;
    Timestamp::new(seconds.as_second(), i32::try_from(nanoseconds).ok()?).ok()
}

/// An empty file; of a private run, one that its user alone can read.
fn new_file(folder: &Folder, name: &str, private: bool) -> io::Result<File> {
    let file = folder.create(name)?;
    if private {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

fn new_folder(runs: &Folder, private: bool) -> io::Result<(String, Folder, Timestamp)> {
    // Before the user's own mask.
    let mode = if private { 0o700 } else { 0o777 };
    loop {
        let now = Timestamp::now();
        let fraction = i64::from(now.subsec_nanosecond()) * 65_536 / 1_000_000_000;
        let id = format!("{}-{fraction:04x}", now.strftime("%Y%m%dT%H%M%SZ"));
        match runs.make_new(&id, mode) {
            Ok(folder) => return Ok((id, folder, now)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                std::thread::sleep(Duration::from_micros(20));
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    #[test]
    fn ids_sort_by_time_and_events_are_one_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let never = AtomicBool::new(false);
        let mut runs: Vec<RunFolder> = (0..50)
            .map(|_| store.start_run(false, &never, || ()).unwrap())
            .collect();
        assert!(runs.windows(2).all(|pair| pair[0].id() < pair[1].id()));
        let latest_first = store.run_ids().unwrap();
        assert!(latest_first.iter().rev().eq(runs.iter().map(RunFolder::id)));
        let run = &mut runs[0];
        let rounding = run.started().as_nanosecond() - started(run.id()).unwrap().as_nanosecond();
        assert!((0..20_000).contains(&rounding), "{rounding}");
        assert_eq!(started("draft"), None);
        assert_eq!(run.id().len(), "20261123T091500Z-xxxx".len());
        run.append(["one"].iter()).unwrap();
        run.append(["two\nlines", "three"].iter()).unwrap();
        run.write("plan.json", &[1]).unwrap();
        let events = fs::read_to_string(run.path().join("events.jsonl")).unwrap();
        assert_eq!(events, "\"one\"\n\"two\\nlines\"\n\"three\"\n");
        assert_eq!(fs::read_dir(run.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_document_is_that_of_its_run_as_it_was_written_or_has_no_checksum() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let never = AtomicBool::new(false);
        let run = store.start_run(false, &never, || ()).unwrap();
        run.write("summary.json", &json!({ "auroc": 0.5 })).unwrap();
        run.write_bytes("resolved.json", b"{\"seed\":1}").unwrap();
        for name in ["summary.json", "resolved.json"] {
            let bytes = fs::read(run.path().join(name)).unwrap();
            check_document(run.id(), name, &bytes).unwrap();
            assert!(is_sealed(run.id(), name, &bytes));
            check_document(run.id(), "other.json", &bytes).unwrap_err();
            check_document("20261123T091500Z-0a1b", name, &bytes).unwrap_err();
            let mut edited = bytes.clone();
            edited[4] ^= 1;
            check_document(run.id(), name, &edited).unwrap_err();
        }
        let older = b"{\"auroc\":0.5}\n";
        check_document(run.id(), "summary.json", older).unwrap();
        assert!(!is_sealed(run.id(), "summary.json", older));
        check_document(run.id(), "variants.json", b"[1]").unwrap();
    }
}
