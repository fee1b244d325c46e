//! numpy's scalars as pickles make them: a type, and the bytes of one number.

use super::heap::{Heap, Object};
use super::number::{MAX_BYTES, NumberType};
use super::value::Value;
use crate::dtype::Dtype;

/// The result of `numpy.dtype(name, …)`.
pub(super) fn numpy_type(heap: &Heap, arguments: &[Value]) -> Object {
    let name = arguments.first().and_then(|name| heap.text(*name));
    let dtype = match name {
        Some("f8") => Dtype::F64,
        Some("f4") => Dtype::F32,
        Some("f2") => Dtype::F16,
        Some("i8") => Dtype::I64,
        Some("i4") => Dtype::I32,
        Some("i2") => Dtype::I16,
        Some("i1") => Dtype::I8,
        Some("u8") => Dtype::U64,
        Some("u4") => Dtype::U32,
        Some("u2") => Dtype::U16,
        Some("u1") => Dtype::U8,
        Some("b1") => Dtype::Bool,
        _ => return Object::Opaque("a numpy dtype"),
    };
    Object::NumberType(NumberType {
        dtype,
        big_endian: false,
    })
}

/// The result of `scalar(type, bytes)`; `None` if it is no number.
pub(super) fn numpy_scalar(heap: &Heap, arguments: &[Value]) -> Option<Value> {
    let [class, bytes] = arguments else {
        return None;
    };
    match (heap.object(*class)?, heap.object(*bytes)?) {
        (Object::NumberType(class), Object::Bytes(bytes)) => class.number(bytes),
        _ => None,
    }
}

/// The byte order in a dtype's state `(3, '<', …)`.
pub(super) fn byte_order(heap: &Heap, state: Value) -> Option<&str> {
    heap.text(*heap.tuple(state)?.get(1)?)
}

/// The result of `_codecs.encode(text, 'latin1')`.
pub(super) fn encoded(heap: &Heap, arguments: &[Value]) -> Object {
    let text = match arguments {
        [text, codec] if heap.text(*codec) == Some("latin1") => heap.text(*text),
        _ => None,
    };
    // A long text is not gone through: it could be encoded again and again.
    let letters = text.unwrap_or_default().chars().take(MAX_BYTES + 1);
    let encoded: Result<Vec<u8>, _> = letters.map(u8::try_from).collect();
    match (text, encoded) {
        (Some(_), Ok(encoded)) => bytes(encoded.into_iter()),
        _ => Object::Opaque("bytes"),
    }
}

/// These bytes, if they can be a number's.
pub(super) fn bytes(bytes: impl Iterator<Item = u8>) -> Object {
    let kept: Vec<u8> = bytes.take(MAX_BYTES + 1).collect();
    match kept.len() > MAX_BYTES {
        true => Object::Opaque("bytes"),
        false => Object::Bytes(kept),
    }
}
