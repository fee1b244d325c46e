//! A submitted run in the history: one line, with what its workers did.

use std::collections::{BTreeMap, BTreeSet};

use super::note;
use super::record::Submission;
use pipeline_cluster::Note;
use pipeline_error::Error;
use pipeline_runner::history::{self, PastRun, PastStatus};
use pipeline_runner::record::{PlanRecord, PlannedStatus, StageRecord, StageStatus};
use pipeline_store::Store;

/// A run, and its stages that ended.
pub type Listed = (PastRun, Vec<StageRecord>);

/// The latest runs, `limit` of them at most. A submitted run has what its workers did; these are listed by themselves
/// only if asked for.
pub fn list(store: &Store, limit: Option<usize>, workers: bool) -> Result<Vec<Listed>, Error> {
    let mut listed = history::list(store, limit)?;
    if limit.is_some() && !workers && listed.iter().any(|(run, _)| run.worker_of.is_some()) {
        // They take the places of others.
        listed = history::list(store, None)?;
    }
    let of_workers = by_submission(&listed);
    for one in &mut listed {
        if let Some(whole) = whole(store, one, &of_workers)? {
            *one = whole;
        }
    }
    listed.retain(|(run, _)| workers || run.worker_of.is_none());
    listed.truncate(limit.unwrap_or(usize::MAX));
    Ok(listed)
}

/// A run with what its workers did, if it was submitted.
pub fn with_workers(
    store: &Store,
    run: &mut PastRun,
    stages: &mut Vec<StageRecord>,
) -> Result<(), Error> {
    if Submission::of_run(store, &run.run)?.is_none() {
        return Ok(());
    }
    let listed = history::list(store, None)?;
    let one = (run.clone(), stages.clone());
    if let Some(whole) = whole(store, &one, &by_submission(&listed))? {
        (*run, *stages) = whole;
    }
    Ok(())
}

/// The runs of workers by the run that was submitted, the latest first.
fn by_submission(listed: &[Listed]) -> BTreeMap<String, Vec<Listed>> {
    let mut found: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
    for one in listed {
        if let Some(of) = &one.0.worker_of {
            found.entry(of.clone()).or_default().push(one.clone());
        }
    }
    found
}

fn whole(
    store: &Store,
    (run, _): &Listed,
    of_workers: &BTreeMap<String, Vec<Listed>>,
) -> Result<Option<Listed>, Error> {
    let Some(submission) = Submission::of_run(store, &run.run)? else {
        return Ok(None);
    };
    let plan = history::plan(store, &run.run)?;
    let workers = of_workers.get(&run.run).map_or(&[][..], Vec::as_slice);
    Ok(Some(summed(run, &submission, plan.as_ref(), workers)))
}

fn summed(
    run: &PastRun,
    submission: &Submission,
    plan: Option<&PlanRecord>,
    workers: &[Listed],
) -> Listed {
    let planned = plan.map_or(&[][..], |plan| plan.stages.as_slice());
    let mut made: BTreeMap<&str, &StageRecord> = BTreeMap::new();
    // Whoever executed it tells of it, not who found it afterwards.
    for status in [StageStatus::Executed, StageStatus::Cached] {
        for stage in workers.iter().flat_map(|(_, stages)| stages) {
            if stage.status == status {
                made.entry(&stage.name).or_insert(stage);
            }
        }
    }
    let failed = failures(submission);
    let failed: BTreeSet<&String> = failed
        .iter()
        .filter(|name| !made.contains_key(name.as_str()))
        .collect();
    let is_done = |name: &str, status| status == PlannedStatus::Cached || made.contains_key(name);
    let all = planned
        .iter()
        .all(|stage| is_done(&stage.name, stage.status));
    let status = match () {
        () if all && !planned.is_empty() && !submission.ledger.more => PastStatus::Done,
        () if submission.ledger.cancelled => PastStatus::Interrupted,
        () if !failed.is_empty() => PastStatus::Failed,
        () => PastStatus::Unfinished,
    };
    let executed = |stage: &&&StageRecord| stage.status == StageStatus::Executed;
    let executed = made.values().filter(executed).count();
    let is_other = |name: &&str| {
        let found = made.get(name);
        found.is_none_or(|stage| stage.status != StageStatus::Executed)
    };
    let found = planned
        .iter()
        .filter(|stage| is_done(&stage.name, stage.status));
    let cached = found
        .map(|stage| stage.name.as_str())
        .filter(is_other)
        .count();
    let seconds = (status == PastStatus::Done)
        .then(|| until_the_last(run, workers))
        .flatten();
    let run = PastRun {
        status,
        seconds,
        exit_code: match status {
            PastStatus::Done => Some(0),
            PastStatus::Failed => Some(3),
            PastStatus::Interrupted | PastStatus::Unfinished => None,
        },
        executed,
        cached,
        failed: failed.len(),
        set: submission.asked.set.clone(),
        ..run.clone()
    };
    let failed_records = workers
        .iter()
        .flat_map(|(_, stages)| stages)
        .filter(|stage| stage.status == StageStatus::Failed && failed.contains(&stage.name));
    let failed_records: BTreeMap<&str, &StageRecord> = failed_records
        .map(|stage| (stage.name.as_str(), stage))
        .collect();
    made.extend(failed_records);
    (
        run,
        in_order(planned.iter().map(|stage| stage.name.as_str()), made),
    )
}

/// Stages that failed in the last task that had them, and were not submitted again. A worker that failed before it ran any
/// has failed them all.
fn failures(submission: &Submission) -> Vec<String> {
    let mut last: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for job in &submission.ledger.jobs {
        for (index, task) in job.tasks.iter().enumerate() {
            last.extend(task.iter().map(|name| (name.as_str(), (job.job, index))));
        }
    }
    let mut notes: BTreeMap<(usize, usize), Option<Note>> = BTreeMap::new();
    let failed = last.into_iter().filter(|(name, task)| {
        let read = || note::read(&submission.note(task.0, task.1));
        let note = notes.entry(*task).or_insert_with(read);
        note.as_ref().is_some_and(|note| {
            let had_no_turn = note.failures.is_empty() && note.has_failed();
            had_no_turn || note.failures.contains_key(*name)
        })
    });
    failed.map(|(name, _)| name.to_string()).collect()
}

fn until_the_last(run: &PastRun, workers: &[Listed]) -> Option<f64> {
    let ends = workers.iter().filter_map(|(worker, _)| {
        let started = worker.started.duration_since(run.started).as_secs_f64();
        Some(started + worker.seconds?)
    });
    ends.reduce(f64::max)
}

/// As planned; stages of earlier rungs before these.
fn in_order<'a>(
    planned: impl Iterator<Item = &'a str>,
    mut found: BTreeMap<&str, &StageRecord>,
) -> Vec<StageRecord> {
    let ordered: Vec<&StageRecord> = planned.filter_map(|name| found.remove(name)).collect();
    found.into_values().chain(ordered).cloned().collect()
}
