use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::pickle::{Heap, Pickle, Value};
use crate::stated::Stated;

/// Where training frameworks and people put what a model was built with.
const KEYS: [&str; 8] = [
    "hyper_parameters",
    "hyperparameters",
    "hparams",
    "model_config",
    "config",
    "cfg",
    "args",
    "kwargs",
];

/// Tables that are looked into, and settings that are kept: more are no hyper-parameters.
const MAX_TABLES: usize = 64;
const MAX_SETTINGS: usize = 1024;

/// What a checkpoint states of its model: of each name the value that stands in the outermost table
/// which has it. A name with several values there is not known.
pub(super) fn stated(pickle: &Pickle) -> Stated {
    let heap = &pickle.heap;
    let tables = KEYS.iter().filter_map(|key| heap.entry(pickle.root, key));
    let mut level: Vec<Value> = tables.filter(|table| heap.dict(*table).is_some()).collect();
    let mut settings: BTreeMap<String, Option<Json>> = BTreeMap::new();
    let mut looked = 0;
    while !level.is_empty() && looked < MAX_TABLES {
        let mut found: BTreeMap<String, Option<Json>> = BTreeMap::new();
        let mut below = Vec::new();
        for table in level {
            looked += 1;
            let entries = heap.dict(table).unwrap_or_default();
            for (name, value) in entries.iter().take(MAX_SETTINGS) {
                let Some(name) = heap.text(*name) else {
                    continue;
                };
                if heap.dict(*value).is_some() && below.len() < MAX_TABLES {
                    below.push(*value);
                } else if let Some(value) = plain(heap, *value) {
                    let known = found
                        .entry(name.into())
                        .or_insert_with(|| Some(value.clone()));
                    if known.as_ref() != Some(&value) {
                        *known = None;
                    }
                }
            }
        }
        for (name, value) in found {
            settings.entry(name).or_insert(value);
        }
        level = below;
    }
    let known = settings.into_iter();
    Stated {
        metadata: BTreeMap::new(),
        settings: known
            .filter_map(|(name, value)| Some((name, value?)))
            .collect(),
    }
}

fn plain(heap: &Heap, value: Value) -> Option<Json> {
    match value {
        Value::Bool(value) => Some(value.into()),
        Value::Int(value) => Some(value.into()),
        Value::Float(value) => Some(value.into()),
        _ => heap.text(value).map(Into::into),
    }
}
