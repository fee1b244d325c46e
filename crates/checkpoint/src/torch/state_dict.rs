use std::collections::{BTreeMap, BTreeSet};

use crate::pickle::{Heap, Pickle, TensorView, Value};
use crate::refusal::Refusal;
use crate::wrappers::without_those_before;
use pipeline_error::listed::first_names;

/// Where training frameworks put a model's state dict.
const KEYS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// Dicts that are searched, and how many of them may lie in one another.
const MAX_SEARCHED: usize = 256;
const MAX_DEPTH: usize = 4;

/// Entries of a dict that are looked at for dicts in it: state dicts are longer, and hold none.
const MAX_ENTRIES: usize = 4096;

/// Tensors that a note names.
const SHOWN: usize = 5;

/// A state dict inside a pickle.
#[derive(Debug)]
pub(super) struct StateDict<'a> {
    /// Names and tensors in the order of the file.
    pub(super) tensors: Vec<(&'a str, &'a TensorView)>,
    /// The dict that it lies in, or itself.
    pub(super) holder: Value,
    pub(super) notes: Vec<String>,
    /// Names of tensors in other dicts, by themselves and behind the key of their dict, and where that lies.
    pub(super) elsewhere: BTreeMap<String, String>,
}

/// A dict that may be meant.
struct Candidate {
    place: String,
    dict: Value,
    holder: Value,
}

/// Finds the one state dict: under a customary key, or the pickle itself. If there is none, it is
/// looked for under a customary key in the dicts of the pickle, and in theirs. More than one where
/// the first is found, one of the same tensors deeper, or one elsewhere, is for the user to decide.
pub(super) fn find(pickle: &Pickle) -> Result<StateDict<'_>, Refusal> {
    let heap = &pickle.heap;
    if heap.dict(pickle.root).is_none() {
        return Err(Refusal::new(format!(
            "holds no tensor by name: it is {}, not a dict",
            heap.kind(pickle.root)
        )));
    }
    let levels = levels(heap, pickle.root);
    let by_level: Vec<Vec<Candidate>> =
        levels.iter().map(|dicts| candidates(heap, dicts)).collect();
    let has_key = by_level.iter().any(|level| !level.is_empty());
    let mut found: Vec<Candidate> = Vec::new();
    let mut chosen: Option<BTreeSet<&str>> = None;
    for (depth, mut here) in by_level.into_iter().enumerate() {
        if depth == 0 && is_module(heap, pickle.root, &here, has_key) {
            here.push(Candidate {
                place: "the file's own entries".into(),
                dict: pickle.root,
                holder: pickle.root,
            });
        }
        let is_rival = |candidate: &Candidate| match &chosen {
            Some(chosen) => names(heap, candidate.dict).any(|name| chosen.contains(name)),
            None => true,
        };
        for candidate in here.into_iter().filter(is_rival) {
            if found.iter().all(|other| other.dict != candidate.dict) {
                found.push(candidate);
            }
        }
        if let (None, Some(first)) = (&chosen, found.first()) {
            chosen = Some(names(heap, first.dict).collect());
        }
    }
    match found.as_slice() {
        [one] => {
            let mut state_dict = collect(heap, one)?;
            let chosen = chosen.unwrap_or_default();
            let notes = not_read(heap, (one.dict, &chosen), &levels);
            state_dict.notes.extend(notes);
            if one.dict != pickle.root {
                state_dict.notes.extend(beside(heap, pickle.root));
            }
            state_dict.elsewhere = elsewhere(heap, one.dict, &levels);
            Ok(state_dict)
        }
        [] => Err(none(heap, &levels)),
        many => {
            let places: Vec<&str> = many.iter().map(|other| other.place.as_str()).collect();
            Err(ambiguous(&format!(
                "has more than one state dict: {}",
                places.join(", ")
            )))
        }
    }
}

/// Whether the file's own tensors are those of a model. Beside a state dict under a key they are a loss, a step, a random
/// state, unless one is called as a module's is, with a dot, or as one of that state dict, or has two axes.
fn is_module(heap: &Heap, root: Value, beside: &[Candidate], has_key: bool) -> bool {
    let is_in = |name| {
        let mut all = beside.iter().flat_map(|other| names(heap, other.dict));
        all.any(|other| other == name)
    };
    let is_matrix = |name| {
        let tensor = heap.entry(root, name).and_then(|value| heap.tensor(value));
        tensor.is_some_and(|tensor| tensor.shape.len() > 1)
    };
    names(heap, root).any(|name| !has_key || name.contains('.') || is_matrix(name) || is_in(name))
}

/// What holds tensors under a customary key in these dicts.
fn candidates(heap: &Heap, dicts: &[(String, Value)]) -> Vec<Candidate> {
    let keys = dicts
        .iter()
        .flat_map(|dict| KEYS.iter().map(move |key| (dict, *key)));
    let found = keys.filter_map(|((path, holder), key)| {
        let dict = heap.entry(*holder, key)?;
        holds_tensors(heap, dict).then(|| Candidate {
            place: format!("`{}`", joined(path, key)),
            dict,
            holder: *holder,
        })
    });
    found.collect()
}

/// The names of the tensors in a dict.
fn names(heap: &Heap, dict: Value) -> impl Iterator<Item = &str> {
    let entries = heap.dict(dict).unwrap_or_default().iter();
    let tensors = entries.filter(|(_, value)| heap.tensor(*value).is_some());
    tensors.filter_map(|(name, _)| heap.text(*name))
}

/// A note for each other dict with tensors of the same names as the chosen one: averages of the weights, say, or the
/// best of a run.
fn not_read(
    heap: &Heap,
    (dict, chosen): (Value, &BTreeSet<&str>),
    levels: &[Vec<(String, Value)>],
) -> Vec<String> {
    let others = levels.iter().flatten().filter(|(_, other)| *other != dict);
    let others = others.map(|(path, other)| {
        let shared = names(heap, *other).filter(|name| chosen.contains(name));
        (path, shared.count())
    });
    let others = others.filter(|(_, shared)| *shared > 0);
    let notes = others.map(|(path, shared)| {
        format!("{shared} tensors of the same names are under `{path}`, not read")
    });
    notes.collect()
}

/// A note of the file's own tensors, beside its state dict.
fn beside(heap: &Heap, root: Value) -> Option<String> {
    let all: Vec<&str> = names(heap, root).collect();
    let shown = first_names(&all, SHOWN);
    (!all.is_empty()).then(|| format!("tensors beside the state dict are not read: {shown}"))
}

/// Tensors of dicts that are not the chosen one: under their own names, without a wrapper's, and behind the key that leads to their dict, as
/// where a head's own state dict lies under `cls_head`.
fn elsewhere(
    heap: &Heap,
    chosen: Value,
    levels: &[Vec<(String, Value)>],
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (path, dict) in levels.iter().flatten().filter(|(_, dict)| *dict != chosen) {
        let key = path.rsplit('.').next().unwrap_or_default();
        for name in names(heap, *dict).take(MAX_ENTRIES) {
            let bare = without_those_before(name);
            for name in [name.to_string(), bare.to_string(), joined(key, name)] {
                found.entry(name).or_insert_with(|| path.clone());
            }
        }
    }
    found
}

/// The dicts of a pickle by how deep they lie, each with the keys that lead to it.
fn levels(heap: &Heap, root: Value) -> Vec<Vec<(String, Value)>> {
    let mut levels = vec![vec![(String::new(), root)]];
    let mut seen = vec![root];
    while levels.len() < MAX_DEPTH {
        let mut below = Vec::new();
        for (path, dict) in levels.last().into_iter().flatten() {
            // What is in a state dict is its own.
            if levels.len() > 1 && holds_tensors(heap, *dict) {
                continue;
            }
            for (key, value) in heap
                .dict(*dict)
                .unwrap_or_default()
                .iter()
                .take(MAX_ENTRIES)
            {
                if seen.len() < MAX_SEARCHED && heap.dict(*value).is_some() && !seen.contains(value)
                {
                    seen.push(*value);
                    let key = heap.text(*key).unwrap_or(heap.kind(*key));
                    below.push((joined(path, key), *value));
                }
            }
        }
        if below.is_empty() {
            break;
        }
        levels.push(below);
    }
    levels
}

fn joined(path: &str, key: &str) -> String {
    match path {
        "" => key.to_string(),
        path => format!("{path}.{key}"),
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

fn none(heap: &Heap, levels: &[Vec<(String, Value)>]) -> Refusal {
    let others: Vec<String> = levels
        .iter()
        .flatten()
        .filter(|(_, dict)| holds_tensors(heap, *dict))
        .map(|(path, _)| format!("`{path}`"))
        .collect();
    if others.is_empty() {
        return Refusal::new(format!(
            "holds no tensor that has a name, also in {MAX_DEPTH} dicts inside one another"
        ));
    }
    ambiguous(&format!(
        "has no state dict under `{}`; tensors are under {}",
        KEYS.join("`, `"),
        others.join(", ")
    ))
}

fn collect<'a>(heap: &'a Heap, found: &Candidate) -> Result<StateDict<'a>, Refusal> {
    let (dict, place) = (found.dict, &found.place);
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
                ))
                .with_hint("save tensors alone: {name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)}"));
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
    let attributes: Vec<&str> = heap.attributes().collect();
    if !attributes.is_empty() {
        notes.push(format!(
            "attributes of tensors that are not kept: {}",
            attributes.join(", ")
        ));
    }
    Ok(StateDict {
        tensors,
        holder: found.holder,
        notes,
        elsewhere: BTreeMap::new(),
    })
}
