//! How everything stands before a step: what the queue and the workers say of all that was submitted.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::record::Submission;
use super::slurm;
use super::standing::{Task, TaskId, Watcher};
use super::step::Step;
use pipeline_cluster::{Entry, QueueRow, TaskState};
use pipeline_error::Error;

/// Between two looks at a queue that does not have what it should have: no more than this.
const SECOND_LOOK: Duration = Duration::from_secs(10);

/// How long a controller that does not answer is asked again.
const PATIENCE: Duration = Duration::from_secs(180);

/// Between two questions to a controller that does not answer.
const PAUSE: Duration = Duration::from_secs(2);

impl Step<'_> {
    /// How all tasks stand; what is over is written down, since the queue forgets it.
    pub(super) fn find_out(
        &self,
        submission: &mut Submission,
    ) -> Result<BTreeMap<TaskId, Task>, Error> {
        let doubtful: Vec<usize> = submission.ledger.in_doubt().map(|job| job.job).collect();
        if submission.ledger.jobs.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut watcher = Watcher::default();
        let mut rows = self.queue()?;
        submission.write(submission.ledger.adopted(&rows))?;
        let mut tasks = watcher.tasks(submission, &rows, true, self.store.patience());
        let unknown = |tasks: &BTreeMap<TaskId, Task>| {
            tasks.values().any(|task| task.state == TaskState::Unknown)
        };
        if submission.ledger.in_doubt().next().is_some() || unknown(&tasks) {
            let seconds = u64::from(submission.asked.cluster.poll_seconds);
            std::thread::sleep(SECOND_LOOK.min(Duration::from_secs(seconds)));
            rows = self.queue()?;
            submission.write(submission.ledger.adopted(&rows))?;
            tasks = watcher.tasks(submission, &rows, true, self.store.patience());
        }
        let never = doubtful
            .into_iter()
            .filter(|job| !submission.ledger.ids.contains_key(job));
        let mut entries: Vec<Entry> = never.map(|job| Entry::NotSubmitted { job }).collect();
        for ((job, index), task) in &tasks {
            if let TaskState::Ended(end) = task.state
                && !submission.ledger.ended.contains_key(&(*job, *index))
            {
                entries.push(Entry::Ended {
                    job: *job,
                    index: *index,
                    end,
                    node: task.node.clone(),
                });
            }
        }
        submission.write(entries)?;
        Ok(tasks)
    }

    /// The queue, from a controller that may be away for a moment.
    fn queue(&self) -> Result<Vec<QueueRow>, Error> {
        self.patiently(slurm::queue)
    }

    /// What a controller answers that may be away for a moment.
    pub(super) fn patiently<T>(
        &self,
        mut ask: impl FnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        let start = Instant::now();
        let mut told = false;
        loop {
            match ask() {
                Err(error @ Error::Stage { .. }) if start.elapsed() < PATIENCE => {
                    if !std::mem::replace(&mut told, true) {
                        self.verbosity
                            .note(&format!("{error}; asking again for three minutes"));
                    }
                }
                other => return other,
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            std::thread::sleep(PAUSE);
        }
    }
}
