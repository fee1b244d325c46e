use serde_json::Value;

use crate::checkpoint::Audit;
use crate::error::Error;
use crate::stages::diagnosis::Diagnosis;
use crate::stages::evaluation::{Evaluation, EvaluationCurves};
use crate::stages::freeze::FreezeAudit;
use crate::stages::json::read_json;
use crate::store::Store;
use crate::store::action::{Artifact, Outputs};
use crate::train::history::History;

/// What a stage left to be read by people; what its kind does not have is none.
#[derive(Debug, Default)]
pub struct StageArtifacts {
    /// Of a data stage: what is in it.
    pub profile: Option<Value>,
    /// Of a training: one row an epoch.
    pub history: Option<History>,
    /// Of an import.
    pub import_audit: Option<Audit>,
    /// Of a freeze stage.
    pub freeze_audit: Option<FreezeAudit>,
    /// Of an evaluation: the numbers.
    pub evaluation: Option<Evaluation>,
    /// Of an evaluation: the curves.
    pub curves: Option<EvaluationCurves>,
    /// Of a diagnose stage.
    pub diagnosis: Option<Diagnosis>,
}

impl StageArtifacts {
    /// Reads what people read of a stage's outputs.
    pub fn read(kind: &str, outputs: &Outputs, store: &Store) -> Result<Self, Error> {
        let mut artifacts = Self::default();
        let path = |artifact: &Artifact| store.artifact_path(artifact);
        for (name, artifact) in outputs {
            match (kind, name.as_str()) {
                ("data", "profile") => artifacts.profile = Some(read_json(&path(artifact)?)?),
                ("pretrain" | "finetune", "history") => {
                    artifacts.history = Some(History::read_parquet(&path(artifact)?)?);
                }
                ("import", "audit") => artifacts.import_audit = Some(read_json(&path(artifact)?)?),
                ("freeze", "audit") => artifacts.freeze_audit = Some(read_json(&path(artifact)?)?),
                ("evaluate", "metrics") => {
                    artifacts.evaluation = Some(read_json(&path(artifact)?)?);
                }
                ("evaluate", "curves") => artifacts.curves = Some(read_json(&path(artifact)?)?),
                ("diagnose", "diagnosis") => {
                    artifacts.diagnosis = Some(read_json(&path(artifact)?)?);
                }
                _ => {}
            }
        }
        Ok(artifacts)
    }
}
