use std::collections::{BTreeMap, BTreeSet};

use super::dicts::{
    Found, MAX_DEPTH, bare_names, holds_tensors, holds_weights, levels, named_tensors, names,
    reached,
};
use super::elsewhere;
use super::likeness::Likeness;
use super::walk::Walk;
use crate::dict_path::DictPath;
use crate::elsewhere::Elsewhere;
use crate::pickle::{Heap, Pickle, TensorView, Value};
use crate::refusal::Refusal;
use crate::wrappers::without_those_before;
use pipeline_error::listed::{counted, first_names, first_of};

/// Where training frameworks put a model's state dict.
pub(super) const KEYS: [&str; 3] = ["state_dict", "model_state_dict", "model"];

/// Classes that may hold a state dict and are not looked into.
const CLOSED: [&str; 4] = [
    "UserDict.UserDict",
    "__builtin__.dict",
    "builtins.dict",
    "collections.UserDict",
];

/// What to do where it is unclear which state dict is meant.
pub(super) const ALONE: &str = "save the state dict that you mean alone, best as safetensors";

/// Tensors or dicts that a message names.
const SHOWN: usize = 5;

/// A state dict inside a pickle.
#[derive(Debug)]
pub(super) struct StateDict<'a> {
    /// Names and tensors in the order of the file.
    pub(super) tensors: Vec<(&'a str, &'a TensorView)>,
    /// The dict that it lies in, or itself.
    pub(super) holder: Value,
    pub(super) notes: Vec<String>,
    pub(super) elsewhere: Elsewhere,
}

/// A dict that may be meant.
struct Candidate {
    path: DictPath,
    dict: Value,
    holder: Value,
    /// Whether it is one of a list or tuple, which may be meant for another.
    is_listed: bool,
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
    let mut judge = Walk::from(heap, pickle.root);
    let levels = levels(heap, pickle.root, judge.to_customary_keys())?;
    for (path, dict) in levels.iter().flatten() {
        refuse_closed(heap, path, *dict)?;
    }
    let by_level = levels.iter();
    let by_level: Result<Vec<_>, Refusal> = by_level
        .map(|dicts| candidates(heap, dicts, &mut judge))
        .collect();
    let by_level = by_level?;
    let has_key = by_level.iter().any(|level| !level.is_empty());
    let mut found: Vec<Candidate> = Vec::new();
    let mut chosen: Option<BTreeSet<&str>> = None;
    for (depth, mut here) in by_level.into_iter().enumerate() {
        if depth == 0 && is_module(heap, pickle.root, &here, has_key) {
            here.push(Candidate {
                path: reached(heap, DictPath::default(), pickle.root),
                dict: pickle.root,
                holder: pickle.root,
                is_listed: false,
            });
        }
        let is_rival = |candidate: &Candidate| match &chosen {
            Some(chosen) => bare_names(heap, candidate.dict).any(|name| chosen.contains(name)),
            None => true,
        };
        found.extend(here.into_iter().filter(is_rival));
        if let (None, Some(first)) = (&chosen, found.first()) {
            chosen = Some(bare_names(heap, first.dict).collect());
        }
    }
    match found.as_slice() {
        [one] if one.is_listed => Err(ambiguous(&format!(
            "has its state dict in a list or tuple, which may hold others: {}",
            one.path.place()
        ))),
        [one] => {
            let mut state_dict = collect(heap, one)?;
            let chosen = chosen.unwrap_or_default();
            let notes = not_read(heap, (one.dict, &chosen), &levels);
            state_dict.notes.extend(notes);
            if one.dict != pickle.root {
                state_dict.notes.extend(beside(heap, pickle.root));
            }
            let places = &mut state_dict.elsewhere;
            elsewhere::fill(places, heap, (one.dict, &chosen), &levels);
            Ok(state_dict)
        }
        [] => Err(none(heap, &levels)),
        many => {
            let places = many.iter().map(|candidate| candidate.path.place());
            Err(ambiguous(&format!(
                "has more than one state dict: {}",
                first_of(places, SHOWN)
            )))
        }
    }
}

/// Whether the file's own tensors are those of a model. Beside a state dict under a key they are a loss, a step, a random
/// state, unless one is called as a module's is, with a dot, or as one of that state dict, or has two axes.
fn is_module(heap: &Heap, root: Value, beside: &[Candidate], has_key: bool) -> bool {
    let theirs = beside.iter().flat_map(|other| bare_names(heap, other.dict));
    let theirs: BTreeSet<&str> = theirs.collect();
    named_tensors(heap, root).any(|(name, tensor)| {
        !has_key || name.contains('.') || tensor.shape.len() > 1 || theirs.contains(name)
    })
}

/// Whether a value may hold a state dict and cannot be looked into.
pub(super) fn is_closed(heap: &Heap, value: Value) -> bool {
    CLOSED.contains(&heap.kind(value))
}

/// Refuses a dict that has, under a customary key, what may be the state dict and cannot be looked into.
fn refuse_closed(heap: &Heap, path: &DictPath, holder: Value) -> Result<(), Refusal> {
    for key in KEYS {
        let closed = heap.entry(holder, key);
        if let Some(closed) = closed.filter(|value| is_closed(heap, *value)) {
            return Err(ambiguous(&format!(
                "has {} under {}, which is not looked into",
                heap.kind(closed),
                path.below(key).place()
            )));
        }
    }
    Ok(())
}

/// Dicts with tensors under a customary key in these, also in a list there, but for those that were judged before.
fn candidates(heap: &Heap, dicts: &[Found], judge: &mut Walk) -> Result<Vec<Candidate>, Refusal> {
    let mut candidates = Vec::new();
    let keys = dicts
        .iter()
        .flat_map(|dict| KEYS.iter().map(move |key| (dict, *key)));
    for ((path, holder), key) in keys {
        let Some(value) = heap.entry(*holder, key) else {
            continue;
        };
        let found = judge.dicts_at(path.below(key), value, |dict| holds_tensors(heap, dict))?;
        candidates.extend(found.into_iter().map(|(path, dict)| Candidate {
            path,
            dict,
            holder: *holder,
            is_listed: dict != value,
        }));
    }
    Ok(candidates)
}

/// A note of the other dicts with tensors of the same names as the chosen one: averages of the weights, say, or the
/// best of a run. And one of the rest; in lists lie samples and states of loops, too, whose names are no modules'.
fn not_read(
    heap: &Heap,
    (dict, chosen): (Value, &BTreeSet<&str>),
    levels: &[Vec<Found>],
) -> Vec<String> {
    let (mut copies, mut rest) = (Vec::new(), Vec::new());
    let like_read = Likeness::to(heap, dict);
    let is_told = |path: &DictPath, dict: Value| match path.is_in_list() {
        true => like_read.is_of(dict),
        false => !path.is_root() && holds_weights(heap, dict),
    };
    for (path, other) in levels.iter().flatten().filter(|(_, other)| *other != dict) {
        let shared = bare_names(heap, *other).filter(|name| chosen.contains(name));
        match shared.count() {
            // The file's own tensors have a note of their own.
            0 if is_told(path, *other) => rest.push(path.place()),
            0 => {}
            shared => copies.push(format!("{} ({})", path.place(), counted(shared, "tensor"))),
        }
    }
    let note = |places: Vec<String>, of: &str| {
        let shown = first_of(&places, SHOWN);
        (!places.is_empty()).then(|| format!("tensors of {of} are not read: {shown}"))
    };
    let notes = [note(copies, "the same names"), note(rest, "other dicts")];
    notes.into_iter().flatten().collect()
}

/// A note of the file's own tensors, beside its state dict.
fn beside(heap: &Heap, root: Value) -> Option<String> {
    let all: Vec<&str> = names(heap, root).collect();
    let shown = first_names(&all, SHOWN);
    (!all.is_empty()).then(|| format!("tensors beside the state dict are not read: {shown}"))
}

fn ambiguous(reason: &str) -> Refusal {
    Refusal::new(reason).with_hint(ALONE)
}

fn none(heap: &Heap, levels: &[Vec<Found>]) -> Refusal {
    let others = levels.iter().flatten();
    let others = others.filter(|(_, dict)| holds_tensors(heap, *dict));
    let others: Vec<&Found> = others.collect();
    // Its own entries lack nothing but names.
    if let [(path, root)] = others[..]
        && path.is_root()
        && let Some(key) = nameless(heap, *root)
    {
        return no_name(heap, path, key);
    }
    if others.is_empty() {
        return Refusal::new(format!(
            "holds no tensor that has a name, also in {MAX_DEPTH} dicts inside one another"
        ));
    }
    ambiguous(&format!(
        "has no state dict under `{}`; tensors are under {}",
        KEYS.join("`, `"),
        first_of(others.iter().map(|(path, _)| path.place()), SHOWN)
    ))
}

/// The key of a dict's first tensor that has no string for a name.
fn nameless(heap: &Heap, dict: Value) -> Option<Value> {
    let mut entries = heap.dict(dict)?.iter();
    let nameless =
        entries.find(|(key, value)| heap.text(*key).is_none() && heap.tensor(*value).is_some());
    nameless.map(|(key, _)| *key)
}

fn no_name(heap: &Heap, path: &DictPath, key: Value) -> Refusal {
    Refusal::new(format!(
        "a name in {} is {}, not a string",
        path.place(),
        heap.kind(key)
    ))
    .with_hint(
        "a model's state dict has strings for names: torch.save(model.state_dict(), 'weights.pt')",
    )
}

fn collect<'a>(heap: &'a Heap, found: &Candidate) -> Result<StateDict<'a>, Refusal> {
    let (dict, place) = (found.dict, found.path.place());
    let mut tensors = Vec::new();
    let mut seen = BTreeMap::new();
    let mut notes = vec![format!("tensors were found in {place}")];
    let mut others = BTreeMap::new();
    for (key, value) in heap.dict(dict).unwrap_or_default() {
        let name = heap.text(*key);
        let name = name.ok_or_else(|| no_name(heap, &found.path, *key))?;
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
            _ => {
                let kind = heap.kind(*value);
                notes.push(format!("{name} in {place} is no tensor but {kind}"));
                others.insert(without_those_before(name).to_string(), kind);
            }
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
        elsewhere: Elsewhere {
            read: found.path.clone(),
            others,
            ..Elsewhere::default()
        },
    })
}
