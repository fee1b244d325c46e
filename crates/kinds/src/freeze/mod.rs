//! Freeze stages: which parameters stay as they are, and which are trained.

pub mod audit;
mod checks;
mod section;
mod stage;
mod table;

use crate::edges::{Reference, kind};
use crate::kind::{Around, ModelUse, ReportPart, ReportSection, StageCheck, StageKind};
use crate::results::{Outputs, StageResults};
use pipeline_error::Error;
use pipeline_model::config::ModelMode;
use pipeline_stage::Node;

use stage::FreezeStage;
pub use stage::matching_parameters;
pub use table::FreezeTable;

impl StageKind for FreezeTable {
    fn kind() -> &'static str {
        "freeze"
    }

    fn seed(&self) -> Option<u64> {
        None
    }

    fn references(&self) -> Vec<Reference> {
        vec![kind("model", &self.model, &["import"])]
    }

    fn artifacts(&self) -> Vec<(&str, &str)> {
        vec![("weights", "weights.safetensors"), ("audit", "audit.json")]
    }

    fn check(&self, check: &mut StageCheck) {
        check.patterns("trainable", &self.trainable);
        check.trainable(&self.trainable, check.model);
        check.trainable_fraction(self, check.model);
    }

    fn model_uses(&self) -> Vec<ModelUse<'_>> {
        vec![ModelUse {
            field: "model".into(),
            stage: &self.model,
            mode: ModelMode::Classifier,
            reason: "a classifier is frozen, so its import needs `into = \"classifier\"`",
            needs_all: false,
        }]
    }

    fn trainable(&self) -> Option<&[String]> {
        Some(&self.trainable)
    }

    fn nodes(&self, name: &str, _around: &dyn Around) -> Vec<Node> {
        let stage = FreezeStage {
            model: self.model.clone(),
            trainable: self.trainable.clone(),
            max_trainable_fraction: self.max_trainable_fraction,
        };
        vec![Node::of_stage(name, false, stage)]
    }

    fn results(outputs: &Outputs) -> Result<StageResults, Error> {
        Ok(StageResults {
            freeze_audit: outputs.json("audit")?,
            ..StageResults::default()
        })
    }

    fn report(stage: &str, _position: usize, results: &StageResults) -> ReportPart {
        let audit = results.freeze_audit.as_ref();
        Ok(audit.map(|audit| (ReportSection::Weights, section::of_stage(stage, audit))))
    }
}
