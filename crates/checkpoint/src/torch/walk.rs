use std::collections::BTreeSet;

use super::dicts::{Found, reached};
use super::state_dict::{ALONE, is_closed};
use crate::dict_path::DictPath;
use crate::pickle::{Heap, ObjectId, Value};
use crate::refusal::Refusal;

/// Dicts, and lists of them, that are looked into.
const MAX_SEARCHED: usize = 65_536;

/// Rounds in which lists and tuples of dicts are made out; one is enough unless they lie in each other by turns.
const ROUNDS: usize = 4;

/// Lists and tuples in one another that are looked through.
const MAX_LISTS: usize = 4;

/// A walk through the dicts of a pickle in which weights may lie. It comes across each once.
#[derive(Clone)]
pub(super) struct Walk<'a> {
    heap: &'a Heap,
    /// Dicts, lists and tuples in which weights may lie.
    holding: BTreeSet<ObjectId>,
    seen: BTreeSet<ObjectId>,
    searched: usize,
}

impl<'a> Walk<'a> {
    /// One that does not come back to `root`.
    pub(super) fn from(heap: &'a Heap, root: Value) -> Self {
        Walk {
            heap,
            holding: holding(heap),
            seen: root.id().into_iter().collect(),
            searched: 0,
        }
    }

    /// Whether weights may lie in a value.
    pub(super) fn may_hold_weights(&self, value: Value) -> bool {
        is_among(&self.holding, value)
    }

    /// The dict that the value at `path` is, or those in the list or tuple that it is, if they are new and `is_wanted`.
    /// More than are searched are refused: a second state dict could be among them.
    pub(super) fn dicts_at(
        &mut self,
        path: DictPath,
        value: Value,
        is_wanted: impl Fn(Value) -> bool,
    ) -> Result<Vec<Found>, Refusal> {
        let mut found = Vec::new();
        let mut here = Vec::new();
        if self.enter(value, &is_wanted)? {
            here.push((path, value));
        }
        for _ in 0..=MAX_LISTS {
            let mut inside = Vec::new();
            for (path, value) in here {
                let Some(members) = self.heap.members(value) else {
                    found.push((reached(self.heap, path, value), value));
                    continue;
                };
                for (at, member) in members.iter().enumerate() {
                    if self.enter(*member, &is_wanted)? {
                        inside.push((path.at(at), *member));
                    }
                }
            }
            here = inside;
        }
        Ok(found)
    }

    /// Whether a value is to be looked into, for the first time.
    fn enter(&mut self, value: Value, is_wanted: &impl Fn(Value) -> bool) -> Result<bool, Refusal> {
        let may_hold = self.may_hold_weights(value);
        let is_new = may_hold && value.id().is_some_and(|id| self.seen.insert(id));
        if !is_new || (self.heap.dict(value).is_some() && !is_wanted(value)) {
            return Ok(false);
        }
        self.searched += 1;
        if self.searched >= MAX_SEARCHED {
            return Err(Refusal::new(format!(
                "holds more than {MAX_SEARCHED} dicts, so that a second state dict could lie in it unseen"
            ))
            .with_hint(ALONE));
        }
        Ok(true)
    }
}

/// Dicts that have an entry that is a tensor or in which one may lie, and lists and tuples of these.
fn holding(heap: &Heap) -> BTreeSet<ObjectId> {
    let mut holding = BTreeSet::new();
    for _ in 0..ROUNDS {
        let known = holding.len();
        // A pickle begins lists and dicts before what is in them, and makes tuples after it.
        add_holding(heap, &mut holding, heap.values().rev());
        add_holding(heap, &mut holding, heap.values());
        if holding.len() == known {
            break;
        }
    }
    holding
}

/// Adds those of `values` that hold one, or, directly, weights.
fn add_holding(heap: &Heap, holding: &mut BTreeSet<ObjectId>, values: impl Iterator<Item = Value>) {
    for value in values {
        let is_one = |member: Value| is_among(holding, member);
        let holds_one = match (heap.dict(value), heap.members(value)) {
            (Some(entries), _) => entries.iter().any(|(_, entry)| {
                let is_plain = heap.tensor(*entry).is_some() || heap.dict(*entry).is_some();
                is_plain || is_closed(heap, *entry) || is_one(*entry)
            }),
            (None, members) => {
                let mut members = members.unwrap_or_default().iter();
                members.any(|member| is_one(*member))
            }
        };
        if holds_one {
            holding.extend(value.id());
        }
    }
}

fn is_among(holding: &BTreeSet<ObjectId>, value: Value) -> bool {
    value.id().is_some_and(|id| holding.contains(&id))
}
