//! The dicts of a pickle, without those of optimizers.

use super::state_dict::KEYS;
use super::walk::Walk;
use crate::dict_path::DictPath;
use crate::pickle::{Heap, TensorView, Value};
use crate::refusal::Refusal;
use crate::wrappers::without_those_before;

/// Dicts that may lie in one another.
pub(super) const MAX_DEPTH: usize = 4;

/// Letters of a key that are told: one of a million could be the key of every dict.
const LONGEST_KEY: usize = 256;

/// A dict, and the steps that lead to it.
pub(super) type Found = (DictPath, Value);

/// The dicts by how deep they lie, also in lists and tuples, without those that hold nothing to look for.
pub(super) fn levels(heap: &Heap, root: Value, mut walk: Walk) -> Result<Vec<Vec<Found>>, Refusal> {
    let mut levels = vec![vec![(reached(heap, DictPath::default(), root), root)]];
    let is_wanted = |dict: Value| !is_of_optimizer(heap, dict);
    while levels.len() < MAX_DEPTH {
        let mut below = Vec::new();
        for (path, dict) in levels.last().into_iter().flatten() {
            // What is in a state dict is its own.
            if levels.len() > 1 && holds_weights(heap, *dict) {
                continue;
            }
            for (key, value) in heap.dict(*dict).unwrap_or_default() {
                if walk.may_hold_weights(*value) {
                    let path = below_key(heap, path, *key);
                    below.extend(walk.dicts_at(path, *value, is_wanted)?);
                }
            }
        }
        if below.is_empty() {
            break;
        }
        levels.push(below);
    }
    Ok(levels)
}

/// The path of the value under a key of the dict at `path`.
fn below_key(heap: &Heap, path: &DictPath, key: Value) -> DictPath {
    let text = heap.text(key);
    let shown = shown(text.unwrap_or(heap.kind(key)));
    let below = path.below(shown);
    match text == Some(shown) {
        true => below,
        false => below.out_of_reach(),
    }
}

/// As much of a key as is told.
pub(super) fn shown(key: &str) -> &str {
    let end = key.char_indices().nth(LONGEST_KEY);
    end.map_or(key, |(end, _)| &key[..end])
}

/// The path of a dict, which Python reaches unless it is an object with attributes.
pub(super) fn reached(heap: &Heap, path: DictPath, dict: Value) -> DictPath {
    match heap.is_namespace(dict) {
        true => path.out_of_reach(),
        false => path,
    }
}

/// What torch's optimizers save, which hold no state dict of a model: its tensors are moments.
fn is_of_optimizer(heap: &Heap, dict: Value) -> bool {
    let has = |key: &str| heap.entry(dict, key).is_some();
    ["state", "param_groups"].into_iter().all(has) && !KEYS.into_iter().any(has)
}

pub(super) fn joined(path: &str, key: &str) -> String {
    match path {
        "" => key.to_string(),
        path => format!("{path}.{key}"),
    }
}

/// The names of the tensors in a dict.
pub(super) fn names(heap: &Heap, dict: Value) -> impl Iterator<Item = &str> {
    named_tensors(heap, dict).map(|(name, _)| name)
}

/// The tensors in a dict that have a name.
pub(super) fn named_tensors(heap: &Heap, dict: Value) -> impl Iterator<Item = (&str, &TensorView)> {
    let entries = heap.dict(dict).unwrap_or_default().iter();
    entries.filter_map(|(name, value)| Some((heap.text(*name)?, heap.tensor(*value)?)))
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
