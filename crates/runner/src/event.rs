//! What happens during a run. The scheduler only emits these; display, JSON and the run record consume them.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::record::{RunStatus, StageRecord};

/// One thing that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The run has an id and its nodes are known, in topological order.
    RunStarted {
        /// The run's id.
        run: String,
        /// The recipe's name.
        recipe: String,
        /// Names of the nodes that will be visited.
        stages: Vec<String>,
    },
    /// Another process cleans the store; this one waits for it. Comes before all others.
    StoreWaiting,
    /// A stage is about to execute.
    StageStarted {
        /// The node's name.
        name: String,
        /// Its kind.
        kind: String,
        /// Its key.
        key: String,
        /// Why it executes.
        reasons: Vec<String>,
        /// Threads it may use.
        threads: usize,
    },
    /// Another process holds the stage's key; this one waits for it.
    StageWaiting {
        /// The node's name.
        name: String,
        /// Who holds it, for display only (`pid 4711 on host`).
        holder: String,
    },
    /// A running stage is this far.
    StageProgress {
        /// The node's name.
        name: String,
        /// Units done.
        done: u64,
        /// Units in all.
        total: u64,
        /// What is counted.
        unit: String,
        /// Where it is and how it goes.
        message: String,
    },
    /// A running stage has something to say.
    StageNote {
        /// The node's name.
        name: String,
        /// One line.
        line: String,
    },
    /// A running stage's program printed a line. Not kept in the run's record.
    StageOutput {
        /// The node's name.
        name: String,
        /// The line, as it was printed.
        line: String,
    },
    /// A stage was executed, found in the store, skipped, or failed.
    StageFinished {
        /// How it ended.
        #[serde(serialize_with = "shared", deserialize_with = "own")]
        record: Arc<StageRecord>,
    },
    /// The run is over.
    RunFinished {
        /// How it ended.
        status: RunStatus,
        /// Wall time.
        seconds: f64,
    },
}

fn shared<S: Serializer>(record: &Arc<StageRecord>, serializer: S) -> Result<S::Ok, S::Error> {
    record.as_ref().serialize(serializer)
}

fn own<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<StageRecord>, D::Error> {
    StageRecord::deserialize(deserializer).map(Arc::new)
}
