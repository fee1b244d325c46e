//! The table of a diagnose stage.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use pipeline_data::dataset::Split;

/// Looks for what is wrong with a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiagnoseTable {
    /// Seed of this stage, for its controls; left out: the recipe's.
    #[serde(default)]
    pub seed: Option<u64>,
    /// An import, freeze or finetune stage with no parameter left new.
    pub model: String,
    /// The data stage to look at the model with.
    pub data: String,
    /// The split to look at; never `test`, which evaluate stages alone touch.
    #[serde(default = "DiagnoseTable::default_split")]
    #[schemars(schema_with = "split_names")]
    pub split: Split,
    /// A pretrain stage, whose decoder tells how well each variable is reconstructed; left out: that is not told.
    #[serde(default)]
    pub pretrain: Option<String>,
}

/// The names and aliases of all splits but test.
fn split_names(_: &mut SchemaGenerator) -> Schema {
    let names = ["train", "validation", "valid", "val", "tuning"];
    json_schema!({ "type": "string", "enum": names })
}

impl DiagnoseTable {
    fn default_split() -> Split {
        Split::Validation
    }

    /// A diagnosis of `model` on the validation split of `data`.
    pub fn of(model: &str, data: &str, pretrain: Option<&str>) -> Self {
        Self {
            seed: None,
            model: model.into(),
            data: data.into(),
            split: Self::default_split(),
            pretrain: pretrain.map(str::to_string),
        }
    }
}
