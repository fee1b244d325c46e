//! A recipe's values before they have types: every one knows where it was written.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Number};

use super::source::Origin;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it is written.
    pub origin: Origin,
    /// Where the variable is written that the value was taken from.
    pub taken_from: Option<Origin>,
    /// Whether the whole of it is a variable of the environment: text, whatever it says.
    pub is_of_environment: bool,
}

/// A TOML value.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string, and the folder from which it starts if it is a path.
    String(String, Arc<Path>),
    /// An integer between the least `i64` and the greatest `u64`.
    Integer(i128),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
    /// A date or time: nothing in a recipe is one.
    Datetime(String),
    /// A list.
    Array(Vec<Node>),
    /// A table.
    Table(Table),
    /// A value that could not be determined; its mistake has been noted already.
    Broken,
}

impl Node {
    /// A value that was written at a place.
    pub fn new(value: Value, origin: Origin) -> Self {
        Self {
            value,
            origin,
            taken_from: None,
            is_of_environment: false,
        }
    }

    /// The value's type, with its article.
    pub fn type_name(&self) -> &'static str {
        match self.value {
            Value::String(..) => "a string",
            Value::Integer(_) => "an integer",
            Value::Float(_) => "a float",
            Value::Boolean(_) => "a boolean",
            Value::Datetime(_) => "a date",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
            Value::Broken => "unknown",
        }
    }

    /// The table, if it is one.
    pub fn as_table(&self) -> Option<&Table> {
        match &self.value {
            Value::Table(table) => Some(table),
            _ => None,
        }
    }

    /// The text, if it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text, _) => Some(text),
            _ => None,
        }
    }

    /// The value of a key or at an index.
    pub fn child(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(table) => table.get(key).map(|entry| &entry.node),
            Value::Array(items) => items.get(key.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// The value of a key, to be changed.
    pub fn child_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Table(table) => table.get_mut(key).map(|entry| &mut entry.node),
            _ => None,
        }
    }

    /// The value at a path, if it is stated.
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(self, |node, key| node.child(key))
    }

    /// Where the value at a path is written, or else the nearest table around it.
    pub fn place(&self, path: &[&str]) -> Origin {
        let mut node = self;
        for key in path {
            let Some(child) = node.child(key) else { break };
            node = child;
        }
        node.origin
    }

    /// The value without its places.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::String(text, _) | Value::Datetime(text) => text.clone().into(),
            Value::Integer(number) => Number::from_i128(*number).into(),
            Value::Float(number) => (*number).into(),
            Value::Boolean(truth) => (*truth).into(),
            Value::Array(items) => items.iter().map(Node::to_json).collect(),
            Value::Table(table) => {
                let pairs = table
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.node.to_json()));
                serde_json::Value::Object(pairs.collect::<Map<_, _>>())
            }
            Value::Broken => serde_json::Value::Null,
        }
    }
}

impl Entry {
    /// An entry that is written nowhere, on behalf of what is written at `origin`.
    pub fn at(origin: Origin, key: &str, node: Node) -> Self {
        Self {
            key: key.into(),
            key_origin: origin,
            node,
        }
    }
}

/// Keys and values in order of appearance.
#[derive(Clone, Debug, Default)]
pub struct Table {
    entries: Vec<Entry>,
    /// Where each key is; empty while there are so few that looking through them is faster.
    index: BTreeMap<String, usize>,
}

/// A table with more keys than this has an index.
const LOOKED_THROUGH: usize = 16;

/// A key, where it was written, and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is written.
    pub key_origin: Origin,
    /// Its value.
    pub node: Node,
}

impl Table {
    /// The entry of a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.position(key).map(|at| &self.entries[at])
    }

    /// The entry of a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.position(key).map(|at| &mut self.entries[at])
    }

    /// Sets a key's value; a key that is already there keeps its rank.
    pub fn set(&mut self, entry: Entry) {
        match self.position(&entry.key) {
            Some(at) => self.entries[at] = entry,
            None => self.append(entry),
        }
    }

    fn append(&mut self, entry: Entry) {
        self.entries.push(entry);
        let first_without_place = match self.entries.len() {
            0..=LOOKED_THROUGH => return,
            _ => self.index.len(),
        };
        let new = self.entries.iter().enumerate().skip(first_without_place);
        self.index
            .extend(new.map(|(at, entry)| (entry.key.clone(), at)));
    }

    fn position(&self, key: &str) -> Option<usize> {
        match self.index.is_empty() {
            true => self.entries.iter().position(|entry| entry.key == key),
            false => self.index.get(key).copied(),
        }
    }

    /// All entries in order of appearance.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// All entries in order of appearance, to be changed; keys must stay as they are.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut()
    }

    /// Takes a key out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        let at = self.position(key)?;
        self.index.clear();
        Some(self.entries.remove(at))
    }

    /// All keys in order of appearance.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }
}
