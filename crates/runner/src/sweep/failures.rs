//! Failures of the past, by key: the store keeps results only.

use std::collections::{BTreeMap, BTreeSet};

use super::node_result::was_interrupted;
use crate::history;
use crate::record::StageStatus;
use pipeline_error::Error;
use pipeline_store::Store;

/// Runs that are looked through, the latest first; the workers of a submitted run are one.
const RUNS: usize = 20;

/// Why stages failed in the latest runs, by their keys; the latest failure of each.
pub fn known_failures(store: &Store) -> Result<BTreeMap<String, String>, Error> {
    let mut failures = BTreeMap::new();
    let mut looked_at = BTreeSet::new();
    for id in store.run_ids()? {
        let (run, stages) = history::run(store, &id)?;
        looked_at.insert(run.worker_of.unwrap_or(id));
        if looked_at.len() > RUNS {
            break;
        }
        for stage in stages {
            if stage.status != StageStatus::Failed || was_interrupted(&stage) {
                continue;
            }
            if let (Some(key), Some(error)) = (stage.key, stage.error) {
                failures.entry(key).or_insert(error);
            }
        }
    }
    Ok(failures)
}
