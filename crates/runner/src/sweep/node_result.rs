//! What is known of one node of a sweep.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::plan::Surveyed;
use crate::record::{StageRecord, StageStatus};
use pipeline_error::Error;

/// What is known of one node.
#[derive(Clone, Debug)]
pub struct NodeResult {
    /// The node's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Whether it has a result.
    pub state: NodeState,
    /// Its metrics.
    pub metrics: BTreeMap<String, Value>,
}

/// Whether a node has a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeState {
    /// It has.
    Done,
    /// It failed, and why.
    Failed(String),
    /// It has not run yet, or was stopped.
    Open,
}

impl From<&StageRecord> for NodeResult {
    fn from(record: &StageRecord) -> Self {
        let state = match record.status {
            StageStatus::Executed | StageStatus::Cached => NodeState::Done,
            StageStatus::Failed if !was_interrupted(record) => {
                NodeState::Failed(record.error.clone().unwrap_or_default())
            }
            StageStatus::Failed | StageStatus::Skipped => NodeState::Open,
        };
        Self {
            name: record.name.clone(),
            kind: record.kind.clone(),
            state,
            metrics: record.metrics.clone(),
        }
    }
}

impl NodeResult {
    /// What the store knows of it. `failures`: by key, why a stage failed when it was last tried.
    pub fn stored(stage: &Surveyed, failures: &BTreeMap<String, String>) -> Self {
        let failure = || failures.get(&stage.key?.to_string()).cloned();
        let state = match &stage.outcome {
            Some(_) => NodeState::Done,
            None => failure().map_or(NodeState::Open, NodeState::Failed),
        };
        let outcome = stage.outcome.as_ref();
        Self {
            name: stage.planned.name.clone(),
            kind: stage.planned.kind.clone(),
            state,
            metrics: outcome
                .map(|outcome| outcome.metrics.clone())
                .unwrap_or_default(),
        }
    }
}

/// Whether a stage was asked to stop, which is no fault of its own.
pub(super) fn was_interrupted(record: &StageRecord) -> bool {
    record.error.as_deref() == Some(Error::Interrupted.to_string().as_str())
}
