//! The document of `inspect --format json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use pipeline_checkpoint::{Audit, Container, TensorSummary};
use pipeline_data::contract::InputContract;
use pipeline_model::config::ModelMode;

/// What is in a checkpoint. The numbers of a tensor that are not finite count in none of its
/// statistics.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "inspect")]
pub struct InspectRecord {
    /// The file, as it was named.
    pub file: String,
    /// Its format; null where it has none that is known.
    pub container: Option<Container>,
    /// Its tensors by name; none of a file that is refused.
    pub tensors: Vec<TensorSummary>,
    /// Where the tensors were found, and what was passed over.
    pub notes: Vec<String>,
    /// Tensors that the source's optimizer has no state for: they never had a gradient. Absent where
    /// the file does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub never_trained: Option<Vec<String>>,
    /// What the weights' inputs mean; absent where the file does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<InputContract>,
    /// Why the file is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What importing the file would say; absent without a recipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imports: Option<Vec<ImportRecord>>,
}

/// What importing a file would say.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ImportRecord {
    /// The import stage whose rules apply; null: none of the recipe's, and no rules.
    pub stage: Option<String>,
    /// The model that the weights would go into.
    pub into: ModelMode,
    /// What else would stop the stage as it stands: that it pins another file.
    pub notes: Vec<String>,
    /// The audit of the import, if the tensors are those that it declares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
    /// Every reason why it would fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What to do about them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
