//! In what the recipes of runs differ.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::ComparedValue;

/// What says where a recipe is and how it was called, not what it is.
const NO_SETTINGS: [&str; 5] = ["path", "set", "name", "description", "authors"];

/// Every value that is not the same in all recipes as they were resolved, by path.
pub(super) fn differences(resolved: &[&Value]) -> Vec<ComparedValue> {
    let leaves: Vec<BTreeMap<String, &Value>> =
        (resolved.iter()).map(|recipe| leaves_of(recipe)).collect();
    let paths: BTreeSet<&String> = leaves.iter().flat_map(BTreeMap::keys).collect();
    let rows = paths.into_iter().map(|path| ComparedValue {
        path: path.clone(),
        values: (leaves.iter())
            .map(|leaves| {
                leaves
                    .get(path)
                    .map_or(Value::Null, |value| (*value).clone())
            })
            .collect(),
    });
    rows.filter(|row| row.values.windows(2).any(|pair| pair[0] != pair[1]))
        .collect()
}

fn leaves_of(recipe: &Value) -> BTreeMap<String, &Value> {
    let mut leaves = BTreeMap::new();
    let Value::Object(tables) = recipe else {
        return leaves;
    };
    for (key, value) in tables {
        match (key.as_str(), value) {
            (key, _) if NO_SETTINGS.contains(&key) => {}
            // Stages are a list, in the order of the graph: their names tell them apart.
            ("stages", Value::Array(stages)) => {
                for stage in stages {
                    let name = stage["name"].as_str().unwrap_or_default();
                    collect(&format!("stages.{name}"), stage, &mut leaves);
                    leaves.remove(&format!("stages.{name}.name"));
                }
            }
            (key, value) => collect(key, value, &mut leaves),
        }
    }
    leaves
}

/// Lists are values, as in `extends`: they are replaced whole.
fn collect<'a>(path: &str, value: &'a Value, leaves: &mut BTreeMap<String, &'a Value>) {
    match value {
        Value::Object(table) if !table.is_empty() => {
            for (key, value) in table {
                collect(&format!("{path}.{key}"), value, leaves);
            }
        }
        value => {
            leaves.insert(path.to_string(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_told_with_its_path() {
        let first = json!({"path": "a.toml", "seed": 1, "model": {"levels": 2}, "stages": [
            {"name": "events", "kind": "data", "cleaning": {}},
            {"name": "head", "kind": "finetune", "optimizer": {"lr": 0.1, "betas": [0.9, 0.99]}},
        ]});
        let mut second = first.clone();
        second["path"] = json!("b.toml");
        second["stages"][1]["optimizer"]["lr"] = json!(0.2);
        second["stages"][1]["epochs"] = json!(7);
        let found = differences(&[&first, &second]);
        let row = |path: &str, values: [Value; 2]| ComparedValue {
            path: path.into(),
            values: values.into(),
        };
        assert_eq!(
            found,
            [
                row("stages.head.epochs", [Value::Null, json!(7)]),
                row("stages.head.optimizer.lr", [json!(0.1), json!(0.2)]),
            ]
        );
        assert_eq!(differences(&[&first, &first]), []);
    }
}
