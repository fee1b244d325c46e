//! Failures of the past, by key: the store keeps results only.

use std::collections::BTreeMap;

use super::node_result::was_interrupted;
use crate::history;
use crate::record::StageStatus;
use pipeline_error::Error;
use pipeline_store::Store;

/// Runs that are looked through, the latest first.
const RUNS: usize = 20;

/// Why stages failed in the latest runs, by their keys; the latest failure of each.
pub fn known_failures(store: &Store) -> Result<BTreeMap<String, String>, Error> {
    let mut failures = BTreeMap::new();
    for id in store.run_ids()?.iter().take(RUNS) {
        for stage in history::stages(store, id)? {
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
