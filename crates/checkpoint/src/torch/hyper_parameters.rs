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

/// What a checkpoint states of its model: of each name the value that stands in its tables, and in tables inside of them.
/// They lie at the top, or beside the state dict in its `holder`. With several values it is disputed.
pub(super) fn stated(pickle: &Pickle, holder: Value) -> Stated {
    let heap = &pickle.heap;
    let mut level: Vec<Value> = Vec::new();
    for dict in [pickle.root, holder] {
        let tables = KEYS.iter().filter_map(|key| heap.entry(dict, key));
        let tables = tables.map(|table| heap.unwrapped(table));
        for table in tables.filter(|table| heap.dict(*table).is_some()) {
            if !level.contains(&table) {
                level.push(table);
            }
        }
    }
    let mut settings: BTreeMap<String, Vec<Json>> = BTreeMap::new();
    let mut stated = Stated::default();
    let mut looked = 0;
    while !level.is_empty() && looked < MAX_TABLES {
        let mut below = Vec::new();
        for table in level {
            looked += 1;
            let entries = heap.dict(table).unwrap_or_default();
            for (name, value) in entries.iter().take(MAX_SETTINGS) {
                let Some(name) = heap.text(*name) else {
                    continue;
                };
                let value = &heap.unwrapped(*value);
                if heap.dict(*value).is_some() && below.len() < MAX_TABLES {
                    below.push(*value);
                } else if let Some(value) = plain(heap, *value) {
                    let values = settings.entry(name.into()).or_default();
                    if !values.iter().any(|other| is_same(other, &value)) {
                        values.push(value);
                    }
                } else if is_unread(heap, *value) {
                    stated.unread.insert(name.into(), heap.kind(*value).into());
                }
            }
        }
        level = below;
    }
    for (name, mut values) in settings {
        match values.len() {
            1 => drop(stated.settings.insert(name, values.remove(0))),
            _ => drop(stated.disputed.insert(name, values)),
        }
    }
    stated
}

/// A number of Python may be 2 or 2.0.
fn is_same(one: &Json, other: &Json) -> bool {
    one == other || (one.is_number() && one.as_f64() == other.as_f64())
}

/// Whether a value may be a number in another form: nothing, a text and a table are none.
fn is_unread(heap: &Heap, value: Value) -> bool {
    value != Value::None && heap.text(value).is_none() && heap.dict(value).is_none()
}

fn plain(heap: &Heap, value: Value) -> Option<Json> {
    match value {
        Value::Bool(value) => Some(value.into()),
        Value::Int(value) => Some(value.into()),
        Value::Float(value) => Some(value.into()),
        // OmegaConf's words for a value that stands elsewhere, and for one that is yet to be given.
        _ => match heap.text(value)? {
            "???" => None,
            text if text.contains("${") => None,
            text => Some(text.into()),
        },
    }
}
