//! The schema of recipes as they are written: before references are replaced.

use serde_json::{Map, Value, json};

/// A string that holds a reference.
const REFERENCE: &str = r"\$\{";

/// Starts the names of definitions in which nothing is required.
const PART: &str = "PartOf";

/// The schema of recipes whose references are replaced, and a string with a `${…}` wherever a number, a truth value or a word of a
/// list belongs. A recipe that extends others may state parts of tables: what it leaves out is
/// theirs to state.
pub fn published(mut whole: Value) -> Value {
    take_references(&mut whole);
    let mut published = whole.clone();
    loosen(&mut published);
    let definitions = [&mut published, &mut whole].map(|schema| schema["$defs"].take());
    let [parts, wholes] = definitions.map(|all| match all {
        Value::Object(all) => all,
        _ => Map::new(),
    });
    let mut all = wholes;
    all.extend(
        parts
            .into_iter()
            .map(|(name, part)| (format!("{PART}{name}"), part)),
    );
    let complete = json!({ "properties": whole["properties"], "required": whole["required"] });
    all.insert("CompleteRecipe".into(), complete);
    published["$defs"] = Value::Object(all);
    published["required"] = json!(["format"]);
    published["if"] = json!({ "required": ["extends"] });
    published["else"] = json!({ "$ref": "#/$defs/CompleteRecipe" });
    published
}

/// Requires nothing, and refers to definitions that require nothing.
fn loosen(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(loosen);
            map.remove("minProperties");
            if map.get("required").is_some_and(Value::is_array) {
                map.remove("required");
            }
            // Without what tells them apart several may fit.
            if let Some(variants) = map.remove("oneOf") {
                map.insert("anyOf".into(), variants);
            }
            if let Some(Value::String(target)) = map.get_mut("$ref") {
                *target = target.replace("#/$defs/", &format!("#/$defs/{PART}"));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(loosen),
        _ => {}
    }
}

fn take_references(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.values_mut().for_each(take_references);
            if let Some(Value::Array(words)) = map.get_mut("oneOf")
                && words.iter().any(is_word)
            {
                words.push(json!({ "type": "string", "pattern": REFERENCE }));
            }
            match map.get_mut("type") {
                Some(Value::Array(types)) if types.iter().any(is_scalar) => {
                    types.push(json!("string"));
                }
                Some(scalar) if is_scalar(scalar) => *scalar = json!([scalar.take(), "string"]),
                Some(text) if is_text(text) => {
                    if let Some(Value::String(pattern)) = map.get_mut("pattern")
                        && pattern != REFERENCE
                    {
                        *pattern = format!("(?:{pattern})|{REFERENCE}");
                    }
                    return;
                }
                _ => return,
            }
            map.insert("pattern".into(), json!(REFERENCE));
        }
        Value::Array(list) => list.iter_mut().for_each(take_references),
        _ => {}
    }
}

/// `const` strings, but not those that tell tagged tables apart.
fn is_word(schema: &Value) -> bool {
    schema["const"].is_string() || schema["enum"].is_array()
}

fn is_scalar(name: &Value) -> bool {
    matches!(name.as_str(), Some("integer" | "number" | "boolean"))
}

fn is_text(types: &Value) -> bool {
    match types {
        Value::Array(types) => types.iter().any(is_text),
        name => name == "string",
    }
}
