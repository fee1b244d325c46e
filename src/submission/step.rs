//! One step of a submission: find out how everything stands, and submit what is missing. The first time, a second time
//! after something went wrong, and from the job that goes on submitting, it is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::job_ids::{ids, living, task_id};
use super::job_script::{dependency, script};
use super::record::Submission;
use super::slurm;
use super::standing::{StageState, Task, TaskId, Watcher, stages};
use super::subject::Subject;
use crate::terminal::verbosity::Verbosity;
use pipeline_cluster::{
    Cluster, Draft, End, Entry, JobRecord, Open, QueueRow, Resources, Situation, TaskState,
    TimeLimit, arrange, label, tries, within,
};
use pipeline_error::Error;
use pipeline_runner::record::PlannedStatus;
use pipeline_store::Store;

/// Between two looks at a queue that does not have what it should have: no more than this.
const SECOND_LOOK: Duration = Duration::from_secs(10);

/// How long a controller that does not answer is asked again.
const PATIENCE: Duration = Duration::from_secs(180);

/// Between two questions to a controller that does not answer.
const PAUSE: Duration = Duration::from_secs(2);

/// What the job that goes on submitting is called, and how long it may take.
const GOES_ON: &str = "submit";
const GOES_ON_TIME: &str = "30m";

/// Who submits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Somebody who says so: what failed is tried again.
    User,
    /// The job that goes on submitting: what failed by itself is not.
    Job,
}

/// What a step did.
pub struct Stepped {
    /// Jobs that were submitted, and their ids.
    pub submitted: Vec<(JobRecord, String)>,
    /// How the stages stood before.
    pub before: Vec<StageState>,
    /// Stages that are left for the job that goes on submitting, which has this id.
    pub goes_on: Option<String>,
}

/// Everything that a step needs.
pub struct Step<'a> {
    /// The stages.
    pub subject: &'a Subject,
    /// Where their results are.
    pub store: &'a Store,
    /// Who submits.
    pub by: By,
    /// How much is told.
    pub verbosity: Verbosity,
    /// Whether somebody asks to stop.
    pub interrupted: &'a AtomicBool,
}

/// What would be submitted.
pub struct Planned {
    /// Jobs in order.
    pub drafts: Vec<Draft>,
    /// Whether more follows from the job that goes on submitting.
    pub rest: bool,
}

impl Step<'_> {
    /// Does it. Whoever calls holds the submission.
    pub fn take(&self, submission: &mut Submission) -> Result<Stepped, Error> {
        submission.reread()?;
        let tasks = self.find_out(submission)?;
        let standing = stages(self.subject, Some(submission), &tasks);
        let cluster = submission.asked.cluster.clone();
        let stale = self.stale(submission, &tasks, &standing);
        slurm::cancel(&ids(submission, &stale))?;
        let Planned { drafts, rest } = self.plan(submission, &tasks, &standing, &stale);
        let mut submitted: Vec<(JobRecord, String)> = Vec::new();
        for draft in drafts {
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(Error::Interrupted);
            }
            let of = |at: usize| submitted.get(at).map(|(_, id)| id.as_str());
            let dependency = dependency(&draft.after, of);
            let job = self.job(submission, &draft);
            let id = self.submit(submission, &job, &dependency)?;
            submitted.push((job, id));
        }
        let mut living = living(submission, &tasks, &stale);
        living.extend(submitted.iter().map(|(_, id)| id.clone()));
        let retries = cluster.retry.times > 0;
        let goes_on = match (rest || retries || self.subject.goes_on) && !living.is_empty() {
            true => Some(self.go_on(submission, &tasks, &living, rest)?),
            false => None,
        };
        Ok(Stepped {
            submitted,
            before: standing,
            goes_on,
        })
    }

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
        let (drafts, rest) = within(
            arrange(&open, cluster.max_array as usize),
            budget(cluster, 0),
        );
        Planned { drafts, rest }
    }

    /// How all tasks stand; what is over is written down, since the queue forgets it.
    fn find_out(&self, submission: &mut Submission) -> Result<BTreeMap<TaskId, Task>, Error> {
        let doubtful: Vec<usize> = submission.ledger.in_doubt().map(|job| job.job).collect();
        if submission.ledger.jobs.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut watcher = Watcher::default();
        let mut rows = self.queue()?;
        adopt(submission, &rows)?;
        let mut tasks = watcher.tasks(submission, &rows, true, self.store.patience());
        let unknown = |tasks: &BTreeMap<TaskId, Task>| {
            tasks.values().any(|task| task.state == TaskState::Unknown)
        };
        if submission.ledger.in_doubt().next().is_some() || unknown(&tasks) {
            let seconds = u64::from(submission.asked.cluster.poll_seconds);
            std::thread::sleep(SECOND_LOOK.min(Duration::from_secs(seconds)));
            rows = self.queue()?;
            adopt(submission, &rows)?;
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

    fn patiently<T>(&self, mut ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
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

    /// Tasks that wait for nothing that could come, or that are of another recipe than it is now.
    fn stale(
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
            let Some(job) = submission.ledger.job(id.0).filter(|job| !job.goes_on()) else {
                continue;
            };
            let lives = matches!(task.state, TaskState::Queued(_) | TaskState::Runs(_));
            let is_other = |name: &String| {
                let known = self.subject.identities.get(name);
                known.is_none_or(|known| job.identities.get(name) != Some(known))
            };
            let waits_in_vain = |name: &String| {
                let node = self.subject.nodes.iter().find(|node| node.name == *name);
                let inputs = node.map(|node| node.stage.inputs()).unwrap_or_default();
                let own = &job.tasks[id.1];
                inputs
                    .iter()
                    .any(|input| !own.contains(&input.stage) && !comes(&input.stage))
            };
            let queued = matches!(task.state, TaskState::Queued(_));
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

    fn by_name<'a>(&'a self, standing: &'a [StageState]) -> BTreeMap<&'a str, &'a StageState> {
        let surveyed = self.subject.surveyed.iter();
        surveyed
            .map(|stage| stage.planned.name.as_str())
            .zip(standing)
            .collect()
    }

    fn plan(
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
                StageState::Ended { .. } if self.by == By::Job && !of_name(name).again => {
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
        let drafts = arrange(&open, cluster.max_array as usize);
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
                needs: needs.collect(),
                situation,
            }
        });
        open.collect()
    }

    /// What is written down of a draft.
    pub fn job(&self, submission: &Submission, draft: &Draft) -> JobRecord {
        let job = submission.ledger.next();
        let name = |stage: &usize| self.subject.surveyed[*stage].planned.name.clone();
        let tasks: Vec<Vec<String>> = (draft.tasks.iter())
            .map(|task| task.iter().map(name).collect())
            .collect();
        let identities = tasks.iter().flatten().map(|name| {
            let identity = self.subject.identities[name].clone();
            (name.clone(), identity)
        });
        JobRecord {
            job,
            name: format!("{}-{}.{job}", submission.run, label(&draft.label)),
            rung: self.subject.rung,
            identities: identities.collect(),
            tasks,
            resources: draft.resources,
        }
    }

    /// Submits a job: it is written down before, and its id after.
    fn submit(
        &self,
        submission: &mut Submission,
        job: &JobRecord,
        dependency: &str,
    ) -> Result<String, Error> {
        submission.write(vec![Entry::Job(job.clone())])?;
        let text = script(self.store, submission, job, dependency);
        let mut tried = false;
        let id = self.patiently(|| {
            // A controller that did not answer may have taken it all the same.
            if std::mem::replace(&mut tried, true)
                && let Some(row) = slurm::queue()?.into_iter().find(|row| row.name == job.name)
            {
                return Ok(row.job);
            }
            slurm::submit(&text)
        })?;
        submission.write(vec![Entry::Submitted {
            job: job.job,
            id: id.clone(),
        }])?;
        Ok(id)
    }

    /// Makes sure that a job goes on submitting: after the first half of what is queued, if there is a rest, else when
    /// all is over.
    fn go_on(
        &self,
        submission: &mut Submission,
        tasks: &BTreeMap<TaskId, Task>,
        living: &[String],
        rest: bool,
    ) -> Result<String, Error> {
        let own = std::env::var("SLURM_JOB_ID").ok();
        let there = submission.ledger.jobs.iter().find_map(|job| {
            let id = submission.ledger.ids.get(&job.job)?;
            let lives = matches!(tasks.get(&(job.job, 0))?.state, TaskState::Queued(_));
            (job.goes_on() && lives && own.as_ref() != Some(id)).then(|| id.clone())
        });
        if let Some(id) = there {
            return Ok(id);
        }
        let first = match rest {
            true => &living[..living.len().div_ceil(2)],
            false => living,
        };
        let job = submission.ledger.next();
        let job = JobRecord {
            job,
            name: format!("{}-{GOES_ON}.{job}", submission.run),
            rung: self.subject.rung,
            tasks: Vec::new(),
            identities: BTreeMap::new(),
            resources: Resources {
                cpus: Some(1),
                time: TimeLimit::parse(GOES_ON_TIME),
                ..Resources::default()
            },
        };
        let dependency = format!("afterany:{}", first.join(":"));
        self.submit(submission, &job, &dependency)
    }
}

/// So many tasks may be submitted; one is kept for the job that goes on submitting.
fn budget(cluster: &Cluster, queued: usize) -> usize {
    let most = cluster.max_queued.map(|most| most as usize - 1);
    most.map_or(usize::MAX, |most| most.saturating_sub(queued))
}

/// Jobs whose ids nobody wrote down, by their names.
fn adopt(submission: &mut Submission, rows: &[QueueRow]) -> Result<(), Error> {
    let found = submission.ledger.in_doubt().filter_map(|job| {
        let row = rows.iter().find(|row| row.name == job.name)?;
        Some(Entry::Submitted {
            job: job.job,
            id: row.job.clone(),
        })
    });
    let found = found.collect();
    submission.write(found)
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
