//! The table `[remote]`.

use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A remote cache: results that machines share, in a bucket or a folder. It changes no result and is no part of a key. A recipe's table replaces the user's own one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RemoteConfig {
    /// Where: `s3://BUCKET/PREFIX` or `file:///FOLDER`.
    #[schemars(regex(pattern = "^(s3|file)://[^@]+$"))]
    pub url: String,
    /// Look there before a stage is executed, as with `run --pull`.
    #[serde(default)]
    pub pull: bool,
    /// Push the results of a run.
    #[serde(default)]
    pub push: bool,
    /// Kinds of stages whose results are pushed. Left out: the kinds without rows of patients (import, pretrain, freeze, finetune). Events, features and predictions are patients' data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<String>>,
    /// Files of public keys (`cache keygen`): only results with a signature by one of them are pulled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "paths")]
    pub trusted_keys: Vec<PathBuf>,
    /// File of the secret key that signs pushed results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub signing_key: Option<PathBuf>,
}

fn path(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "format": "path", "minLength": 1 })
}

fn paths(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": path(generator) })
}
