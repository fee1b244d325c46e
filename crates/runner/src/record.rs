//! The documents that `run --format json` and `plan --format json` print: part of the contract.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use pipeline_error::Error;
use pipeline_store::action::Outputs;
use pipeline_store::{Store, verify_file};

/// How a run ended, stage by stage.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RunRecord {
    /// The run's id.
    pub run: String,
    /// The recipe's name.
    pub recipe: String,
    /// How it ended.
    pub status: RunStatus,
    /// The stages, in topological order.
    pub stages: Vec<StageRecord>,
    /// How the run compares with the lock; none without `--locked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<LockRecord>,
}

/// How a run compares with the recipe's lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LockRecord {
    /// What must not differ, and does.
    pub drift: Vec<LockDifference>,
    /// Artifacts that differ while every metric lies within its tolerance.
    pub notes: Vec<LockDifference>,
}

/// In what one stage differs from the lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LockDifference {
    /// The node's name.
    pub stage: String,
    /// Artifacts whose digests differ.
    pub artifacts: Vec<String>,
    /// What differs, what the lock says and what is now; several lines.
    pub message: String,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// Everything asked for is up to date.
    Done,
    /// A stage failed.
    Failed,
    /// The user asked to stop.
    Interrupted,
}

/// How one stage ended.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StageRecord {
    /// The node's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// How it ended.
    pub status: StageStatus,
    /// Its key; none where a failure upstream left it unknown.
    pub key: Option<String>,
    /// Wall time of the execution that made the result, cached or not.
    pub seconds: f64,
    /// Artifacts by name.
    pub outputs: BTreeMap<String, OutputRecord>,
    /// Metrics by name; undefined ones are null.
    pub metrics: BTreeMap<String, Value>,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The name of the error's page, if its kind has one: `pipeline help error NAME` prints it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_name: Option<String>,
}

/// How one stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StageStatus {
    /// It ran.
    Executed,
    /// Its result was in the store.
    Cached,
    /// It ran and failed.
    Failed,
    /// Something it needs failed, or the run stopped before it.
    Skipped,
}

/// One artifact in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputRecord {
    /// BLAKE3 of its bytes, in hexadecimal.
    pub digest: String,
    /// Its size.
    pub bytes: u64,
    /// Where it lies.
    pub path: PathBuf,
}

impl OutputRecord {
    /// Fails if the bytes that lie there are not those that were recorded.
    pub fn verify(&self) -> Result<(), Error> {
        let digest = self
            .digest
            .parse()
            .map_err(|error| Error::stage(format!("{} is no digest: {error}", self.digest)))?;
        verify_file(&self.path, &digest)
    }

    /// The artifacts of a result, by name.
    pub fn all_of(outputs: &Outputs, store: &Store) -> BTreeMap<String, Self> {
        let outputs = outputs.iter().map(|(name, artifact)| {
            let record = Self {
                digest: artifact.digest.to_string(),
                bytes: artifact.bytes,
                path: store.blob_path(&artifact.digest),
            };
            (name.clone(), record)
        });
        outputs.collect()
    }
}

/// What a run would do.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PlanRecord {
    /// The recipe's name.
    pub recipe: String,
    /// The stages, in topological order.
    pub stages: Vec<PlannedStage>,
}

/// What a run would do with one stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PlannedStage {
    /// The node's name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// What would happen.
    pub status: PlannedStatus,
    /// Why.
    pub reasons: Vec<String>,
}

/// What a run would do with one stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlannedStatus {
    /// Its result is in the store.
    Cached,
    /// It would run.
    Run,
    /// It depends on a result that is not known yet.
    MayRun,
}
