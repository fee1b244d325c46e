use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::delimiter::Delimiter;
use crate::input_path::InputPath;

/// Columns of a table that say what stays are, such as sex or age group: they become columns of `stays`, and no inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttributeTable {
    /// The file, CSV or Parquet, with one row a stay or one a patient.
    pub path: InputPath,
    /// What separates fields where the file is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// The column of stay ids; left out: `stay_id`, unless `subject` is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// In place of `id`: the column of patients. All stays of one have what his row says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The columns to keep. One whose every value is a number is one of numbers, unless some are codes: written with leading zeros, a plus or an exponent without a sign or a point (`1E2`), too long for a number, or two texts of one number (`250.0`, `250.00`; not `54`, `54.0`); else of texts. An empty cell says nothing, nor do `source.missing` and, among numbers, `NA` and its like.
    #[schemars(length(min = 1))]
    pub columns: Vec<String>,
}
