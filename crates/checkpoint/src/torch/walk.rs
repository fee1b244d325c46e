use std::collections::BTreeSet;
use std::rc::Rc;

use super::dicts::{Found, reached};
use super::state_dict::{ALONE, KEYS, is_closed};
use crate::dict_path::DictPath;
use crate::pickle::{Heap, ObjectId, Value};
use crate::refusal::Refusal;

/// Dicts that are looked into.
const MAX_SEARCHED: usize = 65_536;

/// Rounds in which it is made out what holds weights. One is enough unless tuples and dicts or lists lie in each other by
/// turns, and these rounds are enough for turns as deep as are walked.
const ROUNDS: usize = 12;

/// Lists and tuples in one another that are looked through.
const MAX_LISTS: usize = 4;

/// A walk through the dicts of a pickle in which weights may lie. It comes across each once.
#[derive(Clone)]
pub(super) struct Walk<'a> {
    heap: &'a Heap,
    /// Dicts, lists and tuples in which weights may lie.
    holding: Rc<BTreeSet<ObjectId>>,
    /// Those of them in which a second state dict may lie: it could be unseen if they are too many.
    suspect: Rc<BTreeSet<ObjectId>>,
    seen: BTreeSet<ObjectId>,
    searched: usize,
    /// Dicts that were looked into beside the suspect ones: samples and scores, say.
    harmless: usize,
}

impl<'a> Walk<'a> {
    /// One that does not come back to `root`, to which every dict is suspect.
    pub(super) fn from(heap: &'a Heap, root: Value) -> Self {
        let may_be = |_, entry| heap.tensor(entry).is_some() || is_closed(heap, entry);
        let holding = Rc::new(around(heap, may_be));
        Walk {
            heap,
            suspect: Rc::clone(&holding),
            holding,
            seen: root.id().into_iter().collect(),
            searched: 0,
            harmless: 0,
        }
    }

    /// The same walk, to which those dicts are suspect in which weights may lie under a customary key.
    pub(super) fn to_customary_keys(&self) -> Self {
        let is_one = |key, entry| {
            let is_key = self.heap.text(key).is_some_and(|key| KEYS.contains(&key));
            is_key && (self.may_hold_weights(entry) || is_closed(self.heap, entry))
        };
        Walk {
            suspect: Rc::new(around(self.heap, is_one)),
            ..self.clone()
        }
    }

    /// Whether weights may lie in a value.
    pub(super) fn may_hold_weights(&self, value: Value) -> bool {
        is_among(&self.holding, value)
    }

    /// The dict that the value at `path` is, or those in the list or tuple that it is, if they are new and `is_wanted`.
    /// More suspect ones than are searched are refused, and more harmless ones passed over.
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
        if !is_new || self.heap.dict(value).is_none() {
            return Ok(is_new);
        }
        if !is_wanted(value) {
            return Ok(false);
        }
        if !is_among(&self.suspect, value) {
            self.harmless += 1;
            return Ok(self.harmless < MAX_SEARCHED);
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

/// Dicts with a key and entry that are `is_one`, and the dicts, lists and tuples around them.
fn around(heap: &Heap, is_one: impl Fn(Value, Value) -> bool) -> BTreeSet<ObjectId> {
    let mut around = BTreeSet::new();
    for _ in 0..ROUNDS {
        let known = around.len();
        // A pickle begins lists and dicts before what is in them, and makes tuples after it.
        for value in heap.values().rev().chain(heap.values()) {
            let holds = |member: Value| is_among(&around, member);
            let is_around = match (heap.dict(value), heap.members(value)) {
                _ if holds(value) => continue,
                (Some(entries), _) => {
                    let mut entries = entries.iter();
                    entries.any(|(key, entry)| is_one(*key, *entry) || holds(*entry))
                }
                (None, members) => {
                    let mut members = members.unwrap_or_default().iter();
                    members.any(|member| holds(*member))
                }
            };
            if is_around {
                around.extend(value.id());
            }
        }
        if around.len() == known {
            break;
        }
    }
    around
}

fn is_among(all: &BTreeSet<ObjectId>, value: Value) -> bool {
    value.id().is_some_and(|id| all.contains(&id))
}
