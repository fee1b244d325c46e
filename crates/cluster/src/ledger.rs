//! What was submitted: the lines of `runs/RUN/jobs.jsonl`, each on the disk before what follows from it is done.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::queue::QueueRow;
use crate::resources::Resources;
use crate::state::End;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
pub enum Entry {
    /// A job is about to be submitted.
    Job(JobRecord),
    /// It was, under this id.
    Submitted {
        /// The job's number in the run.
        job: usize,
        /// Slurm's id.
        id: String,
    },
    /// It cannot have been: no queue knows its name.
    NotSubmitted {
        /// The job's number in the run.
        job: usize,
    },
    /// A task of it is over.
    Ended {
        /// The job's number in the run.
        job: usize,
        /// The index in its array.
        index: usize,
        /// How it ended.
        end: End,
        /// Where it ran.
        node: String,
    },
    /// A step is over, and whether a later one submits more: the rest, or the next rung.
    Stepped {
        /// Whether more follows.
        more: bool,
    },
    /// Nobody is to submit any more.
    Cancelled,
}

/// A job, as it was to be submitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JobRecord {
    /// Its number in the run.
    pub job: usize,
    /// What it is called in the queue.
    pub name: String,
    /// The rung of a sweep with halving.
    pub rung: usize,
    /// What each task runs: names of nodes; none for the job that goes on submitting.
    pub tasks: Vec<Vec<String>>,
    /// By node, what it is: a worker runs nothing else under its name.
    pub identities: BTreeMap<String, String>,
    /// Of a sweep: by node, a variant that has it. A worker opens these variants alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<String, String>,
    /// Of the job that goes on submitting: a digest of all that was submitted. It submits nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What it asked for.
    pub resources: Resources,
}

impl JobRecord {
    /// Whether it goes on submitting.
    pub fn goes_on(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Indices of its tasks.
    pub fn indices(&self) -> std::ops::Range<usize> {
        0..self.tasks.len().max(1)
    }
}

/// All lines, understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    /// All jobs, by number.
    pub jobs: Vec<JobRecord>,
    /// Slurm's ids, by number.
    pub ids: BTreeMap<usize, String>,
    /// Jobs that were to be submitted and were not.
    pub not_submitted: Vec<usize>,
    /// How tasks ended and where, by number and index.
    pub ended: BTreeMap<(usize, usize), (End, String)>,
    /// Whether a later step submits more.
    pub more: bool,
    /// Whether nobody is to submit any more.
    pub cancelled: bool,
}

impl Ledger {
    /// Of lines in order.
    pub fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut ledger = Self::default();
        for entry in entries {
            ledger.add(entry);
        }
        ledger
    }

    /// One line more.
    pub fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Job(job) => self.jobs.push(job),
            Entry::Submitted { job, id } => drop(self.ids.insert(job, id)),
            Entry::NotSubmitted { job } => self.not_submitted.push(job),
            Entry::Ended {
                job,
                index,
                end,
                node,
            } => {
                self.ended.insert((job, index), (end, node));
            }
            Entry::Stepped { more } => self.more = more,
            Entry::Cancelled => self.cancelled = true,
        }
    }

    /// The number of the next job.
    pub fn next(&self) -> usize {
        self.jobs.last().map_or(0, |job| job.job + 1)
    }

    /// Jobs of which nobody knows whether they were submitted.
    pub fn in_doubt(&self) -> impl Iterator<Item = &JobRecord> {
        let known = |job: usize| self.ids.contains_key(&job) || self.not_submitted.contains(&job);
        self.jobs.iter().filter(move |job| !known(job.job))
    }

    /// Ids of these, as the queue knows them by their names.
    pub fn adopted(&self, rows: &[QueueRow]) -> Vec<Entry> {
        let found = self.in_doubt().filter_map(|job| {
            let row = rows.iter().find(|row| row.name == job.name)?;
            Some(Entry::Submitted {
                job: job.job,
                id: row.job.clone(),
            })
        });
        found.collect()
    }

    /// The latest job that goes on submitting: it alone does.
    pub fn goes_on(&self) -> Option<&JobRecord> {
        let mut latest = self.jobs.iter().rev();
        latest.find(|job| job.goes_on() && self.ids.contains_key(&job.job))
    }

    /// Jobs that were submitted, or may have been.
    pub fn submitted(&self) -> impl DoubleEndedIterator<Item = &JobRecord> + Clone {
        let jobs = self.jobs.iter();
        jobs.filter(move |job| !self.not_submitted.contains(&job.job))
    }

    /// The job with this number.
    pub fn job(&self, number: usize) -> Option<&JobRecord> {
        self.jobs.iter().find(|job| job.job == number)
    }

    /// The tasks that had this node, as it is now, the latest last.
    pub fn tasks_of<'a>(
        &'a self,
        node: &'a str,
        identity: &'a str,
    ) -> impl Iterator<Item = (&'a JobRecord, usize)> {
        let same = move |job: &&JobRecord| {
            job.identities
                .get(node)
                .is_some_and(|found| found == identity)
                && self.ids.contains_key(&job.job)
        };
        self.jobs.iter().filter(same).filter_map(move |job| {
            let has_it = |task: &Vec<String>| task.iter().any(|one| one == node);
            Some((job, job.tasks.iter().position(has_it)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::parse;

    fn job(number: usize) -> Entry {
        Entry::Job(JobRecord {
            job: number,
            name: format!("run-events.{number}"),
            rung: 0,
            tasks: vec![vec!["events".into()]],
            identities: BTreeMap::from([("events".into(), "a".into())]),
            variants: BTreeMap::new(),
            subject: None,
            resources: Resources::default(),
        })
    }

    #[test]
    fn a_job_without_an_id_is_in_doubt_until_somebody_has_looked() {
        let submitted = |job| Entry::Submitted {
            job,
            id: "7".into(),
        };
        let mut ledger = Ledger::of([job(0), submitted(0), job(1)]);
        let doubtful: Vec<usize> = ledger.in_doubt().map(|job| job.job).collect();
        assert_eq!((doubtful, ledger.next()), (vec![1], 2));
        let rows = parse("9|9|N/A|PENDING||run-events.1|Priority\n8|8|N/A|PENDING||other|None");
        let adopted = Entry::Submitted {
            job: 1,
            id: "9".into(),
        };
        assert_eq!(ledger.adopted(&rows), [adopted]);
        ledger.add(Entry::NotSubmitted { job: 1 });
        assert_eq!(ledger.in_doubt().count(), 0);
        assert_eq!(ledger.submitted().count(), 1);
        assert_eq!(ledger.tasks_of("events", "a").count(), 1);
        assert_eq!(
            ledger.tasks_of("events", "b").count(),
            0,
            "it is something else now"
        );
    }

    #[test]
    fn lines_are_read_as_they_were_written() {
        for entry in [job(3), Entry::Stepped { more: true }, Entry::Cancelled] {
            let line = serde_json::to_string(&entry).unwrap();
            assert_eq!(
                serde_json::from_str::<Entry>(&line).unwrap(),
                entry,
                "{line}"
            );
        }
    }
}
