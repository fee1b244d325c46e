//! What stages take from each other: the edges of the graph, and the artifacts at their ends.

use pipeline_data::input_path::InputPath;

/// A place in a stage that names another stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The field, dotted: `data`, `inputs.events.stage`.
    pub field: String,
    /// The stage it names.
    pub stage: String,
    /// What it must be.
    pub wants: Wants,
}

/// What a reference needs of the stage it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wants {
    /// One of these kinds.
    Kind(&'static [&'static str]),
    /// This artifact, whatever the kind.
    Artifact(String),
}

/// Stages that data come from.
pub const DATA: &[&str] = &["data"];
/// Stages that deliver weights.
pub const WEIGHTS: &[&str] = &["import", "freeze", "finetune"];

/// Stages that score.
pub const EVALUATE: &[&str] = &["evaluate"];

/// A field that names a stage of one of some kinds.
pub fn kind(field: &str, stage: &str, kinds: &'static [&'static str]) -> Reference {
    Reference {
        field: field.into(),
        stage: stage.into(),
        wants: Wants::Kind(kinds),
    }
}

/// A path that may name an artifact of a stage.
pub fn artifact(field: &str, path: &InputPath) -> Option<Reference> {
    let made = path.artifact()?;
    Some(Reference {
        field: format!("{field}.stage"),
        stage: made.stage.clone(),
        wants: Wants::Artifact(made.artifact.clone()),
    })
}
