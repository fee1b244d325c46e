use std::collections::{BTreeMap, BTreeSet};

use super::state_dict::StateDict;
use crate::pickle::{Heap, Pickle, TensorView, Value};
use crate::wrappers::without_those_before;

/// An optimizer keeps a handful of settings a group and of moments a parameter. Larger dicts are not
/// searched: shared ones could be searched once for every parameter.
const MAX_SETTINGS: usize = 64;

/// The tensors that the source's optimizer has a state for: those that ever had a gradient.
///
/// The optimizer knows parameters by their number. Since torch 2.6 it may say which name each has. Else that number is the
/// place in the state dict if the optimizer was given every parameter in that order and the model has no buffers: taken
/// to be so only when there are as many parameters as tensors and every moment has the shape of its tensor. With several
/// groups it is not: torch numbers parameters group by group, and layers of one shape could be taken for each other.
///
/// Either way nothing is known of a state dict with tensors that the optimizer was not given, such as buffers.
pub(super) fn trained(pickle: &Pickle, state_dict: &StateDict) -> Option<BTreeSet<String>> {
    let heap = &pickle.heap;
    let optimizer = optimizer(heap, pickle.root)?;
    let groups = heap.list(heap.entry(optimizer, "param_groups")?)?;
    let tensors = match groups {
        [group] if small_entry(heap, *group, "param_names").is_none() => {
            by_place(heap, *group, state_dict)?
        }
        groups => by_name(heap, groups, state_dict)?,
    };

    let mut names = BTreeSet::new();
    for (number, state) in heap.dict(heap.entry(optimizer, "state")?)? {
        let (name, view) = tensors.get(&index(*number)?)?;
        let moments = ["exp_avg", "exp_avg_sq", "momentum_buffer"]
            .map(|moment| small_entry(heap, *state, moment).and_then(|value| heap.tensor(value)));
        // A state without them may be one that was there before the first step, as Adagrad's is.
        let mut moments = moments.into_iter().flatten().peekable();
        moments.peek()?;
        if moments.any(|moment| moment.shape != view.shape) {
            return None;
        }
        names.insert((*name).to_string());
    }
    (!names.is_empty()).then_some(names)
}

/// Tensors by their number in the optimizer.
type Numbered<'a> = BTreeMap<usize, (&'a str, &'a TensorView)>;

/// By their place in the state dict.
fn by_place<'a>(heap: &Heap, group: Value, state_dict: &StateDict<'a>) -> Option<Numbered<'a>> {
    let tensors = &state_dict.tensors;
    let parameters = heap.list(small_entry(heap, group, "params")?)?;
    if parameters.len() > tensors.len() {
        return None;
    }
    let numbers = parameters.iter().filter_map(|number| index(*number));
    let numbers: BTreeSet<usize> = numbers.collect();
    let numbered = (0..).zip(tensors.iter().copied());
    numbers
        .into_iter()
        .eq(0..tensors.len())
        .then(|| numbered.collect())
}

/// By the names that every group has, if they are those of all tensors.
fn by_name<'a>(heap: &Heap, groups: &[Value], state_dict: &StateDict<'a>) -> Option<Numbered<'a>> {
    let all = state_dict.tensors.iter();
    let mut tensors: BTreeMap<&str, _> = all
        .map(|tensor| (without_those_before(tensor.0), *tensor))
        .collect();
    let mut numbered = BTreeMap::new();
    for group in groups {
        let names = heap.list(small_entry(heap, *group, "param_names")?)?;
        let parameters = heap.list(small_entry(heap, *group, "params")?)?;
        if names.len() != parameters.len() {
            return None;
        }
        for (name, number) in names.iter().zip(parameters) {
            let tensor = tensors.remove(without_those_before(heap.text(*name)?))?;
            numbered.insert(index(*number)?, tensor);
        }
    }
    (tensors.is_empty() && numbered.len() == state_dict.tensors.len()).then_some(numbered)
}

/// The only optimizer: Lightning's `optimizer_states` is a list, the others are one.
fn optimizer(heap: &Heap, root: Value) -> Option<Value> {
    if let Some(states) = heap.entry(root, "optimizer_states") {
        return match heap.list(states)? {
            [state] => Some(*state),
            _ => None,
        };
    }
    heap.entry(root, "optimizer")
        .or_else(|| heap.entry(root, "optimizer_state_dict"))
}

fn small_entry(heap: &Heap, dict: Value, key: &str) -> Option<Value> {
    (heap.dict(dict)?.len() <= MAX_SETTINGS)
        .then(|| heap.entry(dict, key))
        .flatten()
}

fn index(value: Value) -> Option<usize> {
    match value {
        Value::Int(number) => usize::try_from(number).ok(),
        _ => None,
    }
}
