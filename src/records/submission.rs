//! The documents of `submit`, `watch` and `cancel` with `--format json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::submission::record::Submission;
use crate::submission::standing::StageState;
use crate::submission::subject::Subject;
use pipeline_cluster::{End, JobRecord};

/// What was submitted.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "submit")]
pub struct SubmitRecord {
    /// The run's id; null where nothing was submitted: everything is up to date, or `--dry-run`.
    pub run: Option<String>,
    /// How the stages stood before, in topological order; of a sweep with halving those of one rung.
    pub stages: Vec<StageStanding>,
    /// The jobs that are new, in the order of their submission.
    pub jobs: Vec<SubmittedJob>,
    /// The id of the job that goes on submitting; null if there is none.
    pub goes_on: Option<String>,
}

/// A job that was submitted, or would be.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SubmittedJob {
    /// Slurm's id; null with `--dry-run`.
    pub id: Option<String>,
    /// Its name in the queue.
    pub name: String,
    /// The stages that each task runs; more than one task: an array.
    pub tasks: Vec<Vec<String>>,
    /// Its script, with `--dry-run`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
}

impl SubmittedJob {
    /// Of a job, with its id or its script.
    pub fn of(job: &JobRecord, id: Option<&str>, script: Option<String>) -> Self {
        Self {
            id: id.map(str::to_string),
            name: job.name.clone(),
            tasks: job.tasks.clone(),
            script,
        }
    }
}

/// How a submitted run stands.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "watch")]
pub struct WatchRecord {
    /// The run's id.
    pub run: String,
    /// How it stands as a whole.
    pub status: WatchStatus,
    /// Whether further rungs of a sweep with halving follow these stages.
    pub more_rungs: bool,
    /// The stages, in topological order.
    pub stages: Vec<StageStanding>,
}

/// How a submitted run stands as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WatchStatus {
    /// All stages are done.
    Done,
    /// Something is queued or at work.
    Running,
    /// Something is not done, and nothing more comes by itself.
    Stopped,
}

/// What was taken out of the queue.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "cancel")]
pub struct CancelRecord {
    /// The run's id.
    pub run: String,
    /// Ids of the jobs that were cancelled.
    pub jobs: Vec<String>,
    /// How many tasks they had that had not ended.
    pub tasks: usize,
}

/// How a stage of a submitted run stands.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct StageStanding {
    /// The node's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// How it stands.
    pub state: Standing,
    /// Why it waits, as Slurm says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it runs or ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// How its last task ended, if it is over and the stage not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Ending>,
    /// What the stage said when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The log of its last task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

/// How a stage of a submitted run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Its result is in the store.
    Done,
    /// It waits in the queue.
    Queued,
    /// It is at work.
    Running,
    /// Its last task is over, and it is not done.
    Ended,
    /// Neither the queue nor the worker says anything of it now.
    Unknown,
    /// It was not submitted.
    Open,
}

/// How a task ended whose stage is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Well, and yet the result is not in the store.
    Completed,
    /// The stage failed: the same again would fail again.
    Failed,
    /// It had more memory than it asked for.
    OutOfMemory,
    /// It had more time than it asked for, and nothing to go on from.
    TimeOut,
    /// Its node failed.
    NodeFailed,
    /// A signal ended it.
    Killed,
    /// It was taken out of the queue.
    Cancelled,
    /// It left no trace.
    Lost,
}

impl From<End> for Ending {
    fn from(end: End) -> Self {
        match end {
            End::Completed => Ending::Completed,
            End::Failed => Ending::Failed,
            End::OutOfMemory => Ending::OutOfMemory,
            End::TimeOut => Ending::TimeOut,
            End::NodeFailed => Ending::NodeFailed,
            End::Killed => Ending::Killed,
            End::Cancelled => Ending::Cancelled,
            End::Lost => Ending::Lost,
        }
    }
}

impl StageStanding {
    /// Of all stages.
    pub fn all(
        subject: &Subject,
        submission: Option<&Submission>,
        standing: &[StageState],
    ) -> Vec<Self> {
        let stages = subject.surveyed.iter().zip(standing);
        stages
            .map(|(stage, state)| {
                let plain = |standing| Self {
                    name: stage.planned.name.clone(),
                    kind: stage.planned.kind.clone(),
                    state: standing,
                    reason: None,
                    node: None,
                    end: None,
                    error: None,
                    log: None,
                };
                Self::of(plain, submission, state)
            })
            .collect()
    }

    fn of(
        plain: impl Fn(Standing) -> Self,
        submission: Option<&Submission>,
        state: &StageState,
    ) -> Self {
        let stated = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        match state {
            StageState::Done => plain(Standing::Done),
            StageState::Open => plain(Standing::Open),
            StageState::Unknown => plain(Standing::Unknown),
            StageState::Queued(reason) => Self {
                reason: stated(reason),
                ..plain(Standing::Queued)
            },
            StageState::Runs(node) => Self {
                node: stated(node),
                ..plain(Standing::Running)
            },
            StageState::Ended {
                end,
                node,
                task,
                why,
            } => {
                let log = submission.and_then(|submission| {
                    let job = submission.ledger.job(task.0)?;
                    let log = submission.log(job, &task.1.to_string());
                    Some(log.to_string_lossy().into_owned())
                });
                Self {
                    node: stated(node),
                    end: Some((*end).into()),
                    error: why.clone(),
                    log,
                    ..plain(Standing::Ended)
                }
            }
        }
    }
}
