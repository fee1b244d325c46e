use std::collections::BTreeSet;

use super::dicts::named_tensors;
use crate::pickle::{Heap, TensorView, Value};

/// The tensors of a state dict as those of another dict may be like them, whatever lies around the modules of either.
pub(super) struct Likeness<'a> {
    heap: &'a Heap,
    /// The last two parts of names.
    ends: BTreeSet<&'a str>,
    /// The last part, and the shape.
    shaped: BTreeSet<(&'a str, &'a [usize])>,
}

impl<'a> Likeness<'a> {
    pub(super) fn to(heap: &'a Heap, state_dict: Value) -> Self {
        let tensors = || named_tensors(heap, state_dict);
        Likeness {
            heap,
            ends: tensors().filter_map(|(name, _)| end(name)).collect(),
            shaped: tensors().map(shaped).collect(),
        }
    }

    /// Whether a dict has a tensor of more than one number that is called like one of them.
    pub(super) fn is_of(&self, dict: Value) -> bool {
        let tensors = named_tensors(self.heap, dict);
        let mut weights = tensors.filter(|(_, tensor)| !tensor.shape.is_empty());
        weights.any(|(name, tensor)| {
            let end = end(name).is_some_and(|end| self.ends.contains(end));
            end || self.shaped.contains(&shaped((name, tensor)))
        })
    }
}

/// The last two parts of a name that has as many.
fn end(name: &str) -> Option<&str> {
    let (before, _) = name.rsplit_once('.')?;
    let start = before.rfind('.').map_or(0, |dot| dot + 1);
    Some(&name[start..])
}

fn shaped<'a>((name, tensor): (&'a str, &'a TensorView)) -> (&'a str, &'a [usize]) {
    let last = name.rsplit('.').next().unwrap_or(name);
    (last, &tensor.shape)
}
