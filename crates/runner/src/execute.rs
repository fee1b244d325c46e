//! One stage, from taking its key to its commit.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rayon::{ThreadPool, ThreadPoolBuilder};

use super::devices::CPU;
use super::event::Event;
use super::fingerprints::Fingerprinter;
use super::journal::{Journal, StageReporter};
use super::selection::Selected;
use super::sharing::Sharing;
use pipeline_error::Error;
use pipeline_stage::{StageContext, StageOutput};
use pipeline_store::action::{Artifact, Lookup, Outcome};
use pipeline_store::digest::Digest;
use pipeline_store::fingerprint::{Fingerprint, Key};
use pipeline_store::publish::{Committed, Second};
use pipeline_store::work::WorkFolder;
use pipeline_store::{BlobState, Store};

/// Stack of the threads a stage runs on: that of a main thread, not the smaller default.
const STACK_BYTES: usize = 8 << 20;

/// A stage that is to be executed.
pub(super) struct Job {
    /// Its position in the selection.
    pub position: usize,
    pub fingerprint: Fingerprint,
    pub key: Key,
    /// Artifacts it reads, by role and name.
    pub inputs: BTreeMap<(String, String), Artifact>,
    pub threads: usize,
    /// Where it computes tensors.
    pub device: String,
    /// Why it is to be executed.
    pub reasons: Vec<String>,
}

/// How a job ended.
pub(super) enum Ended {
    Executed(Outcome),
    /// Somebody else made the result meanwhile.
    Cached(Outcome),
    Failed(Error),
}

/// What all jobs of a run share.
pub(super) struct Workshop<'a> {
    pub store: &'a Store,
    pub fingerprinter: &'a Fingerprinter,
    pub journal: &'a Journal<'a>,
    pub interrupted: &'a AtomicBool,
    /// Whether a stage's device is told of: the run has several.
    pub tells_device: bool,
    /// Whether longer trainings go on where shorter ones ended.
    pub continue_trainings: bool,
    /// The remote cache, if the run has one.
    pub sharing: Option<Sharing>,
    /// Inputs whose bytes were checked in this run, and the state that their files were in.
    pub verified: Mutex<BTreeMap<Digest, BlobState>>,
    /// Threads that no stage runs on: starting some takes longer than a quick stage.
    pub pools: Mutex<Vec<ThreadPool>>,
}

impl Workshop<'_> {
    /// Executes a job. A panic is a failure like any other.
    pub(super) fn execute(&self, selected: &Selected, job: &Job) -> Ended {
        let attempt = catch_unwind(AssertUnwindSafe(|| self.try_execute(selected, job)));
        match attempt {
            Ok(Ok(ended)) => ended,
            Ok(Err(error)) => Ended::Failed(error),
            Err(panic) => Ended::Failed(Error::fault(panic_message(&*panic))),
        }
    }

    fn try_execute(&self, selected: &Selected, job: &Job) -> Result<Ended, Error> {
        let work = self.claim(selected, &job.key)?;
        if selected.refresh {
            work.clear()?;
        } else if let Lookup::Complete(outcome) = self.store.lookup(&job.key)? {
            work.remove();
            return Ok(Ended::Cached(*outcome));
        } else if let Some(outcome) = self.pulled(selected, &work, job)? {
            work.remove();
            return Ok(Ended::Cached(outcome));
        }
        let lineage = self.lineage(selected, job)?;
        self.journal.emit(Event::StageStarted {
            name: selected.name().into(),
            kind: selected.kind().into(),
            key: job.key.to_string(),
            reasons: job.reasons.clone(),
            threads: job.threads,
        });
        if self.tells_device && job.device != CPU {
            self.journal.emit(Event::StageNote {
                name: selected.name().into(),
                line: format!("computes on {}", job.device),
            });
        }
        let start = Instant::now();
        let inputs = self.input_paths(job)?;
        let reporter = StageReporter::new(selected.name(), self.journal);
        let context = StageContext {
            inputs,
            digests: &job.fingerprint.inputs,
            work: work.path(),
            lineage: lineage.as_ref().map(WorkFolder::path),
            log: &self.journal.log_path(selected.name()),
            threads: job.threads,
            device: &job.device,
            interrupted: self.interrupted,
            reporter: &reporter,
        };
        let output = self.run_on_own_threads(selected, &context)?;
        self.fingerprinter.check_unchanged(selected)?;
        self.verify_inputs(job).map_err(|error| {
            error.with_hint(
                "the stage's own program, or another process, wrote to it while the stage read it: a program may write to its outputs only; `pipeline cache verify --repair` removes damaged results",
            )
        })?;
        let seconds = start.elapsed().as_secs_f64();
        let fingerprint = job.fingerprint.clone();
        let committed = work.commit(fingerprint, &output.artifacts, output.metrics, seconds)?;
        let ended = match committed {
            Committed::First(outcome) => match self.pushed(selected, &work, job)? {
                Some(theirs) => Ended::Cached(theirs),
                None => Ended::Executed(outcome),
            },
            Committed::Second(second) => {
                self.journal.emit(Event::StageNote {
                    name: selected.name().into(),
                    line: told(&second),
                });
                Ended::Cached(second.outcome)
            }
        };
        work.remove();
        Ok(ended)
    }

    /// Takes the work folder of a key for the stage; whoever has it is told of, and waited for.
    fn claim(&self, selected: &Selected, key: &Key) -> Result<WorkFolder<'_>, Error> {
        self.store.claim(key, self.interrupted, |holder| {
            self.journal.emit(Event::StageWaiting {
                name: selected.name().into(),
                holder,
            });
        })
    }

    /// What the stage shares with shorter and longer ones, if it is to share anything.
    fn lineage(&self, selected: &Selected, job: &Job) -> Result<Option<WorkFolder<'_>>, Error> {
        let field = selected.node.stage.lineage();
        let Some(field) = field.filter(|_| self.continue_trainings) else {
            return Ok(None);
        };
        // Whoever waits here holds its own key alone, and who is waited for waits for nobody.
        let key = job.fingerprint.lineage(field);
        let folder = self.claim(selected, &key)?;
        if selected.refresh {
            folder.clear()?;
        }
        Ok(Some(folder))
    }

    /// Where the inputs lie, once their bytes are those that were stored.
    fn input_paths(&self, job: &Job) -> Result<BTreeMap<(String, String), PathBuf>, Error> {
        self.verify_inputs(job)?;
        let paths = job.inputs.iter().map(|(name, artifact)| {
            let path = self.store.artifact_path(artifact)?;
            Ok((name.clone(), path))
        });
        paths.collect()
    }

    /// Fails if the bytes of an input are not those that were stored. They are digested whenever somebody may have
    /// written to the file since: a flipped bit must not be trained on, and reading an input twice is little beside any
    /// stage's work on it.
    fn verify_inputs(&self, job: &Job) -> Result<(), Error> {
        let verified = || self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        for artifact in job.inputs.values() {
            let known = verified().get(&artifact.digest).copied();
            let state = self.store.verify_since(artifact, known)?;
            verified().insert(artifact.digest, state);
        }
        Ok(())
    }

    /// Runs the stage inside a rayon pool of the size it was given, so that parallel iterators
    /// in the stage and in its libraries keep to its share of the threads.
    fn run_on_own_threads(
        &self,
        selected: &Selected,
        context: &StageContext,
    ) -> Result<StageOutput, Error> {
        let pools = || self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = {
            let mut pools = pools();
            let fitting = |pool: &ThreadPool| pool.current_num_threads() == context.threads;
            let fitting = pools.iter().position(fitting);
            fitting.map(|position| pools.swap_remove(position))
        };
        let pool = idle.map_or_else(|| thread_pool(context.threads), Ok)?;
        let output = pool.install(|| selected.node.stage.run(context));
        pools().push(pool);
        output
    }
}

/// That somebody else's result stays, in words.
fn told(second: &Second) -> String {
    if second.differing.is_empty() {
        return "another process committed the same result first".into();
    }
    let [theirs, ours] = &second.cpus;
    let cpu = |cpu: &Option<String>| cpu.clone().unwrap_or_else(|| "an unknown processor".into());
    format!(
        "another process committed first, and its result stays: its bytes of {} differ from those made here; it ran on \
         {}, this is {}",
        second.differing.join(", "),
        cpu(theirs),
        cpu(ours)
    )
}

/// Threads for a stage's work.
pub fn thread_pool(threads: usize) -> Result<ThreadPool, Error> {
    ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(STACK_BYTES)
        .thread_name(|index| format!("stage {index}"))
        .build()
        .map_err(|error| Error::stage(format!("cannot start threads: {error}")))
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}
