//! One step of a submission: find out how everything stands, and submit what is missing. The first time, a second time
//! after something went wrong, and from the job that goes on submitting, it is the same.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::expected::Expected;
use super::job_ids::{ids, living};
use super::job_script::{dependency, script};
use super::planning::Planned;
use super::record::Submission;
use super::slurm;
use super::standing::{StageState, stages};
use super::subject::Subject;
use crate::terminal::verbosity::Verbosity;
use pipeline_cluster::{Draft, Entry, JobRecord, Resources, TimeLimit, label};
use pipeline_error::Error;
use pipeline_runner::record::PlanRecord;
use pipeline_store::Store;

/// What the job that goes on submitting is called, and how long it may take.
const GOES_ON: &str = "submit";
const GOES_ON_TIME: &str = "30m";

/// Who submits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Somebody who says so: what failed is tried again.
    User,
    /// The job that goes on submitting, by its number in the run: what failed by itself is not.
    Job(usize),
}

/// What a step did.
#[derive(Default)]
pub struct Stepped {
    /// Jobs that were submitted, and their ids.
    pub submitted: Vec<(JobRecord, String)>,
    /// How the stages stood before.
    pub before: Vec<StageState>,
    /// Stages that are left for the job that goes on submitting, which has this id.
    pub goes_on: Option<String>,
    /// Why a job did nothing of this.
    pub declined: Option<String>,
}

/// Everything that a step needs.
pub struct Step<'a> {
    /// The stages.
    pub subject: &'a Subject,
    /// Where their results are.
    pub store: &'a Store,
    /// How long the stages are expected to take.
    pub seconds: Expected,
    /// Who submits.
    pub by: By,
    /// How much is told.
    pub verbosity: Verbosity,
    /// Whether somebody asks to stop.
    pub interrupted: &'a AtomicBool,
}

impl<'a> Step<'a> {
    /// One of a subject as it stands now.
    pub fn of(
        subject: &'a Subject,
        store: &'a Store,
        by: By,
        verbosity: Verbosity,
        interrupted: &'a AtomicBool,
    ) -> Result<Self, Error> {
        Ok(Self {
            subject,
            store,
            seconds: Expected::of(subject, store)?,
            by,
            verbosity,
            interrupted,
        })
    }

    /// Does it. Whoever calls holds the submission, and has surveyed the subject since anybody else held it.
    pub fn take(&self, submission: &mut Submission) -> Result<Stepped, Error> {
        submission.reread()?;
        if submission.ledger.cancelled && self.by == By::User {
            return Err(Error::Usage {
                message: format!("run {} was cancelled meanwhile", submission.run),
                hint: Some("submit again: it begins a new run".into()),
            });
        }
        let tasks = self.find_out(submission)?;
        if let Some(why) = self.declines(submission) {
            return Ok(Stepped {
                declined: Some(why.into()),
                ..Stepped::default()
            });
        }
        let plan = PlanRecord::of(&self.subject.name, &self.subject.surveyed);
        submission.replan(&plan)?;
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
        // Not before: where this breaks off, the earlier one goes on.
        let replaced = self.replaced(submission, &tasks);
        slurm::cancel(&ids(submission, &replaced))?;
        let mut living = living(submission, &tasks, &stale);
        living.extend(submitted.iter().map(|(_, id)| id.clone()));
        let retries = cluster.retry.times > 0;
        let goes_on = match (rest || retries || self.subject.goes_on) && !living.is_empty() {
            true => Some(self.go_on(submission, &living, rest)?),
            false => None,
        };
        let more = rest || self.subject.goes_on;
        if more != submission.ledger.more || !submitted.is_empty() {
            submission.write(vec![Entry::Stepped { more }])?;
        }
        Ok(Stepped {
            submitted,
            before: standing,
            goes_on,
            declined: None,
        })
    }

    /// Why a job has no say any more: somebody has cancelled the run or submitted again, or the recipe is another one, which
    /// nobody submitted.
    fn declines(&self, submission: &Submission) -> Option<&'static str> {
        let By::Job(own) = self.by else { return None };
        if submission.ledger.cancelled {
            return Some("the run was cancelled");
        }
        let latest = submission.ledger.goes_on();
        let Some(job) = latest.filter(|latest| latest.job == own) else {
            return Some("a later job goes on submitting");
        };
        let known = &self.subject.identities;
        let mut later = submission.ledger.submitted().filter(|job| job.job > own);
        if later.any(|job| {
            let mut nodes = job.identities.iter();
            job.rung == self.subject.rung
                && nodes.any(|(name, identity)| known.get(name) != Some(identity))
        }) {
            return Some("something else was submitted later");
        }
        // Earlier programs wrote none down.
        let subject = job.subject.as_ref();
        let is_other = subject.is_some_and(|subject| *subject != self.subject.digest);
        is_other.then_some(
            "the recipe, a variable of the environment or the program has changed since it was submitted: \
             `pipeline submit` submits what it is now",
        )
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
        let variants = tasks.iter().flatten().filter_map(|name| {
            let variant = self.subject.variants.get(name)?;
            Some((name.clone(), variant.clone()))
        });
        JobRecord {
            job,
            name: format!("{}-{}.{job}", submission.run, label(&draft.label)),
            rung: self.subject.rung,
            identities: identities.collect(),
            variants: variants.collect(),
            subject: None,
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

    /// Has a job go on submitting: after the first half of what is queued, if there is a rest, else when
    /// all is over.
    fn go_on(
        &self,
        submission: &mut Submission,
        living: &[String],
        rest: bool,
    ) -> Result<String, Error> {
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
            variants: BTreeMap::new(),
            subject: Some(self.subject.digest.clone()),
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
