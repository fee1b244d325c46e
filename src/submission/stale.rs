//! Tasks that live and are of no use any more.

use std::collections::{BTreeMap, BTreeSet};

use super::record::Submission;
use super::standing::{StageState, Task, TaskId};
use super::step::{By, Step};
use pipeline_cluster::{JobRecord, TaskState};

impl Step<'_> {
    /// Tasks that wait for nothing that could come, or that are of another recipe than it is now. Only somebody who submits
    /// says so of a recipe.
    pub(super) fn stale(
        &self,
        submission: &Submission,
        tasks: &BTreeMap<TaskId, Task>,
        standing: &[StageState],
    ) -> BTreeSet<TaskId> {
        let state_of = self.by_name(standing);
        let comes = |name: &str| {
            let state = state_of.get(name);
            state.is_some_and(|state| **state == StageState::Done || state.lives())
        };
        let mut stale = BTreeSet::new();
        for (id, task) in tasks {
            let Some(job) = submission.ledger.job(id.0) else {
                continue;
            };
            if job.goes_on() {
                continue;
            }
            let queued = matches!(task.state, TaskState::Queued(_));
            let lives = queued || matches!(task.state, TaskState::Runs(_));
            let is_other = |name: &String| {
                let known = self.subject.identities.get(name);
                self.by == By::User
                    && known.is_none_or(|known| job.identities.get(name) != Some(known))
            };
            let waits_in_vain = |name: &String| {
                let node = self.subject.nodes.iter().find(|node| node.name == *name);
                let inputs = node.map(|node| node.stage.inputs()).unwrap_or_default();
                let own = &job.tasks[id.1];
                inputs
                    .iter()
                    .any(|input| !own.contains(&input.stage) && !comes(&input.stage))
            };
            let same_rung = job.rung == self.subject.rung;
            if lives
                && same_rung
                && job.tasks[id.1]
                    .iter()
                    .any(|name| is_other(name) || (queued && waits_in_vain(name)))
            {
                stale.insert(*id);
            }
        }
        stale
    }

    /// Jobs that go on submitting and wait, where somebody submits, and has a new one.
    pub(super) fn replaced(
        &self,
        submission: &Submission,
        tasks: &BTreeMap<TaskId, Task>,
    ) -> BTreeSet<TaskId> {
        let is_replaced = |(id, task): &(&TaskId, &Task)| {
            self.by == By::User
                && matches!(task.state, TaskState::Queued(_))
                && (submission.ledger.job(id.0)).is_some_and(JobRecord::goes_on)
        };
        let replaced = tasks.iter().filter(is_replaced);
        replaced.map(|(id, _)| *id).collect()
    }

    fn by_name<'a>(&'a self, standing: &'a [StageState]) -> BTreeMap<&'a str, &'a StageState> {
        let surveyed = self.subject.surveyed.iter();
        surveyed
            .map(|stage| stage.planned.name.as_str())
            .zip(standing)
            .collect()
    }
}
