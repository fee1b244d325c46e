//! Diagnose stages: what is wrong with a model.

pub mod diagnosis;
mod section;
mod stage;
mod table;

use crate::edges::{DATA, Reference, WEIGHTS, kind};
use crate::kind::features_of;
use crate::kind::{Around, ModelUse, ReportPart, ReportSection, StageCheck, StageKind};
use crate::results::{Outputs, StageResults};
use pipeline_error::Error;
use pipeline_model::config::ModelMode;
use pipeline_stage::Node;

use stage::DiagnoseStage;
pub use table::DiagnoseTable;

impl StageKind for DiagnoseTable {
    fn kind() -> &'static str {
        "diagnose"
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }

    fn references(&self) -> Vec<Reference> {
        let pretrain = self.pretrain.iter();
        [
            kind("model", &self.model, WEIGHTS),
            kind("data", &self.data, DATA),
        ]
        .into_iter()
        .chain(pretrain.map(|stage| kind("pretrain", stage, &["pretrain"])))
        .collect()
    }

    fn artifacts(&self) -> Vec<(&str, &str)> {
        vec![("diagnosis", "diagnosis.json")]
    }

    fn check(&self, check: &mut StageCheck) {
        check.needs_training_split(&self.data, "diagnosis looks at the training split, too");
        check.needs_labels(&self.data, "diagnosis compares with labels");
        check.says_the_label(&self.model);
    }

    fn model_uses(&self) -> Vec<ModelUse<'_>> {
        vec![ModelUse {
            field: "model".into(),
            stage: &self.model,
            mode: ModelMode::Classifier,
            reason: "a classifier is diagnosed, so its import needs `into = \"classifier\"`",
            needs_all: true,
        }]
    }

    fn nodes(&self, name: &str, around: &dyn Around) -> Vec<Node> {
        let pretrain = self.pretrain.as_ref();
        let pretrain = pretrain.and_then(|name| {
            let objective = around.stage(name)?.objective()?;
            Some((name.clone(), objective))
        });
        let stage = DiagnoseStage {
            model: self.model.clone(),
            data: self.data.clone(),
            features: features_of(around, &self.model, &self.data),
            split: self.split,
            pretrain,
            seed: self.seed.unwrap_or_else(|| around.seed()),
        };
        vec![Node::of_stage(name, self.seed.is_some(), stage)]
    }

    fn results(outputs: &Outputs) -> Result<StageResults, Error> {
        Ok(StageResults {
            diagnosis: outputs.json("diagnosis")?,
            ..StageResults::default()
        })
    }

    fn report(stage: &str, _position: usize, results: &StageResults) -> ReportPart {
        let diagnosis = results.diagnosis.as_ref();
        Ok(diagnosis.map(|found| (ReportSection::Diagnosis, section::of_stage(stage, found))))
    }
}
