//! The recipe as a document: its top-level keys, and the JSON schema of them all.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::list::StageConfig;
use crate::resources;
use pipeline_model::config::ModelConfig;
use pipeline_recipe::remote_config::RemoteConfig;
use pipeline_recipe::sweep_config::SweepConfig;

/// A recipe of pipeline: what to train, on what, in which stages.
///
/// Editors find this schema by a first line `#:schema PATH/recipe.schema.json` in the recipe.
#[derive(JsonSchema)]
#[schemars(rename = "recipe", deny_unknown_fields)]
#[allow(
    dead_code,
    reason = "only its schema is used: the loader reads the keys one by one, each with its place"
)]
struct RecipeDocument {
    /// Version of the recipe format: 1.
    #[schemars(schema_with = "format_version")]
    format: u64,
    /// The recipe's name; left out: the file's name without its ending.
    #[schemars(length(min = 1))]
    name: Option<String>,
    /// What the recipe is about, in words: on the first screen of its report, part of no result. A recipe that extends this
    /// one does not take it over.
    #[schemars(length(min = 1))]
    description: Option<String>,
    /// Who made it: on the first screen of its report, part of no result.
    #[serde(default)]
    authors: Vec<String>,
    /// Recipes this one extends, relative to this file: merged in order, tables deep, arrays replaced, this file last.
    #[serde(default)]
    extends: Vec<String>,
    /// Every stage derives its own stream of random numbers from it; a stage may set its own seed.
    #[serde(default)]
    seed: u64,
    /// Values for `${vars.NAME}`; they may use `${env:NAME}`, `${env:NAME:-default}` and each other.
    #[serde(default)]
    vars: BTreeMap<String, Value>,
    /// The architecture, one for pretraining and finetuning.
    #[serde(default)]
    model: ModelConfig,
    /// The stages by name. A field that names a stage is an edge of the graph.
    #[schemars(extend("propertyNames" = json!({ "pattern": "^[A-Za-z0-9_-]+$" })), extend("minProperties" = 1))]
    stages: BTreeMap<String, StageConfig>,
    /// Results that machines share. Left out: the one of the user's own settings, if they have any.
    remote: Option<RemoteConfig>,
    /// What jobs of each kind of stage ask a cluster for, for `pipeline submit`; a stage's own `resources` come first.
    #[schemars(schema_with = "resources::by_kind")]
    #[serde(default)]
    resources: BTreeMap<String, Value>,
    /// Variants of the recipe, for `pipeline sweep`.
    sweep: Option<SweepConfig>,
}

pub(crate) fn format_version(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 1, "maximum": 1 })
}

/// The JSON schema of recipes whose references are replaced, generated from the Rust types.
pub fn schema() -> Value {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    generator.into_root_schema_for::<RecipeDocument>().into()
}

/// The JSON schema of recipes as they are written: before references are replaced.
pub fn published_schema() -> Value {
    pipeline_recipe::published(schema())
}

/// [`schema`], generated once.
pub static SCHEMA: LazyLock<Value> = LazyLock::new(schema);

#[cfg(test)]
mod tests {
    use super::*;

    fn every_object(schema: &Value, path: &str, visit: &mut dyn FnMut(&str, &Value)) {
        match schema {
            Value::Object(map) => {
                if map.get("type") == Some(&json!("object")) {
                    visit(path, schema);
                }
                for (key, value) in map {
                    every_object(value, &format!("{path}/{key}"), visit);
                }
            }
            Value::Array(list) => {
                for (index, value) in list.iter().enumerate() {
                    every_object(value, &format!("{path}/{index}"), visit);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn no_table_but_those_of_names_takes_keys_it_does_not_know() {
        let mut open = Vec::new();
        every_object(&schema(), "", &mut |path, object| {
            if object.get("additionalProperties") != Some(&json!(false)) {
                open.push(path.to_string());
            }
        });
        let command = "/$defs/StageConfig/oneOf/7/properties";
        let names = ["env", "inputs", "outputs"].map(|key| format!("{command}/{key}"));
        let compared = ["/$defs/StageConfig/oneOf/5/properties/compare".to_string()];
        let top = ["/properties/stages", "/properties/vars"].map(String::from);
        let data = "/$defs/StageConfig/oneOf/0/properties";
        let data = ["cleaning", "targets"].map(|key| format!("{data}/{key}"));
        let draw = "/$defs/RandomAxis/properties/draw".to_string();
        let sweep = ["exclude/items", "grid", "list/items", "seeds", "zip"];
        let sweep = sweep.map(|key| format!("/$defs/SweepConfig/properties/{key}"));
        let stages = [data.as_slice(), &compared, names.as_slice()].concat();
        let all = [&[draw], stages.as_slice(), sweep.as_slice(), top.as_slice()];
        assert_eq!(open, all.concat());
    }

    #[test]
    fn a_reference_fits_where_a_number_a_word_or_a_digest_belongs() {
        let schema = published_schema();
        let stays = &schema["properties"]["seed"];
        assert_eq!(stays["type"], json!(["integer", "string"]));
        assert_eq!(stays["pattern"], r"\$\{");
        let words = schema["$defs"]["Fusion"]["oneOf"].as_array().unwrap();
        assert_eq!(words.last().unwrap()["pattern"], r"\$\{");
        let sha256 = &schema["$defs"]["CheckpointFile"]["properties"]["sha256"];
        assert_eq!(sha256["pattern"], r"(?:^[0-9a-f]{64}$)|\$\{");
    }
}
