//! A run from beginning to end.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::devices::CPU;
use super::environment::Environment;
use super::event::Event;
use super::execute::Workshop;
use super::fingerprints::Fingerprinter;
use super::journal::Journal;
use super::locking::{self, State};
use super::options::RunOptions;
use super::plan;
use super::record::{PlanRecord, RunRecord, RunStatus, StageStatus};
use super::scheduler::Scheduler;
use super::selection::{Selected, select};
use super::sharing::Sharing;
use pipeline_error::Error;
use pipeline_stage::Node;
use pipeline_store::Store;

/// How a run ended.
#[derive(Debug)]
pub struct RunOutcome {
    /// Stage by stage.
    pub record: RunRecord,
    /// The first failure, of its own kind and naming its stage; its exit code is the run's.
    pub error: Option<Error>,
}

/// The document `runs/ID/summary.json`: absent if the run was killed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunSummary {
    /// When the run started.
    pub started: Timestamp,
    /// Wall time.
    pub seconds: f64,
    /// The exit code it led to.
    pub exit_code: u8,
    /// The document that `run --format json` prints.
    pub record: RunRecord,
}

/// The documents of fewer stages are written sooner than another thread starts.
const WORTH_A_THREAD: usize = 200;

/// What is kept beside a run's record (`recipe.toml`), by file name.
pub type Documents = Vec<(&'static str, Vec<u8>)>;

/// Brings the targets up to date. Fails by itself only before anything ran; what happens
/// later is in the outcome. `documents` is called before anything runs, maybe from another thread;
/// `listener` is called from several threads, one at a time, with what is known at one moment.
pub fn run(
    recipe_name: &str,
    nodes: &[Node],
    options: &RunOptions,
    documents: &(dyn Fn() -> Result<Documents, Error> + Sync),
    store: &Store,
    interrupted: &AtomicBool,
    listener: &(dyn Fn(&[Event]) + Sync),
) -> Result<RunOutcome, Error> {
    let start = Instant::now();
    let selection = select(nodes, options)?;
    refuse_missing_gpu(&selection, options)?;
    let fingerprinter = Fingerprinter::new(&selection, options, store)?;
    let index = plan::index_of(&selection, store);
    let survey = || plan::survey_selection(&selection, &fingerprinter, store, &index);
    let (surveyed, documents) = match selection.len() < WORTH_A_THREAD {
        true => (survey()?, documents()?),
        false => thread::scope(|scope| {
            let written = scope.spawn(documents);
            let surveyed = survey()?;
            let written = written.join();
            let written = written.unwrap_or_else(|panic| resume_unwind(panic));
            Ok::<_, Error>((surveyed, written?))
        })?,
    };
    let names: BTreeSet<&str> = nodes.iter().map(|node| node.name.as_str()).collect();
    let mut locked = None;
    if let Some(lock) = &options.lock {
        let states = State::all(&selection, &fingerprinter, &surveyed)?;
        if let Some(drift) = locking::refuse(&locking::compare(lock, &names, &states)) {
            return Err(drift);
        }
        locked = Some((lock, states));
    }
    let waiting = || listener(&[Event::StoreWaiting]);
    let folder = store.start_run(options.private, interrupted, waiting)?;
    let cached = surveyed.iter().filter_map(|stage| stage.outcome.as_ref());
    store.mark_all_used(&index, cached.map(|outcome| &outcome.key));
    let (run, started) = (folder.id().to_string(), folder.started());
    let journal = Journal::new(folder, listener);
    for (name, bytes) in &documents {
        journal.write_bytes(name, bytes);
    }
    journal.write("environment.json", &Environment::here(&options.device));
    journal.write("plan.json", &PlanRecord::of(recipe_name, &surveyed));
    journal.emit(Event::RunStarted {
        run: run.clone(),
        recipe: recipe_name.into(),
        stages: selection.iter().map(|node| node.name().into()).collect(),
    });
    let workshop = Workshop {
        store,
        fingerprinter: &fingerprinter,
        journal: &journal,
        interrupted,
        tells_device: options.device.contains(','),
        continue_trainings: options.continue_trainings,
        sharing: options.remote.as_ref().map(Sharing::of),
        verified: Mutex::default(),
        pools: Mutex::default(),
    };
    let (stages, failure) = Scheduler::new(&selection, &workshop, options, surveyed).run();
    let skipped = stages
        .iter()
        .any(|stage| stage.status == StageStatus::Skipped);
    let error = failure
        .or_else(|| store.sync_names().err())
        .or_else(|| (skipped && interrupted.load(Ordering::Relaxed)).then_some(Error::Interrupted));
    let compared = locked.map(|(lock, states)| {
        let states = states.into_iter().map(|state| state.after(&stages));
        locking::compare(lock, &names, &states.collect::<Vec<_>>())
    });
    let drift = compared.as_ref().and_then(locking::refuse);
    let record = RunRecord {
        run,
        recipe: recipe_name.into(),
        status: match &error {
            None => RunStatus::Done,
            Some(Error::Interrupted) => RunStatus::Interrupted,
            Some(_) => RunStatus::Failed,
        },
        stages,
        lock: compared,
    };
    // Drift is no failure of a stage: the run is done, but not what was asked for.
    let error = error.or(drift);
    let seconds = start.elapsed().as_secs_f64();
    let summary = RunSummary {
        started,
        seconds,
        exit_code: error.as_ref().map_or(0, Error::exit_code),
        record,
    };
    journal.write("summary.json", &summary);
    let record = summary.record;
    let status = record.status;
    journal.emit(Event::RunFinished { status, seconds });
    let unrecorded = journal.into_failure().map(|error| match status {
        RunStatus::Done => error.with_hint(
            "all stages are done and stored, only the record of the run is not whole: make room and run again",
        ),
        _ => error,
    });
    let error = error.or(unrecorded);
    Ok(RunOutcome { record, error })
}

/// Fails if a stage computes on a GPU alone, and the run has none.
fn refuse_missing_gpu(selection: &[Selected], options: &RunOptions) -> Result<(), Error> {
    if options.device_class() != CPU {
        return Ok(());
    }
    for selected in selection {
        if let Some(setting) = selected.node.stage.needs_gpu() {
            return Err(Error::Usage {
                message: format!(
                    "stage `{}`: {setting} needs an NVIDIA GPU, and this run computes on the CPU",
                    selected.name()
                ),
                hint: Some("run it with `--device cuda:0`, or leave the setting out".into()),
            });
        }
    }
    Ok(())
}
