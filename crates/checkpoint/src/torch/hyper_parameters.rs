use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::Value as Json;

use super::dicts::{joined, shown};
use crate::pickle::{Heap, Pickle, Value};
use crate::stated::{Stated, is_same};

/// Where training frameworks and people put what a model was built with.
const KEYS: [&str; 8] = [
    "hyper_parameters",
    "hyperparameters",
    "hparams",
    "model_config",
    "config",
    "cfg",
    "args",
    "kwargs",
];

/// Tables that are looked into, and settings that are kept: more are no hyper-parameters.
const MAX_TABLES: usize = 64;
const MAX_SETTINGS: usize = 1024;

/// Forms of a value that OmegaConf takes from elsewhere or is yet to be given.
const OPEN: [&str; 2] = ["an interpolation", "a value that is yet to be given"];

/// A table, and the keys that lead to it.
type Table = (Rc<str>, Value);

/// Settings that tables state, by name.
#[derive(Default)]
struct Settings {
    /// Values, each once, and the first place of each.
    values: BTreeMap<String, Vec<(String, Json)>>,
    /// The forms of those that are not read.
    unread: BTreeMap<String, String>,
    /// Name, place and value of those whose names begin with another word than `model`: they may be another module's.
    others: Vec<(String, String, Value)>,
    /// Whether there is more than is looked into.
    is_cut: bool,
}

/// What a checkpoint states of its model: of each name the value that stands in its tables, and in tables inside of them.
/// They lie at the top, or beside the state dict in its `holder`. With several values it is disputed. A note says so if
/// there is more than is looked into.
pub(super) fn stated(pickle: &Pickle, holder: Value) -> (Stated, Option<String>) {
    let mut settings = Settings::default();
    let mut level = tables(pickle, holder);
    let mut looked = 0;
    while !level.is_empty() && looked < MAX_TABLES {
        looked += level.len();
        let mut below = Vec::new();
        for (place, table) in level {
            settings.take(&pickle.heap, &place, table, &mut below);
        }
        level = below;
    }
    settings.add_others(&pickle.heap);
    let is_cut = settings.is_cut || !level.is_empty();
    let more = || {
        format!(
            "hyper-parameters beyond {MAX_TABLES} tables or {MAX_SETTINGS} settings of one are not read"
        )
    };
    (settings.stated(), is_cut.then(more))
}

impl Settings {
    /// Takes those of a table, and puts the tables in it to those `below`.
    fn take(&mut self, heap: &Heap, place: &str, table: Value, below: &mut Vec<Table>) {
        let entries = heap.dict(table).unwrap_or_default();
        self.is_cut |= entries.len() > MAX_SETTINGS;
        for (name, value) in entries.iter().take(MAX_SETTINGS) {
            let Some(name) = heap.text(*name) else {
                continue;
            };
            let value = heap.unwrapped(*value);
            let whole = || shown(&joined(place, name)).to_string();
            let (name, is_own) = last_part(name);
            if heap.dict(value).is_some() {
                match below.len() < MAX_TABLES {
                    true => below.push((whole().into(), value)),
                    false => self.is_cut = true,
                }
            } else if is_own {
                self.add(heap, name, whole, value);
            } else {
                self.others.push((name.into(), whole(), value));
            }
        }
    }

    /// Adds one that is no table.
    fn add(&mut self, heap: &Heap, name: &str, place: impl FnOnce() -> String, value: Value) {
        if let Some(value) = plain(heap, value) {
            let values = self.values.entry(name.into()).or_default();
            if !values.iter().any(|(_, other)| is_same(other, &value)) {
                values.push((place(), value));
            }
        } else if let Some(form) = unread(heap, value) {
            let known = self.unread.entry(name.into()).or_insert(form.into());
            if is_open(known) {
                *known = form.into();
            }
        }
    }

    /// Adds those of the others that are not known without them.
    fn add_others(&mut self, heap: &Heap) {
        let mut others = std::mem::take(&mut self.others);
        others.retain(|(name, ..)| {
            let is_unread = self.unread.get(name).is_some_and(|form| !is_open(form));
            !is_unread && !self.values.contains_key(name)
        });
        for (name, place, value) in others {
            self.add(heap, &name, || place, value);
        }
    }

    fn stated(mut self) -> Stated {
        let mut stated = Stated::default();
        for (name, mut values) in self.values {
            // An open value most likely is the one that the file has in another table.
            if self.unread.get(&name).is_some_and(|form| is_open(form)) {
                self.unread.remove(&name);
            }
            if let [_] = values[..] {
                stated.settings.insert(name, values.remove(0).1);
            } else {
                stated.disputed.insert(name, values);
            }
        }
        stated.unread = self.unread;
        stated
    }
}

fn is_open(form: &str) -> bool {
    OPEN.contains(&form)
}

/// What a setting is called in its own table, where its name begins with those of the tables around it, and whether that
/// name alone or `model` says whose it is.
fn last_part(name: &str) -> (&str, bool) {
    match name.rsplit_once(['.', '/']) {
        Some((tables, last)) if !last.is_empty() => {
            (last, tables.split(['.', '/']).next() == Some("model"))
        }
        _ => (name, true),
    }
}

/// The tables at the top and beside the state dict.
fn tables(pickle: &Pickle, holder: Value) -> Vec<Table> {
    let heap = &pickle.heap;
    let mut tables: Vec<Table> = Vec::new();
    for dict in [pickle.root, holder] {
        for key in KEYS {
            let table = heap.entry(dict, key).map(|table| heap.unwrapped(table));
            let table = table.filter(|table| heap.dict(*table).is_some());
            let is_new = |table: &Value| tables.iter().all(|(_, other)| other != table);
            if let Some(table) = table.filter(is_new) {
                tables.push((key.into(), table));
            }
        }
    }
    tables
}

/// The form of a value that may be a number, and is not read: nothing, a word and a table are none.
fn unread(heap: &Heap, value: Value) -> Option<&'static str> {
    match heap.text(value) {
        Some("???") => Some(OPEN[1]),
        Some(text) => text.contains("${").then_some(OPEN[0]),
        None => (value != Value::None).then(|| heap.kind(value)),
    }
}

fn plain(heap: &Heap, value: Value) -> Option<Json> {
    match value {
        Value::Bool(value) => Some(value.into()),
        Value::Int(value) => Some(value.into()),
        Value::Float(value) => Some(value.into()),
        _ if unread(heap, value).is_some() => None,
        _ => heap.text(value).map(Into::into),
    }
}
