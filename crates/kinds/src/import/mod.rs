//! Import stages: weights under a strict audit.

mod checks;
mod hidden_settings;
pub mod rehearsal;
mod section;
mod stage;
mod table;

use crate::check::StageCheck;
use crate::edges::{Reference, artifact, kind};
use crate::experiment::Recipe;
use crate::kind::{ReportPart, ReportSection, StageKind};
use crate::list::StageConfig;
use crate::results::{Outputs, StageResults};
use pipeline_checkpoint::ImportRules;
use pipeline_error::Error;
use pipeline_stage::Node;

use hidden_settings::Declared;
use stage::{ImportStage, WeightSource};
pub use table::{CheckpointFile, ImportFrom, ImportTable, Names};

impl StageKind for ImportTable {
    fn kind() -> &'static str {
        "import"
    }

    fn seed(&self) -> Option<u64> {
        None
    }

    fn references(&self) -> Vec<Reference> {
        match &self.from {
            ImportFrom::Stage(name) => vec![kind("from", name, &["pretrain", "finetune"])],
            ImportFrom::File(file) => artifact("from.path", &file.path).into_iter().collect(),
        }
    }

    fn artifacts(&self) -> Vec<(&str, &str)> {
        vec![("weights", "weights.safetensors"), ("audit", "audit.json")]
    }

    fn check(&self, check: &mut StageCheck) {
        check.patterns("new", &self.new);
        check.patterns("ignore", &self.ignore);
        check.rename(&self.rename);
    }

    fn nodes(&self, name: &str, recipe: &Recipe) -> Vec<Node> {
        vec![Node::of_stage(name, false, self.stage(recipe))]
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
    /// What the stage does in `recipe`.
    fn stage(&self, recipe: &Recipe) -> ImportStage {
        let from = match &self.from {
            ImportFrom::File(file) => WeightSource::File {
                path: file.path.clone(),
                sha256: file.sha256.clone(),
            },
            ImportFrom::Stage(name) => {
                let artifact = match recipe.stage(name) {
                    Some(StageConfig::Pretrain(_)) => "checkpoint",
                    _ => "weights",
                };
                WeightSource::Stage(name.clone(), artifact)
            }
        };
        ImportStage {
            model: recipe.model.clone(),
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
        }
    }
}
