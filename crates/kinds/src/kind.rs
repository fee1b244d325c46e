//! What makes a kind of stage.

use maud::Markup;

use crate::check::StageCheck;
use crate::edges::Reference;
use crate::experiment::Recipe;
use crate::results::{Outputs, StageResults};
use pipeline_error::Error;
use pipeline_model::config::ModelMode;
use pipeline_stage::Node;

/// A kind of stage: implemented by its table in a recipe, all of it in one folder. The work itself is that of
/// the [`Stage`](pipeline_stage::Stage) in its nodes, which has the code version and the fields of the key.
pub trait StageKind {
    /// The kind's name, as written in recipes.
    fn kind() -> &'static str
    where
        Self: Sized;

    /// The seed that the recipe states for this stage alone.
    fn seed(&self) -> Option<u64>;

    /// Stages it names.
    fn references(&self) -> Vec<Reference>;

    /// The artifacts it makes: their names, and those of files that hold such contents.
    fn artifacts(&self) -> Vec<(&str, &str)>;

    /// Notes the mistakes that a schema cannot see.
    fn check(&self, check: &mut StageCheck);

    /// The stage whose model it uses, if it matters into which model that was imported.
    fn model_use(&self) -> Option<ModelUse<'_>> {
        None
    }

    /// The names of its metrics, where they are known before it has run.
    fn metrics(&self) -> Option<Vec<String>> {
        None
    }

    /// The nodes that the stage `name` becomes, derived ones before its own.
    fn nodes(&self, name: &str, recipe: &Recipe) -> Vec<Node>;

    /// What people read of what such a stage left.
    fn results(_outputs: &Outputs) -> Result<StageResults, Error>
    where
        Self: Sized,
    {
        Ok(StageResults::default())
    }

    /// What a report says of such results: its section, and what stands there below the stage's name.
    /// `position` tells the stage from others on the page.
    fn report(_stage: &str, _position: usize, _results: &StageResults) -> ReportPart
    where
        Self: Sized,
    {
        Ok(None)
    }
}

/// What a report says of a stage, and in which section; none: nothing.
pub type ReportPart = Result<Option<(ReportSection, Markup)>, Error>;

/// How a stage uses the model of another.
pub struct ModelUse<'a> {
    /// The field that names the other stage.
    pub field: &'static str,
    /// The other stage.
    pub stage: &'a str,
    /// What an import must have imported into.
    pub mode: ModelMode,
    /// Why.
    pub reason: &'static str,
    /// Whether no parameter may be new.
    pub needs_all: bool,
}

/// A section of a report that kinds of stages write, in the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportSection {
    /// How good the models are.
    Evaluation,
    /// What is wrong with models.
    Diagnosis,
    /// How trainings went.
    Training,
    /// What was loaded, left new, left over, frozen and trained.
    Weights,
    /// What was learned from.
    Data,
}

impl ReportSection {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Evaluation,
        Self::Diagnosis,
        Self::Training,
        Self::Weights,
        Self::Data,
    ];

    /// What links to it name, and its heading.
    pub fn id_and_title(self) -> (&'static str, &'static str) {
        match self {
            Self::Evaluation => ("evaluation", "Evaluation"),
            Self::Diagnosis => ("diagnosis", "Diagnosis"),
            Self::Training => ("training", "Training"),
            Self::Weights => ("weights", "Weights"),
            Self::Data => ("data", "Data"),
        }
    }
}
