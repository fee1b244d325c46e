//! What the jobs of stages ask a cluster for: `[stages.NAME.resources]`, and for all stages of a kind `[resources.KIND]`.
//! No key knows of it, so it is no part of a stage's table.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value as Json, json};

use crate::list::StageConfig;
use pipeline_cluster::{MemoryLimit, Resources, TimeLimit};
use pipeline_recipe::tree::{Node, Value};
use pipeline_recipe::{self as recipe, Mistake};

/// Its key in a stage's table.
const KEY: &str = "resources";

/// The schema of `[resources]`.
pub(crate) fn by_kind(generator: &mut SchemaGenerator) -> Schema {
    let one = generator.subschema_for::<Resources>().to_value();
    let kinds = StageConfig::kinds().into_iter();
    let kinds: Map<String, Json> = kinds.map(|kind| (kind.to_string(), one.clone())).collect();
    json_schema!({ "type": "object", "properties": kinds, "additionalProperties": false })
}

/// Every stage may have it.
pub(crate) fn of_every_stage(schema: &mut Schema) {
    let Some(Json::Array(kinds)) = schema.get_mut("oneOf") else {
        return;
    };
    for kind in kinds {
        if let Some(Json::Object(properties)) = kind.get_mut("properties") {
            let one = json!({
                "description": "What its job asks a cluster for; no result depends on it.",
                "$ref": "#/$defs/Resources"
            });
            properties.insert(KEY.into(), one);
        }
    }
}

/// A stage's table without it.
pub(crate) fn without(stage: &Node) -> Cow<'_, Node> {
    let mut stage = Cow::Borrowed(stage);
    if stage.child(KEY).is_some()
        && let Value::Table(table) = &mut stage.to_mut().value
    {
        table.remove(KEY);
    }
    stage
}

/// Of every stage of a sound tree what its job asks for, by its name.
pub(crate) fn read<'a>(
    tree: &Node,
    stages: impl Iterator<Item = (&'a str, &'static str)>,
    mistakes: &mut Vec<Mistake>,
) -> BTreeMap<String, Resources> {
    let mut by_kind: BTreeMap<&str, Resources> = BTreeMap::new();
    let table = tree.child(KEY).and_then(Node::as_table);
    for entry in table.into_iter().flat_map(|table| table.iter()) {
        let name = format!("{KEY}.{}", entry.key);
        by_kind.extend(one(&name, &entry.node, mistakes).map(|it| (entry.key.as_str(), it)));
    }
    let mut all = BTreeMap::new();
    for (stage, kind) in stages {
        let stated = tree.at(&["stages", stage, KEY]);
        let stated = stated.and_then(|node| one(&format!("stages.{stage}.{KEY}"), node, mistakes));
        let below = by_kind.get(kind).copied().unwrap_or_default();
        all.insert(stage.into(), stated.unwrap_or_default().over(&below));
    }
    all
}

fn one(name: &str, node: &Node, mistakes: &mut Vec<Mistake>) -> Option<Resources> {
    let before = mistakes.len();
    let mut check = |key: &str, expected: &str, is_one: fn(&str) -> bool| {
        if let Some(value) = node.child(key)
            && let Some(text) = value.as_str()
            && !is_one(text)
        {
            let message = format!("{name}.{key}: `{text}` is not valid");
            mistakes.push(Mistake::new(
                message,
                value.origin,
                format!("expected {expected}"),
            ));
        }
    };
    check("mem", "a size with a unit: \"16G\"", |text| {
        MemoryLimit::parse(text).is_some()
    });
    check(
        "time",
        "\"30m\", \"4h\", \"2d\", \"4:00:00\" or \"1-12:00:00\"",
        |text| TimeLimit::parse(text).is_some(),
    );
    match mistakes.len() == before {
        true => recipe::read(name, node, mistakes),
        false => None,
    }
}
