//! The stages whose models are asked: one, or several whose probabilities are averaged.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::SeqAccessDeserializer;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::edges::{Reference, WEIGHTS, kind};
use crate::kind::{ModelUse, StageCheck};
use pipeline_model::config::ModelMode;

/// The field that names them.
const FIELD: &str = "model";

/// The name of a stage, or a list of names. A list of one is that one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Models(Vec<String>);

impl Models {
    /// The stages, in the order in which they are written.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether none is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The places in the recipe that name them.
    pub fn references(&self) -> impl Iterator<Item = Reference> {
        self.fields()
            .map(|(field, name)| kind(&field, name, WEIGHTS))
    }

    /// Complete classifiers, each of them; `reason` says what for.
    pub fn uses(&self, reason: &'static str) -> Vec<ModelUse<'_>> {
        let model_use = |(field, stage)| ModelUse {
            field,
            stage,
            mode: ModelMode::Classifier,
            reason,
            needs_all: true,
        };
        self.fields().map(model_use).collect()
    }

    fn fields(&self) -> impl Iterator<Item = (String, &str)> {
        let one = self.0.len() == 1;
        self.names().enumerate().map(move |(number, name)| {
            let field = match one {
                true => FIELD.to_string(),
                false => format!("{FIELD}.{number}"),
            };
            (field, name)
        })
    }
}

impl StageCheck<'_> {
    /// A model that is named twice would count twice over.
    pub(crate) fn models(&mut self, models: &Models) {
        for (number, name) in models.names().enumerate() {
            if let Some(first) = models.names().take(number).position(|other| other == name) {
                let (first, number) = (first.to_string(), number.to_string());
                let mistake = self
                    .mistake(
                        &[FIELD, &number],
                        &format!("names `{name}` again"),
                        "would count twice",
                    )
                    .and(self.place(&[FIELD, &first]), "named here")
                    .help("name every model once");
                self.mistakes.push(mistake);
            }
        }
    }
}

impl Serialize for Models {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => serializer.serialize_str(one),
            several => several.serialize(serializer),
        }
    }
}

// Written by hand: `untagged` would reduce every mistake to "matched no variant".
impl<'de> Deserialize<'de> for Models {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrList;
        impl<'de> Visitor<'de> for NameOrList {
            type Value = Models;
            fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
                formatter.write_str("the name of a stage, or a list of names")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Models, E> {
                Ok(Models(vec![name.into()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Models, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Models)
            }
        }
        deserializer.deserialize_any(NameOrList)
    }
}

impl JsonSchema for Models {
    fn schema_name() -> Cow<'static, str> {
        "Models".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An import, freeze or finetune stage with no parameter left new, or several of them.",
            "anyOf": [
                { "type": "string" },
                {
                    "description": "Several stages: the mean of their models' probabilities is scored.",
                    "type": "array",
                    "items": { "type": "string" },
                    "minItems": 1
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_written_as_it_always_was() {
        for (read, written) in [
            (r#""a""#, r#""a""#),
            (r#"["a"]"#, r#""a""#),
            (r#"["b","a"]"#, r#"["b","a"]"#),
        ] {
            let models: Models = serde_json::from_str(read).unwrap();
            assert_eq!(serde_json::to_string(&models).unwrap(), written);
        }
        let error = serde_json::from_str::<Models>("1").unwrap_err();
        assert!(error.to_string().contains("a list of names"), "{error}");
    }

    #[test]
    fn each_of_several_has_a_place_of_its_own() {
        let fields = |text| {
            let models: Models = serde_json::from_str(text).unwrap();
            let fields = models.references().map(|reference| reference.field);
            fields.collect::<Vec<_>>()
        };
        assert_eq!(fields(r#""a""#), ["model"]);
        assert_eq!(fields(r#"["a","b"]"#), ["model.0", "model.1"]);
    }
}
