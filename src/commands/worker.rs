//! `pipeline worker RUN JOB`: the program inside a job. It runs the stages of its task against the store, says how it
//! stands, and when its time is nearly over puts its job in the queue again. In a job without stages it goes on submitting.

use std::collections::BTreeMap;
use std::fs;
use std::mem::ManuallyDrop;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::Args;

use crate::arguments::StoreArguments;
use crate::device;
use crate::display::progress::Progress;
use crate::display::run_summary;
use crate::interrupt;
use crate::submission::note::{self, Beating};
use crate::submission::part::Part;
use crate::submission::record::Submission;
use crate::submission::slurm;
use crate::submission::step::{By, Step, Stepped};
use crate::submission::subject::{Failed, Subject};
use crate::terminal::style::Style;
use crate::terminal::verbosity::Verbosity;
use crate::terminal::{diagnostic, stdout};
use pipeline_cluster::{JobRecord, Note, Stopped};
use pipeline_error::Error;
use pipeline_runner::record::{RunRecord, StageStatus};
use pipeline_runner::{self as runner, RunOptions, RunOutcome, history};
use pipeline_store::{Store, machine};

/// Set where the shell outside of a container puts the job in the queue again.
const OUTSIDE: &str = "PIPELINE_REQUEUE";

/// Between two tries to reach a controller.
const PAUSE: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub struct WorkerArguments {
    /// The run's id
    #[arg(value_name = "RUN")]
    run: String,

    /// The number of the job in the run; left out: the one that goes on submitting
    #[arg(value_name = "JOB")]
    job: Option<usize>,

    #[command(flatten)]
    store: StoreArguments,
}

/// Runs the stages, or submits.
pub fn execute(arguments: &WorkerArguments, verbosity: Verbosity) -> Result<ExitCode, Error> {
    let store = arguments.store.open()?;
    let submission = Submission::open(&store, &arguments.run)?;
    let job = match arguments.job {
        Some(number) => submission.ledger.job(number),
        // Jobs of earlier programs name none.
        None => submission.ledger.goes_on(),
    };
    let job = job.ok_or_else(|| {
        let number = arguments.job.map(|number| number.to_string());
        let which = number.as_deref().unwrap_or("that goes on submitting");
        Error::Usage {
            message: format!("run {} has no job {which}", submission.run),
            hint: None,
        }
    })?;
    let number = job.job;
    match job.goes_on() {
        true => go_on(submission, number, &store, verbosity),
        false => Worker::of(&submission, job, &store)?.work(verbosity),
    }
}

fn go_on(
    mut submission: Submission,
    own: usize,
    store: &Store,
    verbosity: Verbosity,
) -> Result<ExitCode, Error> {
    let stepped = step(&mut submission, own, store, verbosity);
    let (exit_code, declined) = match &stepped {
        Ok(stepped) => (0, stepped.declined.clone()),
        Err(error) => (error.exit_code(), None),
    };
    if let Some(why) = &declined {
        verbosity.note(&format!("nothing is submitted: {why}"));
    }
    let note = Note {
        exit_code: Some(exit_code),
        declined,
        ..here()
    };
    let written = note::write(&submission.note(own, 0), &note);
    let mut submitted = stepped.iter().flat_map(|stepped| &stepped.submitted);
    let printed = submitted
        .try_for_each(|(job, id)| stdout::print(&format!("submitted {id} {}\n", job.name)));
    stepped
        .and(written)
        .and(printed)
        .map(|()| ExitCode::SUCCESS)
}

fn step(
    submission: &mut Submission,
    own: usize,
    store: &Store,
    verbosity: Verbosity,
) -> Result<Stepped, Error> {
    let interrupted = interrupt::listen();
    let selection = submission.asked.selection(store.root());
    let held = submission.hold(store, interrupted, |_| ())?;
    let subject = Subject::open(&selection, store, Failed::Passed)?;
    let step = Step::of(&subject, store, By::Job(own), verbosity, interrupted)?;
    let stepped = step.take(submission);
    held.remove();
    stepped
}

/// What a note begins with.
fn here() -> Note {
    Note {
        host: std::env::var("SLURMD_NODENAME").unwrap_or_else(|_| machine::host().into()),
        cpu: machine::cpu().map(str::to_string),
        ..Note::default()
    }
}

/// Why stages failed; one that was interrupted did not.
fn failures(record: &RunRecord) -> BTreeMap<String, String> {
    let interrupted = Error::Interrupted.to_string();
    let failed = record
        .stages
        .iter()
        .filter(|stage| stage.status == StageStatus::Failed);
    let why = failed.filter_map(|stage| Some((stage.name.clone(), stage.error.clone()?)));
    why.filter(|(_, why)| *why != interrupted).collect()
}

struct Worker<'a> {
    submission: &'a Submission,
    store: &'a Store,
    job: &'a JobRecord,
    /// The task's index in the job.
    index: usize,
    /// Names of the nodes.
    task: &'a [String],
    /// Where it says how it stands.
    path: PathBuf,
    note: Note,
}

impl<'a> Worker<'a> {
    fn of(submission: &'a Submission, job: &'a JobRecord, store: &'a Store) -> Result<Self, Error> {
        let index = std::env::var("SLURM_ARRAY_TASK_ID").ok();
        let index = index.and_then(|index| index.parse().ok()).unwrap_or(0);
        let task = job.tasks.get(index).ok_or_else(|| Error::Usage {
            message: format!(
                "job {} of run {} has no task {index}",
                job.job, submission.run
            ),
            hint: None,
        })?;
        Ok(Self {
            submission,
            store,
            job,
            index,
            task,
            path: submission.note(job.job, index),
            note: here(),
        })
    }

    fn work(mut self, verbosity: Verbosity) -> Result<ExitCode, Error> {
        note::write(&self.path, &self.note)?;
        // By the time of the store's file system.
        let began = fs::metadata(&self.path).and_then(|note| note.modified());
        let began = began.map_err(|error| Error::file(&self.path, error))?;
        let beating = Beating::of(self.path.clone(), self.store.patience());
        let worked = self.run(began, verbosity);
        drop(beating);
        self.note.exit_code = Some(worked.as_ref().err().map_or(0, Error::exit_code));
        note::write(&self.path, &self.note)?;
        match self.note.stopped {
            Some(Stopped::Requeued) => self.requeue(verbosity),
            Some(Stopped::OutOfTime) => {
                return Err(Error::stage(
                    "the time of the job is nearly over, and the stage left nothing new to go on from",
                )
                .with_hint("give it more `time` under its [stages.NAME.resources]"));
            }
            None => {}
        }
        worked.map(|()| ExitCode::SUCCESS)
    }

    fn run(&mut self, began: SystemTime, verbosity: Verbosity) -> Result<(), Error> {
        let interrupted = interrupt::listen();
        let selection = self.submission.asked.selection(self.store.root());
        device::require(&selection.device)?;
        let ledger = &self.submission.ledger;
        let part = Part::of(&selection, ledger, self.job, self.task)?;
        self.check(&part)?;
        let mut documents = part.documents.clone();
        documents.extend(self.document());
        let options = RunOptions {
            targets: self.task.to_vec(),
            keep_going: true,
            device: selection.device.clone(),
            continue_trainings: part.continue_trainings,
            private: part.private,
            ..RunOptions::default()
        };
        let part = ManuallyDrop::new(part);
        let progress = Progress::stderr(verbosity);
        let outcome = runner::run(
            &part.name,
            &part.nodes,
            &options,
            &|| Ok(documents.clone()),
            self.store,
            interrupted,
            &|events| progress.show(events),
        )?;
        drop(progress);
        let RunOutcome { record, error } = outcome;
        self.note.failures = failures(&record);
        stdout::print(&run_summary::render(&record, Style::stdout()))?;
        let Some(error) = error else { return Ok(()) };
        if matches!(error, Error::Interrupted) && interrupt::warned() {
            self.note.stopped = Some(match self.got_on(&record, began) {
                true => Stopped::Requeued,
                false => Stopped::OutOfTime,
            });
        }
        for other in run_summary::other_failures(&record, &error) {
            diagnostic::eprint(&other, Style::stderr());
        }
        Err(error)
    }

    /// What its run says of it in the history.
    fn document(&self) -> Option<(&'static str, Vec<u8>)> {
        let worker = history::Worker {
            run: self.submission.run.clone(),
            job: self.job.job,
            task: self.index,
        };
        Some((history::Worker::FILE, serde_json::to_vec(&worker).ok()?))
    }

    /// Refuses to run under a node's name anything but what was submitted under it.
    fn check(&self, part: &Part) -> Result<(), Error> {
        for name in self.task {
            if part.identities.get(name) != self.job.identities.get(name) {
                return Err(Error::Usage {
                    message: format!("stage `{name}` is not what it was when it was submitted"),
                    hint: Some(
                        "the recipe, a variable of the environment or the program has changed: submit again".into(),
                    ),
                });
            }
        }
        Ok(())
    }

    /// Whether another turn begins further on than this one did.
    fn got_on(&self, record: &RunRecord, began: SystemTime) -> bool {
        let of_task =
            |stage: &&pipeline_runner::record::StageRecord| self.task.contains(&stage.name);
        record.stages.iter().filter(of_task).any(|stage| {
            let key = stage.key.as_ref();
            let key = key.and_then(|key| serde_json::from_value(key.as_str().into()).ok());
            stage.status == StageStatus::Executed
                || key.is_some_and(|key| self.store.got_on(&key, began))
        })
    }

    /// Puts the job in the queue again. The controller may be away: it is asked until Slurm ends the job.
    fn requeue(&self, verbosity: Verbosity) {
        if std::env::var_os(OUTSIDE).is_some() {
            return;
        }
        let Ok(id) = std::env::var("SLURM_JOB_ID") else {
            return;
        };
        let most = self.submission.asked.cluster.warn_seconds / 2;
        for _ in 0..most.max(1) {
            match slurm::requeue(&id) {
                Ok(()) => return,
                Err(error) => verbosity.note(&format!("{error}; asking again")),
            }
            std::thread::sleep(PAUSE);
        }
    }
}
