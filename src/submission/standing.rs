//! How stages and their tasks stand: by the store first, then by what workers say, then by the queue.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use super::log;
use super::note;
use super::record::Submission;
use super::subject::Subject;
use pipeline_cluster::{End, Note, QueueRow, Seen, TaskState, state};
use pipeline_runner::record::PlannedStatus;

/// A task: the number of its job, and its index there.
pub type TaskId = (usize, usize);

/// What is remembered from one look to the next.
#[derive(Default)]
pub struct Watcher {
    /// How many answers of the queue did not have a task.
    absent: BTreeMap<TaskId, usize>,
}

/// How a task stands, and what is known of it.
pub struct Task {
    /// How it stands.
    pub state: TaskState,
    /// What its worker wrote.
    pub note: Option<Note>,
    /// Where it runs or ran.
    pub node: String,
}

impl Task {
    /// Whether it ever had its turn.
    pub fn has_begun(&self) -> bool {
        self.note.is_some() || !self.node.is_empty()
    }
}

/// How a stage stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StageState {
    /// Its result is in the store.
    Done,
    /// It waits in the queue, and why.
    Queued(String),
    /// It is at work, and where.
    Runs(String),
    /// Its last task is over, and it is not done.
    Ended {
        /// How.
        end: End,
        /// Where it ran.
        node: String,
        /// Its task.
        task: TaskId,
        /// What the stage itself said.
        why: Option<String>,
    },
    /// Neither the queue nor the worker says anything of it now.
    Unknown,
    /// It was not submitted yet.
    Open,
}

impl StageState {
    /// Whether something may still come of it by itself.
    pub fn lives(&self) -> bool {
        matches!(
            self,
            StageState::Queued(_) | StageState::Runs(_) | StageState::Unknown
        )
    }
}

impl Watcher {
    /// Of all tasks that were submitted how they stand, by the latest answer of the queue. Only a new answer counts for
    /// what is not in it.
    pub fn tasks(
        &mut self,
        submission: &Submission,
        rows: &[QueueRow],
        is_new: bool,
        patience: Duration,
    ) -> BTreeMap<TaskId, Task> {
        let by_id: HashMap<(&str, usize), &QueueRow> = (rows.iter())
            .map(|row| ((row.job.as_str(), row.index), row))
            .collect();
        let ledger = &submission.ledger;
        let mut tasks = BTreeMap::new();
        for job in &ledger.jobs {
            let Some(id) = ledger.ids.get(&job.job) else {
                continue;
            };
            for index in job.indices() {
                let task = (job.job, index);
                let row = by_id.get(&(id.as_str(), index)).copied();
                if row.is_none() && is_new {
                    *self.absent.entry(task).or_default() += 1;
                }
                let absent = self.absent.get(&task).copied().unwrap_or(0);
                tasks.insert(task, look(submission, task, row, absent, patience));
            }
        }
        tasks
    }
}

fn look(
    submission: &Submission,
    task: TaskId,
    row: Option<&QueueRow>,
    absent: usize,
    patience: Duration,
) -> Task {
    let ended = submission.ledger.ended.get(&task);
    let path = submission.note(task.0, task.1);
    let note = note::read(&path);
    let seen = Seen {
        row,
        note: note.as_ref(),
        beats: row.is_none()
            && ended.is_none()
            && note.is_some()
            && note::beats(&path, submission.folder(), patience),
        ended: ended.map(|(end, _)| *end),
        absent,
    };
    let state = match state(&seen) {
        TaskState::Ended(End::Killed) if was_out_of_memory(submission, task) => {
            TaskState::Ended(End::OutOfMemory)
        }
        state => state,
    };
    let node = [
        row.map(|row| row.nodes.clone()),
        ended.map(|(_, node)| node.clone()),
        note.as_ref().map(|note| note.host.clone()),
    ];
    let node = node.into_iter().flatten().find(|node| !node.is_empty());
    Task {
        state,
        note,
        node: node.unwrap_or_default(),
    }
}

fn was_out_of_memory(submission: &Submission, task: TaskId) -> bool {
    let job = submission.ledger.job(task.0);
    job.is_some_and(|job| log::says_out_of_memory(&submission.log(job, &task.1.to_string())))
}

/// How each stage of the subject stands, in its order.
pub fn stages(
    subject: &Subject,
    submission: Option<&Submission>,
    tasks: &BTreeMap<TaskId, Task>,
) -> Vec<StageState> {
    let surveyed = subject.surveyed.iter();
    surveyed
        .map(|stage| {
            if stage.planned.status == PlannedStatus::Cached {
                return StageState::Done;
            }
            let name = &stage.planned.name;
            let identity = &subject.identities[name];
            let last = submission.and_then(|it| it.ledger.tasks_of(name, identity).last());
            let last = last.map(|(job, index)| (job.job, index));
            match last.and_then(|id| Some((id, tasks.get(&id)?))) {
                Some((id, task)) => of_task(name, id, task),
                None => StageState::Open,
            }
        })
        .collect()
}

/// Stages that are not done and were last submitted as something else than they are here: the recipe has changed, or it
/// reads another environment.
pub fn changed<'a>(
    subject: &'a Subject,
    submission: &Submission,
    standing: &[StageState],
) -> Vec<&'a str> {
    let stages = subject.surveyed.iter().zip(standing);
    let open = stages.filter(|(_, state)| **state != StageState::Done);
    let names = open.map(|(stage, _)| stage.planned.name.as_str());
    let jobs = submission.ledger.submitted().rev();
    let of_rung = jobs.filter(|job| job.rung == subject.rung);
    let is_other = |name: &&str| {
        let last = of_rung.clone().find_map(|job| job.identities.get(*name));
        last.is_some_and(|last| *last != subject.identities[*name])
    };
    names.filter(is_other).collect()
}

fn of_task(name: &str, id: TaskId, task: &Task) -> StageState {
    match &task.state {
        TaskState::Queued(reason) => StageState::Queued(reason.clone()),
        TaskState::Runs(node) => StageState::Runs(node.clone()),
        TaskState::Unknown => StageState::Unknown,
        TaskState::Ended(end) => {
            let note = task.note.as_ref();
            let why = note.and_then(|note| note.failures.get(name).cloned());
            // Of several stages in one task only some fail: the others had no turn.
            let others = note.is_some_and(|note| !note.failures.is_empty()) && why.is_none();
            match others && *end == End::Failed {
                true => StageState::Open,
                false => StageState::Ended {
                    end: *end,
                    node: task.node.clone(),
                    task: id,
                    why,
                },
            }
        }
    }
}
