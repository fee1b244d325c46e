//! Where events go: to the listener and to the run's folder, in one order.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use super::event::Event;
use pipeline_error::Error;
use pipeline_stage::{Progress, Reporter};
use pipeline_store::run_folder::RunFolder;

/// Progress that comes faster than this is not shown.
const SHOWN_EVERY: Duration = Duration::from_millis(50);

/// Progress that comes faster than this is not kept.
const KEPT_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Journal<'a> {
    listener: &'a (dyn Fn(&[Event]) + Sync),
    record: Mutex<Record>,
}

struct Record {
    folder: RunFolder,
    /// Why the record is incomplete.
    failure: Option<Error>,
}

/// A line of `events.jsonl`.
#[derive(Serialize)]
struct Line<'a> {
    time: Timestamp,
    event: &'a Event,
}

impl<'a> Journal<'a> {
    pub(super) fn new(folder: RunFolder, listener: &'a (dyn Fn(&[Event]) + Sync)) -> Self {
        let failure = None;
        Self {
            listener,
            record: Mutex::new(Record { folder, failure }),
        }
    }

    /// Tells and keeps an event.
    pub(super) fn emit(&self, event: Event) {
        self.emit_all(&[event]);
    }

    /// Tells and keeps events that became known together.
    pub(super) fn emit_all(&self, events: &[Event]) {
        self.emit_if(events, true);
    }

    /// Writes a document beside the events.
    pub(super) fn write(&self, name: &str, document: &impl Serialize) {
        let mut record = self.record();
        let outcome = record.folder.write(name, document);
        record.remember(outcome);
    }

    /// Where a stage's program may print to.
    pub(super) fn log_path(&self, stage: &str) -> PathBuf {
        let logs = self.record().folder.path().join("logs");
        logs.join(format!("{stage}.log"))
    }

    /// Writes a file beside the events.
    pub(super) fn write_bytes(&self, name: &str, bytes: &[u8]) {
        let mut record = self.record();
        let outcome = record.folder.write_bytes(name, bytes);
        record.remember(outcome);
    }

    /// What kept the record from being complete, if anything did.
    pub(super) fn into_failure(self) -> Option<Error> {
        let record = self.record.into_inner();
        record.unwrap_or_else(PoisonError::into_inner).failure
    }

    fn emit_if(&self, events: &[Event], keep: bool) {
        // The lock is held while the listener works: all see the same order.
        let mut record = self.record();
        if keep {
            let time = Timestamp::now();
            let lines = events.iter().map(|event| Line { time, event });
            let outcome = record.folder.append(lines);
            record.remember(outcome);
        }
        (self.listener)(events);
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn remember(&mut self, outcome: Result<(), Error>) {
        if let Err(error) = outcome {
            self.failure.get_or_insert(error);
        }
    }
}

/// What one running stage reports to.
pub(super) struct StageReporter<'a> {
    name: &'a str,
    journal: &'a Journal<'a>,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    shown: Option<Instant>,
    kept: Option<Instant>,
}

impl<'a> StageReporter<'a> {
    pub(super) fn new(name: &'a str, journal: &'a Journal<'a>) -> Self {
        Self {
            name,
            journal,
            last: Mutex::default(),
        }
    }
}

impl Reporter for StageReporter<'_> {
    fn progress(&self, progress: Progress) {
        let now = Instant::now();
        let last_one = progress.done >= progress.total;
        let due = |before: &mut Option<Instant>, every: Duration| {
            let due = last_one || before.is_none_or(|before| now - before >= every);
            if due {
                *before = Some(now);
            }
            due
        };
        let keep = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            if !due(&mut last.shown, SHOWN_EVERY) {
                return;
            }
            due(&mut last.kept, KEPT_EVERY)
        };
        let event = Event::StageProgress {
            name: self.name.into(),
            done: progress.done,
            total: progress.total,
            unit: progress.unit.into(),
            message: progress.message,
        };
        self.journal.emit_if(&[event], keep);
    }

    fn output(&self, line: &str) {
        let event = Event::StageOutput {
            name: self.name.into(),
            line: line.into(),
        };
        // Every line: whoever shows only the last one at a time passes over what comes too fast.
        self.journal.emit_if(&[event], false);
    }

    fn note(&self, line: &str) {
        self.journal.emit(Event::StageNote {
            name: self.name.into(),
            line: line.into(),
        });
    }
}
