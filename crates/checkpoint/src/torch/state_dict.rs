use std::collections::BTreeMap;

use crate::pickle::{Heap, Pickle, TensorView, Value};
use crate::refusal::Refusal;

/// Where training frameworks put a model's state dict.
const KEYS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// Dicts that are searched for tensors to be suggested.
const MAX_SEARCHED: usize = 64;

/// A state dict inside a pickle.
#[derive(Debug)]
pub(super) struct StateDict<'a> {
    /// Names and tensors in the order of the file.
    pub(super) tensors: Vec<(&'a str, &'a TensorView)>,
    pub(super) notes: Vec<String>,
}

/// Finds the one state dict: under a customary key, or the pickle itself. More than one, or one
/// elsewhere, is for the user to decide.
pub(super) fn find(pickle: &Pickle) -> Result<StateDict<'_>, Refusal> {
    let heap = &pickle.heap;
    if heap.dict(pickle.root).is_none() {
        return Err(Refusal::new(format!(
            "holds no tensor by name: it is {}, not a dict",
            heap.kind(pickle.root)
        )));
    }
    let mut found: Vec<(String, Value)> = Vec::new();
    for key in KEYS {
        match heap.entry(pickle.root, key) {
            Some(dict) if holds_tensors(heap, dict) && found.iter().all(|(_, d)| *d != dict) => {
                found.push((format!("`{key}`"), dict));
            }
            _ => {}
        }
    }
    if holds_tensors(heap, pickle.root) {
        found.push(("the file's own entries".into(), pickle.root));
    }
    match found.as_slice() {
        [(place, dict)] => collect(heap, *dict, place),
        [] => Err(none(heap, pickle.root)),
        many => {
            let places: Vec<&str> = many.iter().map(|(place, _)| place.as_str()).collect();
            Err(ambiguous(&format!(
                "has more than one state dict: {}",
                places.join(", ")
            )))
        }
    }
}

fn holds_tensors(heap: &Heap, value: Value) -> bool {
    let entries = heap.dict(value).unwrap_or_default();
    entries
        .iter()
        .any(|(_, value)| heap.tensor(*value).is_some())
}

fn ambiguous(reason: &str) -> Refusal {
    Refusal::new(reason).with_hint("save the state dict that you mean alone, best as safetensors")
}

fn none(heap: &Heap, root: Value) -> Refusal {
    let entries = heap.dict(root).unwrap_or_default();
    let others: Vec<String> = entries
        .iter()
        .filter(|(_, value)| heap.dict(*value).is_some())
        .take(MAX_SEARCHED)
        .filter(|(_, value)| holds_tensors(heap, *value))
        .map(|(key, _)| format!("`{}`", heap.text(*key).unwrap_or(heap.kind(*key))))
        .collect();
    if others.is_empty() {
        return Refusal::new("holds no tensor");
    }
    ambiguous(&format!(
        "has no state dict under `{}`; tensors are under {}",
        KEYS.join("`, `"),
        others.join(", ")
    ))
}

fn collect<'a>(heap: &'a Heap, dict: Value, place: &str) -> Result<StateDict<'a>, Refusal> {
    let mut tensors = Vec::new();
    let mut seen = BTreeMap::new();
    let mut notes = vec![format!("tensors were found in {place}")];
    for (key, value) in heap.dict(dict).unwrap_or_default() {
        let name = heap
            .text(*key)
            .ok_or_else(|| Refusal::new(format!("{place} has {} as a name", heap.kind(*key))))?;
        if seen.insert(name, ()).is_some() {
            return Err(Refusal::new(format!("{place} has {name} twice")));
        }
        match (heap.tensor(*value), value) {
            (Some(view), _) => tensors.push((name, view)),
            // What could hold weights is not passed over.
            (None, Value::Object(_)) if heap.text(*value).is_none() => {
                return Err(Refusal::new(format!(
                    "{name} in {place} is no tensor but {}",
                    heap.kind(*value)
                )));
            }
            _ => notes.push(format!(
                "{name} in {place} is no tensor but {}",
                heap.kind(*value)
            )),
        }
    }
    let opaque = heap.opaque_kinds();
    if !opaque.is_empty() {
        notes.push(format!("not looked into: {}", opaque.join(", ")));
    }
    Ok(StateDict { tensors, notes })
}
