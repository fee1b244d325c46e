//! Import stages: weights under a strict audit.

mod built_model;
mod checks;
mod head_target;
mod hidden_settings;
mod pin;
mod readout;
mod section;
mod stage;
mod table;

use crate::edges::{DATA, Reference, artifact, kind};
use crate::kind::{Around, Imported, ModelHeld, ReportPart, ReportSection, StageCheck, StageKind};
use crate::results::{Outputs, StageResults};
use pipeline_checkpoint::ImportRules;
use pipeline_error::Error;
use pipeline_stage::Node;

pub(crate) use hidden_settings::Declared;
pub(crate) use stage::{ImportStage, WeightSource};
pub use table::{CheckpointFile, ImportFrom, ImportTable, Names, StatedInputs};

impl StageKind for ImportTable {
    fn kind() -> &'static str {
        "import"
    }

    fn seed(&self) -> Option<u64> {
        None
    }

    fn references(&self) -> Vec<Reference> {
        let weights = match &self.from {
            ImportFrom::Stage(name) => Some(kind("from", name, &["pretrain", "finetune"])),
            ImportFrom::File(file) => artifact("from.path", &file.path),
        };
        let data = match &self.inputs {
            Some(StatedInputs::Data(name)) => Some(kind("inputs.data", name, DATA)),
            Some(StatedInputs::Unknown) | None => None,
        };
        weights.into_iter().chain(data).collect()
    }

    fn artifacts(&self) -> Vec<(&str, &str)> {
        vec![("weights", "weights.safetensors"), ("audit", "audit.json")]
    }

    fn check(&self, check: &mut StageCheck) {
        check.file(&self.from);
        check.patterns("new", &self.new);
        check.patterns("ignore", &self.ignore);
        check.rename(&self.rename);
    }

    fn model_held(&self) -> Option<ModelHeld> {
        Some(ModelHeld {
            mode: self.into,
            batch: None,
        })
    }

    fn imported(&self) -> Option<Imported> {
        Some(Imported {
            into: self.into,
            has_new: !self.new.is_empty(),
        })
    }

    fn nodes(&self, name: &str, around: &dyn Around) -> Vec<Node> {
        vec![Node::of_stage(name, false, self.stage(around))]
    }

    fn results(outputs: &Outputs) -> Result<StageResults, Error> {
        Ok(StageResults {
            import_audit: outputs.json("audit")?,
            ..StageResults::default()
        })
    }

    fn report(stage: &str, _position: usize, results: &StageResults) -> ReportPart {
        let audit = results.import_audit.as_ref();
        Ok(audit.map(|audit| (ReportSection::Weights, section::of_stage(stage, audit))))
    }
}

impl ImportTable {
    /// What the stage does.
    pub(crate) fn stage(&self, around: &dyn Around) -> ImportStage {
        let from = match &self.from {
            ImportFrom::File(file) => WeightSource::File {
                path: file.path.clone(),
                sha256: file.sha256.clone(),
            },
            ImportFrom::Stage(name) => {
                let pretrains = around.stage(name).and_then(StageKind::objective).is_some();
                let artifact = if pretrains { "checkpoint" } else { "weights" };
                WeightSource::Stage(name.clone(), artifact)
            }
        };
        ImportStage {
            model: around.model().clone(),
            from,
            into: self.into,
            rules: ImportRules {
                new: self.new.clone(),
                ignore: self.ignore.clone(),
                rename: self.rename.clone(),
                exact_names: self.names == Names::Exact,
                allow_narrowing: self.allow_narrowing,
            },
            hidden: Declared {
                changes: self.model_changes.clone(),
                assumed: self.assume.clone(),
            },
            inputs: self.inputs.clone(),
            input_changes: self.input_changes.clone(),
        }
    }
}
