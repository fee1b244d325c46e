use std::collections::BTreeSet;
use std::rc::Rc;

use super::number::NumberType;
use super::value::{ObjectId, Value};
use crate::dtype::Dtype;
use crate::refusal::Refusal;

/// More objects than this are no checkpoint: a tensor with its names takes about ten.
const MAX_OBJECTS: usize = 2_000_000;

/// Objects have at most so many members a byte of the pickle, all together. What is built opcode by opcode
/// has fewer than one; but a call with the same long list can be repeated in a few bytes.
const MEMBERS_A_BYTE: usize = 4;

/// Wrappers in wrappers that are looked through: one could hold itself.
const MAX_WRAPPERS: usize = 4;

/// What values refer to.
#[derive(Debug)]
pub enum Object {
    Text(Rc<str>),
    /// No more than a number takes; longer ones are opaque.
    Bytes(Vec<u8>),
    NumberType(NumberType),
    Tuple(Vec<Value>),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// An object that is no more than its attributes.
    Namespace(Vec<(Value, Value)>),
    /// An object around the value that its attribute of this name has, once it is known.
    Wrapper(&'static str, Option<Value>),
    /// A tensor's memory, kept elsewhere in the file.
    Storage(Storage),
    Tensor(TensorView),
    /// Something that holds no weights, called so.
    Opaque(&'static str),
}

/// A storage as the pickle declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Storage {
    pub key: Rc<str>,
    pub dtype: Dtype,
    /// Elements.
    pub length: usize,
}

/// A tensor: a strided view of a storage, inside it (checked).
#[derive(Clone, Debug)]
pub struct TensorView {
    /// The memory it lies in.
    pub storage: Storage,
    /// In elements.
    pub offset: usize,
    /// Lengths of its axes.
    pub shape: Vec<usize>,
    /// In elements; 0 for an axis of length 0 or 1.
    pub stride: Vec<usize>,
    /// Whether the tensor is what lies there times −1: torch's negative bit.
    pub negated: bool,
}

/// All objects of a pickle.
#[derive(Debug)]
pub struct Heap {
    objects: Vec<Object>,
    members: usize,
    most_members: usize,
    attributes: BTreeSet<Rc<str>>,
}

impl Heap {
    /// For a pickle of at most `length` bytes.
    pub(super) fn new(length: usize) -> Self {
        Heap {
            objects: Vec::new(),
            members: 0,
            most_members: length.saturating_mul(MEMBERS_A_BYTE),
            attributes: BTreeSet::new(),
        }
    }

    pub(super) fn add(&mut self, object: Object) -> Result<Value, Refusal> {
        self.members += match &object {
            Object::Tuple(items) | Object::List(items) => items.len(),
            Object::Dict(entries) | Object::Namespace(entries) => entries.len(),
            Object::Tensor(view) => view.shape.len(),
            Object::Text(_)
            | Object::Bytes(_)
            | Object::NumberType(_)
            | Object::Wrapper(..)
            | Object::Storage(_)
            | Object::Opaque(_) => 0,
        };
        if self.objects.len() >= MAX_OBJECTS {
            return Err(self.excess());
        }
        self.refuse_excess()?;
        self.objects.push(object);
        Ok(Value::Object(ObjectId(self.objects.len() as u32 - 1)))
    }

    fn refuse_excess(&self) -> Result<(), Refusal> {
        match self.members > self.most_members {
            true => Err(self.excess()),
            false => Ok(()),
        }
    }

    fn excess(&self) -> Refusal {
        Refusal::new(format!(
            "builds more than {MAX_OBJECTS} objects or {} members of them",
            self.most_members
        ))
    }

    /// Adds the entries of the dict `state` to a namespace; another state has none that is looked at.
    pub(super) fn fill_namespace(&mut self, value: Value, state: Value) -> Result<(), Refusal> {
        let entries = self.dict(state).unwrap_or_default().to_vec();
        self.members += entries.len();
        self.refuse_excess()?;
        if let Some(Object::Namespace(all)) = self.object_mut(value) {
            all.extend(entries);
        }
        Ok(())
    }

    /// Takes the wrapped value out of the dict `state`, which holds a wrapper's attributes.
    pub(super) fn fill_wrapper(&mut self, value: Value, state: Value) {
        let Some(Object::Wrapper(attribute, _)) = self.object(value) else {
            return;
        };
        let found = self.entry(state, attribute);
        if let Some(Object::Wrapper(_, wrapped)) = self.object_mut(value) {
            *wrapped = found;
        }
    }

    /// The value inside of wrappers; itself if it is none.
    pub fn unwrapped(&self, mut value: Value) -> Value {
        for _ in 0..MAX_WRAPPERS {
            match self.object(value) {
                Some(Object::Wrapper(_, Some(inner))) => value = *inner,
                _ => break,
            }
        }
        value
    }

    /// The object that a value refers to.
    pub fn object(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Object(id) => self.objects.get(id.0 as usize),
            _ => None,
        }
    }

    pub(super) fn object_mut(&mut self, value: Value) -> Option<&mut Object> {
        match value {
            Value::Object(id) => self.objects.get_mut(id.0 as usize),
            _ => None,
        }
    }

    /// The text that a value is.
    pub fn text(&self, value: Value) -> Option<&str> {
        match self.object(value)? {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The members of a tuple.
    pub fn tuple(&self, value: Value) -> Option<&[Value]> {
        match self.object(value)? {
            Object::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The members of a list.
    pub fn list(&self, value: Value) -> Option<&[Value]> {
        match self.object(value)? {
            Object::List(items) => Some(items),
            _ => None,
        }
    }

    /// The members of a list or tuple.
    pub fn members(&self, value: Value) -> Option<&[Value]> {
        self.list(value).or_else(|| self.tuple(value))
    }

    /// The entries of a dictionary or a namespace, in their order.
    pub fn dict(&self, value: Value) -> Option<&[(Value, Value)]> {
        match self.object(value)? {
            Object::Dict(entries) | Object::Namespace(entries) => Some(entries),
            _ => None,
        }
    }

    /// Whether a value is an object whose attributes [`dict`](Self::dict) gives.
    pub fn is_namespace(&self, value: Value) -> bool {
        matches!(self.object(value), Some(Object::Namespace(_)))
    }

    /// The tensor that a value is.
    pub fn tensor(&self, value: Value) -> Option<&TensorView> {
        match self.object(value)? {
            Object::Tensor(view) => Some(view),
            _ => None,
        }
    }

    /// A dict's last value under a text key.
    pub fn entry(&self, dict: Value, key: &str) -> Option<Value> {
        let entries = self.dict(dict)?.iter().rev();
        let mut named = entries.filter(|(name, _)| self.text(*name) == Some(key));
        named.next().map(|(_, value)| *value)
    }

    /// What a value is, for messages.
    pub fn kind(&self, value: Value) -> &'static str {
        match value {
            Value::None => "None",
            Value::Bool(_) => "a bool",
            Value::Int(_) => "an int",
            Value::Float(_) => "a float",
            Value::Global(_) => "a class or function",
            Value::Object(_) => match self.object(value) {
                Some(Object::Text(_)) => "a string",
                Some(Object::Bytes(_)) => "bytes",
                Some(Object::NumberType(_)) => "a numpy dtype",
                Some(Object::Tuple(_)) => "a tuple",
                Some(Object::List(_)) => "a list",
                Some(Object::Dict(_)) => "a dict",
                Some(Object::Namespace(_)) => "a namespace",
                Some(Object::Wrapper(..)) => "a setting",
                Some(Object::Storage(_)) => "a storage",
                Some(Object::Tensor(_)) => "a tensor",
                Some(Object::Opaque(name)) => name,
                None => "nothing",
            },
        }
    }

    /// All objects, in the order of the file.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = Value> {
        (0..self.objects.len() as u32).map(|number| Value::Object(ObjectId(number)))
    }

    /// All storages, in the order of the file; one may come more than once.
    pub fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.objects.iter().filter_map(|object| match object {
            Object::Storage(storage) => Some(storage),
            _ => None,
        })
    }

    /// Remembers that a tensor has a Python attribute of this name, which nothing is done with.
    pub(super) fn note_attribute(&mut self, name: Rc<str>) {
        self.attributes.insert(name);
    }

    /// Names of the Python attributes that tensors were saved with.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().map(|name| &**name)
    }

    /// The harmless classes it has instances of, each once, sorted.
    pub fn opaque_kinds(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self
            .objects
            .iter()
            .filter_map(|object| match object {
                Object::Opaque(name) => Some(*name),
                _ => None,
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
