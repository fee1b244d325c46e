use serde_json::Value;

use crate::checkpoint::Audit;
use crate::error::Error;
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
    /// Of any stage that has findings.
    pub diagnosis: Option<Diagnosis>,
}

/// The artifact `diagnosis`.
#[derive(Debug, Default, PartialEq)]
pub struct Diagnosis {
    /// What was looked at, in the artifact's order.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, PartialEq)]
pub struct Finding {
    /// Its name.
    pub name: String,
    /// `ok`, `warning`, `fault`, or whatever the artifact says.
    pub verdict: String,
    /// The number behind the verdict, in words.
    pub value: String,
    /// What was found.
    pub what: String,
    /// What to do about it.
    pub advice: String,
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
                (_, "diagnosis") => {
                    let document: Value = read_json(&path(artifact)?)?;
                    artifacts.diagnosis = Some(Diagnosis::of(&document));
                }
                _ => {}
            }
        }
        Ok(artifacts)
    }
}

impl Diagnosis {
    /// Takes what it finds: a program of the user's may write the artifact, too.
    fn of(document: &Value) -> Self {
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let findings = document["findings"].as_array().into_iter().flatten();
        let findings = findings.map(|finding| Finding {
            name: text(&finding["name"]),
            verdict: text(&finding["verdict"]),
            value: match finding["value"].as_f64() {
                Some(number) => super::number::float(number),
                None => text(&finding["value"]),
            },
            what: text(&finding["what"]),
            advice: text(&finding["do"]),
        });
        Self {
            findings: findings.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_diagnosis_that_says_less_is_taken_as_it_is() {
        let document = json!({ "findings": [
            { "name": "dead units", "verdict": "fault", "value": 0.5, "what": "w", "do": "d" },
            { "name": "odd", "value": [1] },
        ] });
        let findings = Diagnosis::of(&document).findings;
        assert_eq!(
            (findings[0].value.as_str(), findings[0].advice.as_str()),
            ("0.5000", "d")
        );
        assert_eq!(
            (findings[1].value.as_str(), findings[1].verdict.as_str()),
            ("[1]", "")
        );
        assert_eq!(Diagnosis::of(&json!(3)), Diagnosis::default());
    }
}
