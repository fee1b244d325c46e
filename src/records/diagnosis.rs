//! The document of `diagnose --format json`.

use serde::Serialize;

use pipeline_kinds::diagnose::diagnosis::Diagnosis;

/// The document of `diagnose --format json`.
#[derive(Debug, Serialize)]
pub struct DiagnosesRecord {
    /// The recipe's name.
    pub recipe: String,
    /// The models, in the recipe's order.
    pub diagnoses: Vec<NamedDiagnosis>,
}

/// What was found out about one model.
#[derive(Debug, Serialize)]
pub struct NamedDiagnosis {
    /// The stage that holds the model.
    pub model: String,
    /// What was found out.
    pub diagnosis: Diagnosis,
}
