//! Which stage comes when.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use miette::Diagnostic as _;

use super::devices::{CPU, Devices};
use super::event::Event;
use super::execute::{Ended, Job, Workshop};
use super::fingerprints::{artifacts_read, in_stage};
use super::options::RunOptions;
use super::plan::Surveyed;
use super::reasons::Reasons;
use super::record::{OutputRecord, PlannedStatus, StageRecord, StageStatus};
use super::selection::Selected;
use pipeline_error::Error;
use pipeline_store as store;
use pipeline_store::action::{Lookup, Outcome, Outputs};

/// The state of a run. It lives on one thread; jobs run on others and report back.
pub(super) struct Scheduler<'a> {
    selection: &'a [Selected<'a>],
    workshop: &'a Workshop<'a>,
    options: &'a RunOptions,
    /// Why stages are out of date whose inputs the survey did not know.
    reasons: Reasons<'a>,
    /// By position: the nodes that read from it.
    dependants: Vec<Vec<usize>>,
    /// By position: dependencies that have not ended.
    unfinished: Vec<usize>,
    /// By position: what the survey before the run found, its result until that is taken.
    surveyed: Vec<Surveyed>,
    /// By position: the artifacts, once there are some.
    outputs: Vec<Option<Outputs>>,
    /// By position: how it ended.
    records: Vec<Option<Arc<StageRecord>>>,
    /// What happened and was not told yet.
    untold: Vec<Event>,
    /// All dependencies have ended; not looked at yet.
    ready: BTreeSet<usize>,
    /// Known to be out of date; waiting for threads.
    waiting: BTreeMap<usize, Job>,
    running: BTreeMap<usize, Running>,
    devices: Devices,
    /// The first failure, and whose it was.
    failure: Option<(String, Error)>,
}

/// A job that was started.
struct Running {
    threads: usize,
    started: Instant,
}

impl<'a> Scheduler<'a> {
    pub(super) fn new(
        selection: &'a [Selected<'a>],
        workshop: &'a Workshop<'a>,
        options: &'a RunOptions,
        surveyed: Vec<Surveyed>,
    ) -> Self {
        let mut dependants = vec![Vec::new(); selection.len()];
        let mut unfinished = Vec::with_capacity(selection.len());
        for (position, selected) in selection.iter().enumerate() {
            let dependencies = selected.dependencies();
            unfinished.push(dependencies.len());
            for dependency in dependencies {
                dependants[dependency].push(position);
            }
        }
        let ready = (0..selection.len()).filter(|&position| unfinished[position] == 0);
        Self {
            selection,
            workshop,
            options,
            reasons: Reasons::new(workshop.store),
            dependants,
            ready: ready.collect(),
            unfinished,
            surveyed,
            outputs: vec![None; selection.len()],
            records: vec![None; selection.len()],
            untold: Vec::new(),
            waiting: BTreeMap::new(),
            running: BTreeMap::new(),
            devices: Devices::named(&options.device),
            failure: None,
        }
    }

    /// Visits every node; returns how each ended, and the first failure.
    pub(super) fn run(mut self) -> (Vec<StageRecord>, Option<Error>) {
        thread::scope(|scope| {
            let (report, reports) = mpsc::channel();
            loop {
                self.look_at_ready();
                self.tell();
                while let Some(job) = self.next_job() {
                    let (report, workshop) = (report.clone(), self.workshop);
                    let selected = &self.selection[job.position];
                    scope.spawn(move || {
                        let ended = workshop.execute(selected, &job);
                        // The receiver outlives every job: it is in this scope.
                        let _ = report.send((job, ended));
                    });
                }
                self.tell();
                // Skipping what waited may have made others ready.
                if !self.ready.is_empty() {
                    continue;
                }
                if self.running.is_empty() {
                    break;
                }
                let Some((job, ended)) = self.next_report(&reports) else {
                    break;
                };
                self.conclude(&job, ended);
                self.tell();
            }
        });
        let failure = self.failure.map(|(name, error)| in_stage(&name, error));
        let records = self.records.into_iter().flatten();
        (records.map(Arc::unwrap_or_clone).collect(), failure)
    }

    /// Waits for a job to end. When none does so soon, there is time to make sure of those that
    /// did; what fails then is tried again at the end of the run.
    fn next_report(&self, reports: &Receiver<(Job, Ended)>) -> Option<(Job, Ended)> {
        match reports.recv_timeout(store::SOON) {
            Ok(report) => Some(report),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                let _ = self.workshop.store.sync_names();
                reports.recv().ok()
            }
        }
    }

    /// Tells what happened since this was last done, before anything is waited for: a thousand
    /// stages that were cached are one call to the system.
    fn tell(&mut self) {
        if !self.untold.is_empty() {
            self.workshop.journal.emit_all(&self.untold);
            self.untold.clear();
        }
    }

    /// Finds out what is cached and what must run, as far as that can be known now.
    fn look_at_ready(&mut self) {
        while let Some(position) = self.ready.pop_first() {
            let blocker = self.blocked_by(position).or_else(|| self.stopped());
            if let Some(why) = blocker {
                self.skip(position, why);
                continue;
            }
            match self.examine(position) {
                Ok(Examined::Cached(outcome)) => {
                    self.succeed(position, StageStatus::Cached, *outcome);
                }
                Ok(Examined::OutOfDate(job)) => {
                    self.waiting.insert(position, *job);
                }
                Err(error) => self.fail(position, None, 0.0, error),
            }
        }
    }

    fn examine(&mut self, position: usize) -> Result<Examined, Error> {
        if let Some(outcome) = self.surveyed[position].outcome.take() {
            return Ok(Examined::Cached(Box::new(outcome)));
        }
        let selected = &self.selection[position];
        let produced: Vec<&Outputs> = selected
            .producers
            .iter()
            .filter_map(|&producer| self.outputs[producer].as_ref())
            .collect();
        let fingerprint = self
            .workshop
            .fingerprinter
            .fingerprint(selected, &produced)?;
        let key = fingerprint.key();
        if !selected.refresh
            && let Lookup::Complete(outcome) = self.workshop.store.lookup(&key)?
        {
            self.workshop.store.mark_used(&key);
            return Ok(Examined::Cached(outcome));
        }
        let planned = &self.surveyed[position].planned;
        let reasons = match planned.status {
            PlannedStatus::Run => planned.reasons.clone(),
            PlannedStatus::Cached | PlannedStatus::MayRun => self
                .reasons
                .for_absent(selected, &fingerprint.clone().into()),
        };
        let mut inputs = BTreeMap::new();
        for (input, outputs) in selected.inputs.iter().zip(produced) {
            for (name, artifact) in artifacts_read(input, outputs)? {
                inputs.insert((input.role.clone(), name.to_string()), artifact);
            }
        }
        Ok(Examined::OutOfDate(Box::new(Job {
            position,
            fingerprint,
            key,
            inputs,
            threads: 1,
            device: CPU.into(),
            reasons,
        })))
    }

    /// The next job that may start, with its share of the threads that are free.
    fn next_job(&mut self) -> Option<Job> {
        if let Some(why) = self.stopped() {
            for position in std::mem::take(&mut self.waiting).into_keys() {
                self.skip(position, why.clone());
            }
            return None;
        }
        let slots = self.options.jobs.max(1).saturating_sub(self.running.len());
        let taken: usize = self.running.values().map(|running| running.threads).sum();
        let free = self.options.threads.max(1).saturating_sub(taken);
        if slots == 0 || free == 0 {
            return None;
        }
        let starting = self.may_start(slots);
        let position = *starting.first()?;
        let mut job = self.waiting.remove(&position)?;
        job.threads = (free / starting.len()).max(1);
        if self.selection[position].node.stage.uses_device() {
            job.device = self.devices.take()?;
        }
        let running = Running {
            threads: job.threads,
            started: Instant::now(),
        };
        self.running.insert(position, running);
        Some(job)
    }

    /// The first of the waiting jobs that have what they need, `most` at most: each GPU has one job.
    fn may_start(&self, most: usize) -> Vec<usize> {
        let mut devices = self.devices.free();
        let has_device = |position: &&usize| {
            if !self.selection[**position].node.stage.uses_device() {
                return true;
            }
            let is_free = devices > 0;
            devices = devices.saturating_sub(1);
            is_free
        };
        let positions = self.waiting.keys().filter(has_device);
        positions.take(most).copied().collect()
    }

    fn conclude(&mut self, job: &Job, ended: Ended) {
        self.devices.give_back(&job.device);
        let running = self.running.remove(&job.position);
        let seconds = running.map_or(0.0, |running| running.started.elapsed().as_secs_f64());
        match ended {
            Ended::Executed(outcome) => self.succeed(job.position, StageStatus::Executed, outcome),
            Ended::Cached(outcome) => self.succeed(job.position, StageStatus::Cached, outcome),
            Ended::Failed(error) => {
                self.fail(job.position, Some(job.key.to_string()), seconds, error);
            }
        }
    }

    /// Why a node cannot run because of what it depends on.
    fn blocked_by(&self, position: usize) -> Option<String> {
        let dependencies = self.selection[position].dependencies();
        let record = dependencies
            .into_iter()
            .filter_map(|dependency| self.records[dependency].as_ref())
            .find(|record| matches!(record.status, StageStatus::Failed | StageStatus::Skipped))?;
        let how = match record.status {
            StageStatus::Failed => "failed",
            _ => "was skipped",
        };
        Some(format!("it needs `{}`, which {how}", record.name))
    }

    /// Why nothing new starts.
    fn stopped(&self) -> Option<String> {
        if is_set(self.workshop.interrupted) {
            return Some("the run was interrupted".into());
        }
        match &self.failure {
            Some((_, Error::Interrupted)) => Some("the run was interrupted".into()),
            Some((name, _)) if !self.options.keep_going => {
                Some(format!("the run stopped when `{name}` failed"))
            }
            _ => None,
        }
    }

    fn succeed(&mut self, position: usize, status: StageStatus, outcome: Outcome) {
        let mut record = self.blank(position, status);
        record.key = Some(outcome.key.to_string());
        record.seconds = outcome.seconds;
        record.outputs = OutputRecord::all_of(&outcome.outputs, self.workshop.store);
        record.metrics = outcome.metrics;
        self.outputs[position] = Some(outcome.outputs);
        self.finish(position, record);
    }

    fn fail(&mut self, position: usize, key: Option<String>, seconds: f64, error: Error) {
        let mut record = self.blank(position, StageStatus::Failed);
        record.key = key;
        record.seconds = seconds;
        record.error = Some(with_hint(&error));
        record.error_name = error.code().map(|code| code.name().into());
        let name = record.name.clone();
        self.failure.get_or_insert((name, error));
        self.finish(position, record);
    }

    fn skip(&mut self, position: usize, why: String) {
        let mut record = self.blank(position, StageStatus::Skipped);
        record.error = Some(why);
        self.finish(position, record);
    }

    fn blank(&self, position: usize, status: StageStatus) -> StageRecord {
        StageRecord {
            name: self.selection[position].name().into(),
            kind: self.selection[position].kind().into(),
            status,
            key: None,
            seconds: 0.0,
            outputs: BTreeMap::new(),
            metrics: BTreeMap::new(),
            error: None,
            error_name: None,
        }
    }

    fn finish(&mut self, position: usize, record: StageRecord) {
        let record = Arc::new(record);
        self.records[position] = Some(Arc::clone(&record));
        self.untold.push(Event::StageFinished { record });
        for &dependant in &self.dependants[position] {
            self.unfinished[dependant] -= 1;
            if self.unfinished[dependant] == 0 {
                self.ready.insert(dependant);
            }
        }
    }
}

enum Examined {
    Cached(Box<Outcome>),
    OutOfDate(Box<Job>),
}

fn is_set(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}

/// A failure in words, with what to do about it where that is known.
fn with_hint(error: &Error) -> String {
    match error.help() {
        Some(hint) => format!("{error}\nhint: {hint}"),
        None => error.to_string(),
    }
}
