//! Runs of the past, read from their folders.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::environment::Environment;
use super::event::Event;
use super::past_document::{document, is_sealed, text};
use super::record::{PlanRecord, RunStatus, StageRecord, StageStatus};
use super::recorded_event::recorded_events;
use super::revision::Revision;
use super::run::RunSummary;
use pipeline_error::Error;
use pipeline_store::Store;
use pipeline_store::action::Action;
use pipeline_store::run_folder;

/// One run in a list of runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PastRun {
    /// Its id.
    pub run: String,
    /// The recipe's name; none if the run ended before it wrote its plan.
    pub recipe: Option<String>,
    /// How it ended.
    pub status: PastStatus,
    /// When it started.
    pub started: Timestamp,
    /// Wall time; none if it left no summary.
    pub seconds: Option<f64>,
    /// The exit code it led to; none if it left no summary.
    pub exit_code: Option<u8>,
    /// Stages that were executed.
    pub executed: usize,
    /// Stages whose result was in the store.
    pub cached: usize,
    /// Stages that failed.
    pub failed: usize,
    /// Stages that were skipped.
    pub skipped: usize,
    /// What `--set` changed in the recipe, as it was given.
    pub set: Vec<String>,
    /// The submitted run whose jobs it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_of: Option<String>,
}

/// How a run of the past ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PastStatus {
    /// Everything asked for was brought up to date.
    Done,
    /// A stage failed.
    Failed,
    /// The user asked to stop.
    Interrupted,
    /// There is no whole summary: it was killed, lost it to a power cut, or goes on.
    Unfinished,
}

impl PastStatus {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            PastStatus::Done => "done",
            PastStatus::Failed => "failed",
            PastStatus::Interrupted => "interrupted",
            PastStatus::Unfinished => "unfinished",
        }
    }
}

/// All that is kept of one run.
#[derive(Clone, Debug, Serialize)]
pub struct PastRunRecord {
    /// The line it has in a list.
    #[serde(flatten)]
    pub run: PastRun,
    /// The stages that ended, in topological order; of a run without a summary in the order in
    /// which they ended.
    pub stages: Vec<StageRecord>,
    /// What it was made with and where.
    pub environment: Option<Environment>,
    /// The recipe file as it was given.
    pub recipe_text: Option<String>,
    /// What the recipe came to.
    pub resolved: Option<Value>,
}

/// Of a run inside a job: which task of which submitted run it is. The document `runs/ID/worker.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// The submitted run.
    pub run: String,
    /// The job's number there.
    pub job: usize,
    /// The task's index in the job.
    pub task: usize,
}

impl Worker {
    /// What the document is called.
    pub const FILE: &str = "worker.json";
}

/// Which runs executed what, by the keys of results.
#[derive(Debug, Default)]
pub struct Executions {
    made: BTreeMap<String, String>,
    failed: BTreeMap<String, (String, String)>,
}

/// A run that made something: what is worth telling of it elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct MakingRun {
    /// Its id.
    pub run: String,
    /// When it started.
    pub started: Timestamp,
    /// How it ended.
    pub status: PastStatus,
    /// What it was made with and where.
    pub environment: Option<Environment>,
    /// The revision of the sources that its recipe lay in.
    pub revision: Option<Revision>,
    /// What its stages said, by their names, in the order in which it was said.
    pub notes: Vec<(String, String)>,
}

impl Executions {
    /// The latest run that executed the result of this key.
    pub fn of(&self, key: &str) -> Option<&str> {
        self.made.get(key).map(String::as_str)
    }

    /// The latest run that failed at this key.
    pub fn failed_in(&self, key: &str) -> Option<&str> {
        self.failed.get(key).map(|(run, _)| run.as_str())
    }

    /// What it said.
    pub fn failure(&self, key: &str) -> Option<String> {
        self.failed.get(key).map(|(_, error)| error.clone())
    }
}

/// Which runs in the store executed what.
pub fn executions(store: &Store) -> Result<Executions, Error> {
    let ids = store.run_ids()?;
    let outlines: Vec<(PastRun, Vec<StageRecord>)> = ids
        .par_iter()
        .map(|id| outline(store, id))
        .collect::<Result<_, _>>()?;
    let mut executions = Executions::default();
    // The latest comes first, and stays.
    for (run, stages) in outlines {
        for stage in stages {
            let Some(key) = stage.key else { continue };
            let id = run.run.clone();
            match stage.status {
                StageStatus::Executed => {
                    executions.made.entry(key).or_insert(id);
                }
                StageStatus::Failed => {
                    let error = stage.error.unwrap_or_default();
                    executions.failed.entry(key).or_insert((id, error));
                }
                StageStatus::Cached | StageStatus::Skipped => {}
            }
        }
    }
    Ok(executions)
}

/// What is worth telling of the run of this id.
pub fn making_run(store: &Store, id: &str) -> Result<MakingRun, Error> {
    let (run, _) = outline(store, id)?;
    let folder = store.runs_folder().join(id);
    Ok(MakingRun {
        run: run.run,
        started: run.started,
        status: run.status,
        environment: document(store, id, "environment.json")?,
        revision: document(store, id, Revision::FILE)?,
        notes: notes(&folder.join("events.jsonl")),
    })
}

/// All runs in the store, the latest first, `limit` of them at most, each with its stages that ended.
pub fn list(
    store: &Store,
    limit: Option<usize>,
) -> Result<Vec<(PastRun, Vec<StageRecord>)>, Error> {
    let mut ids = store.run_ids()?;
    ids.truncate(limit.unwrap_or(usize::MAX));
    ids.par_iter().map(|id| outline(store, id)).collect()
}

/// The run of exactly this id, and its stages that ended.
pub fn run(store: &Store, id: &str) -> Result<(PastRun, Vec<StageRecord>), Error> {
    outline(store, id)
}

/// What a run was to do; none if it ended before it wrote its plan.
pub fn plan(store: &Store, id: &str) -> Result<Option<PlanRecord>, Error> {
    document(store, id, "plan.json")
}

/// The run whose id starts like this, if it is one.
pub fn show(store: &Store, prefix: &str) -> Result<PastRunRecord, Error> {
    let ids = store.run_ids()?;
    let mut found: Vec<&String> = ids.iter().filter(|id| id.starts_with(prefix)).collect();
    if let Some(whole) = found.iter().find(|id| *id == &prefix) {
        found = vec![whole];
    }
    let id = match found.as_slice() {
        [id] => id.as_str(),
        [] => return Err(unknown(prefix, &ids)),
        several => return Err(ambiguous(prefix, several)),
    };
    let folder = store.runs_folder().join(id);
    let (run, mut stages) = outline(store, id)?;
    if !is_sealed(store, id, "summary.json")? {
        stages
            .par_iter_mut()
            .for_each(|stage| take_metrics(store, stage));
    }
    let mut resolved: Option<Value> = document(store, id, "resolved.json")?;
    if let Some(Value::Object(resolved)) = &mut resolved {
        resolved.remove("checksum");
    }
    Ok(PastRunRecord {
        run,
        stages,
        environment: document(store, id, "environment.json")?,
        recipe_text: text(&folder.join("recipe.toml"))?,
        resolved,
    })
}

/// Takes a stage's metrics from the very result that it made or used, if the store still has that: events and summaries
/// of older pipelines do not say themselves whether they were edited.
fn take_metrics(store: &Store, stage: &mut StageRecord) {
    let key = stage.key.clone().map(Value::String);
    let key = key.and_then(|key| serde_json::from_value(key).ok());
    let action = key.and_then(|key| store.action(&key).ok());
    let is_it = |action: &Action| {
        let made = action.outputs.iter();
        let made = made.map(|(name, made)| (name, made.digest.to_string()));
        let recorded = stage.outputs.iter();
        made.eq(recorded.map(|(name, output)| (name, output.digest.clone())))
    };
    if let Some(action) = action.filter(is_it) {
        stage.metrics = action.metrics;
    }
}

/// The stages of a run that ended.
pub fn stages(store: &Store, id: &str) -> Result<Vec<StageRecord>, Error> {
    Ok(outline(store, id)?.1)
}

fn unknown(prefix: &str, ids: &[String]) -> Error {
    Error::Usage {
        message: format!("no run's id starts with `{prefix}`"),
        hint: Some(match ids.first() {
            Some(latest) => format!("the latest is {latest}; `pipeline runs` lists all"),
            None => "there are no runs in this store; name another with --store".into(),
        }),
    }
}

fn ambiguous(prefix: &str, several: &[&String]) -> Error {
    let shown: Vec<&str> = several.iter().take(5).map(|id| id.as_str()).collect();
    let more = if several.len() > 5 { ", …" } else { "" };
    Error::Usage {
        message: format!("{} runs have ids that start with `{prefix}`", several.len()),
        hint: Some(format!("give more of it: {}{more}", shown.join(", "))),
    }
}

fn outline(store: &Store, id: &str) -> Result<(PastRun, Vec<StageRecord>), Error> {
    let folder = store.runs_folder().join(id);
    let summary: Option<RunSummary> = document(store, id, "summary.json")?;
    // Of a document that cannot be read `cache verify` tells: the run is listed without it.
    let called: Option<Called> = document(store, id, "resolved.json").unwrap_or_default();
    let set = called.map(|called| called.set).unwrap_or_default();
    let worker_of = worker_of(store, id)?;
    let outline = |recipe, status, started, seconds, exit_code, stages: &[StageRecord]| {
        let count = |status| stages.iter().filter(|stage| stage.status == status).count();
        PastRun {
            run: id.into(),
            recipe,
            status,
            started,
            seconds,
            exit_code,
            executed: count(StageStatus::Executed),
            cached: count(StageStatus::Cached),
            failed: count(StageStatus::Failed),
            skipped: count(StageStatus::Skipped),
            set: set.clone(),
            worker_of: worker_of.clone(),
        }
    };
    if let Some(summary) = summary {
        let status = match summary.record.status {
            RunStatus::Done => PastStatus::Done,
            RunStatus::Failed => PastStatus::Failed,
            RunStatus::Interrupted => PastStatus::Interrupted,
        };
        let (seconds, exit_code) = (Some(summary.seconds), Some(summary.exit_code));
        let (recipe, stages) = (Some(summary.record.recipe), summary.record.stages);
        let run = outline(recipe, status, summary.started, seconds, exit_code, &stages);
        return Ok((run, stages));
    }
    let plan: Option<PlanRecord> = document(store, id, "plan.json")?;
    let recipe = plan.map(|plan| plan.recipe);
    let stages = stages_that_ended(&folder.join("events.jsonl"));
    let started = run_folder::started(id).unwrap_or_default();
    let run = outline(recipe, PastStatus::Unfinished, started, None, None, &stages);
    Ok((run, stages))
}

/// The submitted run whose jobs the run of this id is a part of.
pub(crate) fn worker_of(store: &Store, id: &str) -> Result<Option<String>, Error> {
    let worker = document::<Worker>(store, id, Worker::FILE)?;
    Ok(worker.map(|worker| worker.run))
}

/// How the recipe of a run was called, in `resolved.json`.
#[derive(Deserialize)]
struct Called {
    #[serde(default)]
    set: Vec<String>,
}

/// The stages that a run's events tell the end of.
fn stages_that_ended(events: &Path) -> Vec<StageRecord> {
    let events = recorded_events(events);
    let records = events.filter_map(|recorded| match recorded.event {
        Event::StageFinished { record } => Some(StageRecord::clone(&record)),
        _ => None,
    });
    records.collect()
}

fn notes(events: &Path) -> Vec<(String, String)> {
    let notes = recorded_events(events).filter_map(|recorded| match recorded.event {
        Event::StageNote { name, line } => Some((name, line)),
        _ => None,
    });
    notes.collect()
}
