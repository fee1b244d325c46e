//! numpy's scalars: a type, and the bytes of one number.

use super::input::twos_complement;
use super::value::Value;
use crate::dtype::Dtype;

/// The widest number.
pub(super) const MAX_BYTES: usize = 8;

/// The type of a numpy scalar that is a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NumberType {
    pub(super) dtype: Dtype,
    pub(super) big_endian: bool,
}

impl NumberType {
    /// The number that `bytes` are; `None` unless they are as many as it has.
    pub(super) fn number(self, bytes: &[u8]) -> Option<Value> {
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
            Dtype::Bool => Some(Value::Bool(bytes[0] != 0)),
        }
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
