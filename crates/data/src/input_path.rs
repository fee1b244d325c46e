//! Where a stage reads a file or folder from.

use std::fmt::Formatter;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A file or folder outside the store, relative in a recipe to the file that states it, or an
/// artifact that another stage makes.
///
/// In the JSON schema the former is a string of format `path`: the recipe loader resolves
/// exactly the values at those places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPath {
    /// Where it lies. Of an artifact that is known only while the stage runs, see [`InputPath::located`].
    path: PathBuf,
    artifact: Option<ArtifactReference>,
}

/// An artifact of another stage of the recipe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArtifactReference {
    /// The stage that makes it.
    #[schemars(length(min = 1))]
    pub stage: String,
    /// Its name there, e.g. `events`.
    #[schemars(length(min = 1))]
    pub artifact: String,
}

impl InputPath {
    /// A file or folder outside the store.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            artifact: None,
        }
    }

    /// The artifact it is, unless it is a file or folder outside the store.
    pub fn artifact(&self) -> Option<&ArtifactReference> {
        self.artifact.as_ref()
    }

    /// Says where the artifact lies.
    pub fn locate(&mut self, path: &Path) {
        self.path = path.to_path_buf();
    }
}

impl AsRef<Path> for InputPath {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

impl Serialize for InputPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.artifact {
            Some(artifact) => artifact.serialize(serializer),
            None => self.path.serialize(serializer),
        }
    }
}

// Written by hand: `untagged` would reduce every mistake inside the table to "matched no variant".
impl<'de> Deserialize<'de> for InputPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PathOrArtifact;
        impl<'de> Visitor<'de> for PathOrArtifact {
            type Value = InputPath;
            fn expecting(&self, formatter: &mut Formatter) -> std::fmt::Result {
                formatter.write_str("a path, or { stage = \"…\", artifact = \"…\" }")
            }
            fn visit_str<E: serde::de::Error>(self, path: &str) -> Result<InputPath, E> {
                Ok(InputPath::file(path))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<InputPath, A::Error> {
                let artifact = ArtifactReference::deserialize(MapAccessDeserializer::new(map))?;
                Ok(InputPath {
                    path: PathBuf::from(format!("{}.{}", artifact.stage, artifact.artifact)),
                    artifact: Some(artifact),
                })
            }
        }
        deserializer.deserialize_any(PathOrArtifact)
    }
}

impl JsonSchema for InputPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "InputPath".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let artifact = generator.subschema_for::<ArtifactReference>();
        json_schema!({
            "description": "A file or folder, relative to the recipe that states it, or an artifact of another stage.",
            "anyOf": [{ "type": "string", "format": "path", "minLength": 1 }, artifact]
        })
    }
}

/// The schema of an [`InputPath`] that may be a pattern, too: its string is of format
/// `path-or-pattern`.
pub enum FilesOrPattern {}

impl JsonSchema for FilesOrPattern {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FilesOrPattern".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let artifact = generator.subschema_for::<ArtifactReference>();
        json_schema!({
            "description": "A file, a folder or a pattern (`charts/*.csv.gz`, `**/*.parquet`), relative to the recipe that states it, or an artifact of another stage.",
            "anyOf": [{ "type": "string", "format": "path-or-pattern", "minLength": 1 }, artifact]
        })
    }
}
