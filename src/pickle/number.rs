//! numpy's scalars: a type, and the bytes of one number.

use super::heap::{Heap, Object, Value};
use super::input::twos_complement;
use crate::dtype::Dtype;

/// The widest number.
const MAX_BYTES: usize = 8;

/// The type of a numpy scalar that is a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NumberType {
    dtype: Dtype,
    pub(super) big_endian: bool,
}

impl NumberType {
    /// The number that `bytes` are; `None` unless they are as many as it has.
    fn number(self, bytes: &[u8]) -> Option<Value> {
        if bytes.len() != self.dtype.size() {
            return None;
        }
        let mut bytes = bytes.to_vec();
        if self.big_endian {
            bytes.reverse();
        }
        match self.dtype {
            Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::Bf16 => {
                Some(Value::Float(self.dtype.decoder()(&bytes)))
            }
            Dtype::I64 | Dtype::I32 | Dtype::I16 | Dtype::I8 => {
                twos_complement(&bytes).map(Value::Int)
            }
            Dtype::U64 | Dtype::U32 | Dtype::U16 | Dtype::U8 => {
                let mut word = [0; MAX_BYTES];
                word[..bytes.len()].copy_from_slice(&bytes);
                i64::try_from(u64::from_le_bytes(word)).ok().map(Value::Int)
            }
            Dtype::Bool => Some(Value::Bool),
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn value(dtype: Dtype, big_endian: bool, bytes: &[u8]) -> Option<Value> {
        NumberType { dtype, big_endian }.number(bytes)
    }

    #[test]
    fn a_number_is_read_in_its_width_sign_and_byte_order() {
        let third = 1.0_f64 / 3.0;
        let float = Some(Value::Float(third));
        assert_eq!(value(Dtype::F64, false, &third.to_le_bytes()), float);
        assert_eq!(value(Dtype::F64, true, &third.to_be_bytes()), float);
        let half = Some(Value::Float(0.5));
        assert_eq!(value(Dtype::F32, false, &0.5_f32.to_le_bytes()), half);
        assert_eq!(value(Dtype::F16, true, &[0x38, 0x00]), half);
        let int = |number| Some(Value::Int(number));
        assert_eq!(value(Dtype::I16, false, &[0xfe, 0xff]), int(-2));
        assert_eq!(value(Dtype::U16, false, &[0xfe, 0xff]), int(0xfffe));
        assert_eq!(value(Dtype::U8, false, &[0x80]), int(128));
        assert_eq!(value(Dtype::U64, true, &[0, 0, 0, 0, 0, 0, 0, 9]), int(9));
        assert_eq!(value(Dtype::U64, false, &[0xff; 8]), None);
        assert_eq!(value(Dtype::F64, false, &[0; 4]), None);
    }
}
