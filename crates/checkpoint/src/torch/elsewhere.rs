//! The places of tensors that are not read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::dicts::{Found, joined, names};
use crate::dict_path::DictPath;
use crate::elsewhere::{Elsewhere, MOST_RIVALS, Place};
use crate::pickle::{Heap, Value};
use crate::wrappers::without_those_before;

/// Names of tensors that are kept to find parameters that are missing, and how long they may be.
const MAX_ELSEWHERE: usize = 1 << 18;
const LONGEST_NAME: usize = 256;

/// Tensors of dicts that are not the one that is read, `chosen`, whose tensors are `read`: under their own names, without a
/// wrapper's, and behind the key that leads to their dict, as where a head's own state dict lies under `cls_head`. Of dicts
/// that lie equally deep none is preferred, nor one to the dict that is read where that has a part of the same module.
pub(super) fn fill(
    elsewhere: &mut Elsewhere,
    heap: &Heap,
    (chosen, read): (Value, &BTreeSet<&str>),
    levels: &[Vec<Found>],
) {
    let mut places: BTreeMap<String, (usize, Place)> = BTreeMap::new();
    let of_read = Arc::new(elsewhere.read.clone());
    let dicts = (0..).zip(levels);
    let dicts = dicts.flat_map(|(depth, dicts)| dicts.iter().map(move |dict| (depth, dict)));
    'dicts: for (depth, (path, dict)) in dicts.filter(|(_, (_, dict))| *dict != chosen) {
        let halves = halves(heap, path, *dict, read);
        let path = Arc::new(path.clone());
        for name in names(heap, *dict).filter(|name| name.len() <= LONGEST_NAME) {
            if places.len() >= MAX_ELSEWHERE {
                break 'dicts;
            }
            for called in calls(&path, name) {
                let place = || Place {
                    dict: Arc::clone(&path),
                    name: name.to_string(),
                };
                let (above, first) = places
                    .entry(called.clone())
                    .or_insert_with(|| (depth, place()));
                if *above < depth {
                    continue;
                }
                if first.dict != path {
                    add_rival(elsewhere, &called, &path);
                }
                if halves.contains(module(without_those_before(&called))) {
                    add_rival(elsewhere, &called, &of_read);
                }
            }
        }
    }
    let places = places.into_iter();
    elsewhere.tensors = places.map(|(called, (_, place))| (called, place)).collect();
}

/// Adds a dict that may be meant by a name.
fn add_rival(elsewhere: &mut Elsewhere, called: &str, rival: &Arc<DictPath>) {
    let rivals = elsewhere.rivals.entry(called.into()).or_default();
    if rivals.len() < MOST_RIVALS && !rivals.contains(rival) {
        rivals.push(Arc::clone(rival));
    }
}

/// The names that a model may have for the tensor `name` of the dict at `path`.
fn calls(path: &DictPath, name: &str) -> [String; 4] {
    let (key, bare) = (path.last(), without_those_before(name));
    [
        name.into(),
        bare.into(),
        joined(key, name),
        joined(key, bare),
    ]
}

/// The modules of which a dict has tensors that are `read`: other ones of theirs that it has may not go with these.
fn halves(heap: &Heap, path: &DictPath, dict: Value, read: &BTreeSet<&str>) -> BTreeSet<String> {
    let called = names(heap, dict).filter(|name| name.len() <= LONGEST_NAME);
    let called = called.flat_map(|name| calls(path, name));
    let shared = called.filter(|called| read.contains(called.as_str()));
    shared.map(|called| module(&called).to_string()).collect()
}

/// The first part of a name.
fn module(name: &str) -> &str {
    name.split_once('.').map_or(name, |(module, _)| module)
}
