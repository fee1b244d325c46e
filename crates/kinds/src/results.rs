//! What stages left to be read by people.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::data::CohortTable;
use crate::diagnose::diagnosis::Diagnosis;
use crate::evaluate::ProbabilityHistogram;
use crate::evaluate::evaluation::{Evaluation, EvaluationCurves, TargetEvaluation};
use crate::freeze::audit::FreezeAudit;
use crate::json::read_json;
use pipeline_checkpoint::Audit;
use pipeline_error::Error;
use pipeline_store::Store;
use pipeline_store::action;
use pipeline_train::history::History;

/// What a stage left to be read by people; what its kind does not have is none.
#[derive(Debug, Default)]
pub struct StageResults {
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
    /// Of an evaluation of a target that is a number, or several labels: the numbers.
    pub target_evaluation: Option<TargetEvaluation>,
    /// Of an evaluation: the curves.
    pub curves: Option<EvaluationCurves>,
    /// Of a diagnose stage.
    pub diagnosis: Option<Diagnosis>,
    /// Of a training: the epoch, or the number of the penalty, whose weights were kept.
    pub kept: Option<f64>,
    /// Of a data stage: who the stays are, by outcome.
    pub cohort: Option<CohortTable>,
    /// Of an evaluation of two classes: how the probabilities lie, by outcome.
    pub probabilities: Option<ProbabilityHistogram>,
}

/// The artifacts of one stage in a store.
pub struct Outputs<'a> {
    /// By name.
    pub outputs: &'a action::Outputs,
    /// What the stage measured.
    pub metrics: &'a BTreeMap<String, Value>,
    /// Where they lie.
    pub store: &'a Store,
}

impl Outputs<'_> {
    /// Reads a report; none if the stage has no such artifact.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        self.read(name, read_json)
    }

    /// Reads an artifact, whose bytes must be those that were stored; none if the stage has none of this name.
    pub fn read<T>(
        &self,
        name: &str,
        read: impl FnOnce(&Path) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let path = self.path(name)?;
        path.map(|path| read(&path)).transpose()
    }

    /// Where an artifact lies, whose bytes are those that were stored; none if the stage has none of this name.
    pub fn path(&self, name: &str) -> Result<Option<PathBuf>, Error> {
        let artifact = self.outputs.get(name);
        let path = artifact.map(|artifact| self.store.verified_path(artifact));
        path.transpose()
    }
}
