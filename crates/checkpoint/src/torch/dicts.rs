//! The dicts of a pickle, without those of optimizers.

use std::collections::BTreeSet;

use super::state_dict::ALONE;
use crate::pickle::{Heap, Value};
use crate::refusal::Refusal;
use crate::wrappers::without_those_before;

/// Dicts that are searched, and how many of them may lie in one another.
const MAX_SEARCHED: usize = 65_536;
pub(super) const MAX_DEPTH: usize = 4;

/// Letters of a key that are told: one of a million could be the key of every dict.
const LONGEST_KEY: usize = 256;

/// A dict, and the keys that lead to it.
pub(super) type Found = (String, Value);

/// The dicts by how deep they lie. More than are searched are refused: a second state dict could be among them.
pub(super) fn levels(heap: &Heap, root: Value) -> Result<Vec<Vec<Found>>, Refusal> {
    let mut levels = vec![vec![(String::new(), root)]];
    let mut seen = BTreeSet::new();
    seen.extend(root.id());
    while levels.len() < MAX_DEPTH {
        let mut below = Vec::new();
        for (path, dict) in levels.last().into_iter().flatten() {
            // What is in a state dict is its own.
            if levels.len() > 1 && holds_weights(heap, *dict) {
                continue;
            }
            for (key, value) in heap.dict(*dict).unwrap_or_default() {
                let is_dict = heap.dict(*value).is_some();
                let is_new = is_dict && value.id().is_some_and(|id| seen.insert(id));
                if !is_new || is_of_optimizer(heap, *value) {
                    continue;
                }
                if seen.len() > MAX_SEARCHED {
                    return Err(Refusal::new(format!(
                        "holds more than {MAX_SEARCHED} dicts, so that a second state dict could lie in it unseen"
                    ))
                    .with_hint(ALONE));
                }
                let key = heap.text(*key).unwrap_or(heap.kind(*key)).chars();
                let key: String = key.take(LONGEST_KEY).collect();
                below.push((joined(path, &key), *value));
            }
        }
        if below.is_empty() {
            break;
        }
        levels.push(below);
    }
    Ok(levels)
}

/// What torch's optimizers save: its tensors are moments.
fn is_of_optimizer(heap: &Heap, dict: Value) -> bool {
    let keys = ["state", "param_groups"];
    keys.iter().all(|key| heap.entry(dict, key).is_some())
}

pub(super) fn joined(path: &str, key: &str) -> String {
    match path {
        "" => key.to_string(),
        path => format!("{path}.{key}"),
    }
}

/// The names of the tensors in a dict.
pub(super) fn names(heap: &Heap, dict: Value) -> impl Iterator<Item = &str> {
    let entries = heap.dict(dict).unwrap_or_default().iter();
    let tensors = entries.filter(|(_, value)| heap.tensor(*value).is_some());
    tensors.filter_map(|(name, _)| heap.text(*name))
}

/// The same without what wrappers put before them: a dict may have been saved with a wrapper, and another without.
pub(super) fn bare_names(heap: &Heap, dict: Value) -> impl Iterator<Item = &str> {
    names(heap, dict).map(without_those_before)
}

pub(super) fn holds_tensors(heap: &Heap, value: Value) -> bool {
    let mut entries = heap.dict(value).unwrap_or_default().iter();
    entries.any(|(_, value)| heap.tensor(*value).is_some())
}

/// Whether a dict has a tensor that is more than one number, as a score or a step is.
pub(super) fn holds_weights(heap: &Heap, value: Value) -> bool {
    let entries = heap.dict(value).unwrap_or_default().iter();
    let mut tensors = entries.filter_map(|(_, value)| heap.tensor(*value));
    tensors.any(|tensor| !tensor.shape.is_empty())
}
