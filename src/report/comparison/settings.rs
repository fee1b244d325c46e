use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::SettingDifference;
use crate::exec::history::PastRunRecord;

/// What is not the same in all runs, sorted by path.
pub fn differences(runs: &[PastRunRecord]) -> Vec<SettingDifference> {
    let leaves: Vec<BTreeMap<String, Value>> = runs.iter().map(leaves_of).collect();
    let paths: BTreeSet<&String> = leaves.iter().flat_map(BTreeMap::keys).collect();
    let differences = paths.into_iter().filter_map(|path| {
        let values = leaves.iter().map(|run| run.get(path).cloned());
        let values: Vec<Value> = values.map(Option::unwrap_or_default).collect();
        let first = values.first()?;
        let same = values.iter().all(|value| value == first);
        (!same).then(|| SettingDifference {
            path: path.clone(),
            values,
        })
    });
    differences.collect()
}

/// The recipe as resolved and what it ran on, by path. Where the recipe lies and what was typed to
/// change it are told by the values.
fn leaves_of(run: &PastRunRecord) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    if let Some(Value::Object(resolved)) = &run.resolved {
        for (key, value) in resolved {
            match (key.as_str(), value) {
                ("path" | "set", _) => {}
                ("stages", Value::Array(stages)) => {
                    for stage in stages {
                        let name = stage["name"].as_str().unwrap_or_default();
                        collect(&format!("stages.{name}"), stage, &mut leaves);
                        leaves.remove(&format!("stages.{name}.name"));
                    }
                }
                _ => collect(key, value, &mut leaves),
            }
        }
    }
    if let Some(environment) = &run.environment
        && let Ok(environment) = serde_json::to_value(environment)
    {
        collect("environment", &environment, &mut leaves);
    }
    leaves
}

fn collect(path: &str, value: &Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                collect(&format!("{path}.{key}"), value, leaves);
            }
        }
        leaf => {
            leaves.insert(path.into(), leaf.clone());
        }
    }
}
