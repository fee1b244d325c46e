//! The ids under which Slurm knows a submission's jobs and tasks.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Submission;
use super::standing::{Task, TaskId};
use pipeline_cluster::{JobRecord, TaskState};

/// Of a task its id in the queue.
pub fn task_id(submission: &Submission, task: TaskId) -> Option<String> {
    let id = submission.ledger.ids.get(&task.0)?;
    Some(match submission.ledger.job(task.0)?.indices().len() {
        1 => id.clone(),
        _ => format!("{id}_{}", task.1),
    })
}

/// Those of several tasks.
pub fn ids(submission: &Submission, tasks: &BTreeSet<TaskId>) -> Vec<String> {
    let ids = tasks.iter();
    ids.filter_map(|task| task_id(submission, *task)).collect()
}

/// Ids of the jobs of stages that are queued or run, in the order of their submission.
pub fn living(
    submission: &Submission,
    tasks: &BTreeMap<TaskId, Task>,
    stale: &BTreeSet<TaskId>,
) -> Vec<String> {
    let lives = |job: &&JobRecord| {
        let mut indices = job.indices();
        !job.goes_on()
            && indices.any(|index| {
                let id = (job.job, index);
                let state = tasks.get(&id).map(|task| &task.state);
                matches!(state, Some(TaskState::Queued(_) | TaskState::Runs(_)))
                    && !stale.contains(&id)
            })
    };
    let jobs = submission.ledger.jobs.iter().filter(lives);
    jobs.filter_map(|job| submission.ledger.ids.get(&job.job).cloned())
        .collect()
}
