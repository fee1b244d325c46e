use super::global::Global;

/// A small value, or the number of a large one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// Nothing.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A name of Python that the machine knows.
    Global(Global),
    /// An object of the heap.
    Object(ObjectId),
}

impl Value {
    /// The number of the object that it is, by which two values are known to be one.
    pub fn id(self) -> Option<ObjectId> {
        match self {
            Value::Object(id) => Some(id),
            _ => None,
        }
    }
}

/// The number of an object in its [`Heap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectId(pub(super) u32);
