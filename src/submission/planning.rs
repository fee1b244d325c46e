//! Which jobs a step submits, by how the stages stand.

use std::collections::{BTreeMap, BTreeSet};

use super::job_ids::task_id;
use super::record::Submission;
use super::standing::{StageState, Task, TaskId};
use super::step::{By, Step};
use super::subject::Subject;
use pipeline_cluster::{
    Cluster, Draft, End, JobRecord, Limits, Open, Resources, Situation, TaskState, arrange, tries,
    within,
};
use pipeline_runner::record::PlannedStatus;

/// What would be submitted.
pub struct Planned {
    /// Jobs in order.
    pub drafts: Vec<Draft>,
    /// Whether more follows from the job that goes on submitting.
    pub rest: bool,
}

impl Step<'_> {
    /// What a step would submit if nothing were in the queue.
    pub fn would(&self, cluster: &Cluster) -> Planned {
        let situations = self
            .subject
            .surveyed
            .iter()
            .map(|stage| match stage.planned.status {
                PlannedStatus::Cached => Situation::Done,
                _ => Situation::Open,
            });
        let open = self.open(situations.collect(), |name| self.subject.resources[name]);
        let (drafts, rest) = within(arrange(&open, limits(cluster)), budget(cluster, 0));
        Planned { drafts, rest }
    }

    /// What a step submits, where tasks and stages stand like this.
    pub(super) fn plan(
        &self,
        submission: &Submission,
        tasks: &BTreeMap<TaskId, Task>,
        standing: &[StageState],
        stale: &BTreeSet<TaskId>,
    ) -> Planned {
        let cluster = &submission.asked.cluster;
        let retry = &cluster.retry;
        let of_name = |name: &str| {
            let ended = submission
                .ledger
                .tasks_of(name, &self.subject.identities[name]);
            let ends = ended.filter_map(|(job, index)| match tasks.get(&(job.job, index))?.state {
                // A task that never began had no try: it was cancelled with what it waited for, or removed by hand.
                TaskState::Ended(End::Cancelled) if tasks[&(job.job, index)].has_begun() => {
                    Some(End::Killed)
                }
                TaskState::Ended(end) => Some(end),
                _ => None,
            });
            tries(&ends.collect::<Vec<End>>(), retry)
        };
        let mut situations: Vec<Situation> = Vec::new();
        for (position, state) in standing.iter().enumerate() {
            let name = &self.subject.surveyed[position].planned.name;
            let last = submission
                .ledger
                .tasks_of(name, &self.subject.identities[name])
                .last();
            let last = last.map(|(job, index)| (job.job, index));
            situations.push(match state {
                StageState::Done => Situation::Done,
                state if state.lives() && last.is_some_and(|task| !stale.contains(&task)) => {
                    let id = last.and_then(|task| task_id(submission, task));
                    Situation::Lives(id.unwrap_or_default())
                }
                StageState::Ended { .. } if self.by != By::User && !of_name(name).again => {
                    Situation::Blocked
                }
                _ => Situation::Open,
            });
        }
        let mut open = self.open(situations, |name| {
            let tries = of_name(name);
            self.subject.resources[name].scaled(tries.mem, tries.time)
        });
        block_readers(&mut open);
        let queued = tasks
            .iter()
            .filter(|(id, task)| {
                let goes_on = submission.ledger.job(id.0).is_some_and(JobRecord::goes_on);
                let lives = matches!(task.state, TaskState::Queued(_) | TaskState::Runs(_));
                lives && !goes_on && !stale.contains(id)
            })
            .count();
        let drafts = arrange(&open, limits(cluster));
        let (drafts, rest) = within(drafts, budget(cluster, queued));
        Planned { drafts, rest }
    }

    fn open(&self, situations: Vec<Situation>, resources: impl Fn(&str) -> Resources) -> Vec<Open> {
        let surveyed = &self.subject.surveyed;
        let names = surveyed.iter().map(|stage| stage.planned.name.as_str());
        let positions: BTreeMap<&str, usize> = names.zip(0..).collect();
        let nodes = self.subject.nodes.iter();
        let nodes: BTreeMap<&str, _> = nodes.map(|node| (node.name.as_str(), node)).collect();
        let open = surveyed.iter().zip(situations).map(|(stage, situation)| {
            let name = stage.planned.name.as_str();
            let inputs = nodes.get(name).map(|node| node.stage.inputs());
            let needs = inputs.unwrap_or_default().into_iter();
            let needs = needs.filter_map(|input| positions.get(input.stage.as_str()).copied());
            Open {
                name: name.into(),
                of_variants: Subject::of_variants(name).map(str::to_string),
                kind: stage.planned.kind.clone(),
                resources: resources(name),
                seconds: self.seconds.of_node(name, &stage.planned.kind),
                needs: needs.collect(),
                situation,
            }
        });
        open.collect()
    }
}

fn limits(cluster: &Cluster) -> Limits {
    Limits {
        array: cluster.max_array as usize,
        task_seconds: cluster.pack_seconds,
    }
}

/// So many tasks may be submitted; one is kept for the job that goes on submitting.
fn budget(cluster: &Cluster, queued: usize) -> usize {
    let most = cluster.max_queued.map(|most| most as usize - 1);
    most.map_or(usize::MAX, |most| most.saturating_sub(queued))
}

/// What reads from a stage that failed has to wait until somebody says so.
fn block_readers(open: &mut [Open]) {
    for at in 0..open.len() {
        let blocked = open[at]
            .needs
            .iter()
            .any(|need| open[*need].situation == Situation::Blocked);
        if blocked && open[at].situation == Situation::Open {
            open[at].situation = Situation::Blocked;
        }
    }
}
