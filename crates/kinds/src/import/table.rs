//! `import` stages of a recipe.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use pipeline_checkpoint::RenameRule;
use pipeline_data::contract::InputField;
use pipeline_data::input_path::InputPath;
use pipeline_model::config::ModelMode;
use pipeline_model::hidden_setting::HiddenSetting;

/// Loads weights under a strict audit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportTable {
    /// A pretrain or finetune stage, or `{ path, sha256 }` of a checkpoint file.
    pub from: ImportFrom,
    /// The model the weights go into.
    pub into: ModelMode,
    /// Exactly the parameters that may be missing, by pattern.
    #[serde(default)]
    pub new: Vec<String>,
    /// Exactly the tensors that may be left over, by pattern.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// What tensors are called in the model, one rule after the other; a rule that matches nothing is an error,
    /// unless it takes off a wrapper's prefix that went by itself.
    #[serde(default)]
    pub rename: Vec<RenameRule>,
    /// Whether names are translated before and after the rules.
    #[serde(default)]
    pub names: Names,
    /// Round F64 to F32; left out: F64 weights are refused.
    #[serde(default)]
    pub allow_narrowing: bool,
    /// Settings of `[model]` that may be other ones than the weights were trained with, though no parameter's shape shows it; any other difference is an error.
    #[serde(default)]
    pub model_changes: Vec<HiddenSetting>,
    /// Settings of `[model]` that no parameter's shape shows and that are as the weights were trained with, though their file does not say so. What the file says counts all the same.
    #[serde(default)]
    pub assume: Vec<HiddenSetting>,
    /// The meaning of the weights' inputs, where their file does not state it: that of a data stage, or `"unknown"`, which every later stage notes.
    #[serde(default)]
    pub inputs: Option<StatedInputs>,
    /// Parts of the inputs' meaning that may differ between the data and the data that the weights were trained on; any other difference is an error.
    #[serde(default)]
    pub input_changes: Vec<InputField>,
}

/// What a recipe says of the inputs of weights whose file says nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StatedInputs {
    /// Nobody knows.
    Unknown,
    /// They are those of this data stage.
    Data(String),
}

/// Whether an import translates names by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Names {
    /// A prefix that every name has (`module.`, `_orig_mod.`, `model.`) goes, and the reference's layouts are understood; both are reported.
    #[default]
    Auto,
    /// Names are taken as they are.
    Exact,
}

/// Where weights come from.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportFrom {
    /// A stage of this recipe.
    Stage(String),
    /// A checkpoint file.
    File(CheckpointFile),
}

/// A checkpoint file outside the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointFile {
    /// The file: .safetensors, .ckpt, .pt, .pth or .bin, or the .index.json of shards.
    pub path: InputPath,
    /// The file's SHA-256, if it is to be pinned.
    #[serde(default)]
    #[schemars(regex(pattern = r"^[0-9a-f]{64}$"))]
    pub sha256: Option<String>,
}

impl Serialize for ImportFrom {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            ImportFrom::Stage(name) => serializer.serialize_str(name),
            ImportFrom::File(file) => file.serialize(serializer),
        }
    }
}

// Written by hand: `untagged` would reduce every mistake inside the table to "matched no variant".
impl<'de> Deserialize<'de> for ImportFrom {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StageOrFile;
        impl<'de> Visitor<'de> for StageOrFile {
            type Value = ImportFrom;
            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("the name of a stage, or { path = \"…\" }")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<ImportFrom, E> {
                Ok(ImportFrom::Stage(name.into()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ImportFrom, A::Error> {
                CheckpointFile::deserialize(MapAccessDeserializer::new(map)).map(ImportFrom::File)
            }
        }
        deserializer.deserialize_any(StageOrFile)
    }
}

impl JsonSchema for ImportFrom {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ImportFrom".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let file = generator.subschema_for::<CheckpointFile>();
        json_schema!({
            "description": "A stage of this recipe, or a checkpoint file.",
            "anyOf": [{ "type": "string", "minLength": 1 }, file]
        })
    }
}
