//! Submitted runs as `cache gc` has to know them: they are going on while jobs are queued, although no process holds the
//! store, and the runs inside of their jobs are parts of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;

use super::note;
use super::record::Submission;
use super::slurm;
use pipeline_cluster::{JobRecord, QueueRow};
use pipeline_error::Error;
use pipeline_error::listed::counted;
use pipeline_runner::history::Worker;
use pipeline_store::Store;

/// Of each run inside of a job the run that was submitted.
pub fn parts(store: &Store) -> Result<BTreeMap<String, String>, Error> {
    let ids = store.run_ids()?.into_iter();
    let parts = ids.filter_map(|id| {
        let path = store.runs_folder().join(&id).join(Worker::FILE);
        let worker: Worker = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        Some((id, worker.run))
    });
    Ok(parts.collect())
}

/// Runs with jobs that are queued or at work, and why runs are among them of which nobody knows. The queue is asked only if
/// a run's record does not say that all of it is over.
pub fn living(store: &Store) -> Result<(BTreeSet<String>, Vec<String>), Error> {
    let (mut living, mut unknown) = (BTreeSet::new(), Vec::new());
    let mut open = Vec::new();
    for id in store.run_ids()? {
        match Submission::of_run(store, &id) {
            Ok(found) => open.extend(found.filter(is_open)),
            Err(error) => {
                unknown.push(format!(
                    "run {id} is kept because its submission cannot be read: {error}"
                ));
                living.insert(id);
            }
        }
    }
    if open.is_empty() {
        return Ok((living, unknown));
    }
    match slurm::queue() {
        Ok(rows) => open.retain(|submission| may_live(submission, &rows)),
        Err(error) => unknown.push(format!(
            "{} kept, as jobs may still be queued: {error}",
            counted(open.len(), "submitted run")
        )),
    }
    living.extend(open.into_iter().map(|submission| submission.run));
    Ok((living, unknown))
}

/// Whether nobody wrote down the end of a task.
fn is_open(submission: &Submission) -> bool {
    let ledger = &submission.ledger;
    let is_open = |job: &JobRecord| {
        let mut indices = job.indices();
        indices.any(|index| {
            let note = note::read(&submission.note(job.job, index));
            let is_over = note.is_some_and(|note| note.is_over());
            !is_over && !ledger.ended.contains_key(&(job.job, index))
        })
    };
    !ledger.cancelled && ledger.submitted().any(is_open)
}

/// The queue tells of this user's jobs alone.
fn may_live(submission: &Submission, rows: &[QueueRow]) -> bool {
    // SAFETY: it takes nothing, and cannot fail.
    let user = unsafe { libc::geteuid() };
    let is_own = fs::metadata(submission.folder()).is_ok_and(|folder| folder.uid() == user);
    let names: BTreeSet<&str> = (submission.ledger.jobs.iter())
        .map(|job| job.name.as_str())
        .collect();
    let mut living = rows.iter().filter(|row| row.state.lives());
    !is_own || living.any(|row| names.contains(row.name.as_str()))
}
