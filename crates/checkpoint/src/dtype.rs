use std::fmt::{self, Display};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The type of a tensor's elements, named as safetensors names it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
#[allow(missing_docs)]
pub enum Dtype {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
}

impl Dtype {
    /// Bytes of one element.
    pub fn size(self) -> usize {
        match self {
            Dtype::F64 | Dtype::I64 | Dtype::U64 => 8,
            Dtype::F32 | Dtype::I32 | Dtype::U32 => 4,
            Dtype::F16 | Dtype::Bf16 | Dtype::I16 | Dtype::U16 => 2,
            Dtype::I8 | Dtype::U8 | Dtype::Bool => 1,
        }
    }

    /// The name, like `F32`.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F64 => "F64",
            Dtype::F32 => "F32",
            Dtype::F16 => "F16",
            Dtype::Bf16 => "BF16",
            Dtype::I64 => "I64",
            Dtype::I32 => "I32",
            Dtype::I16 => "I16",
            Dtype::I8 => "I8",
            Dtype::U64 => "U64",
            Dtype::U32 => "U32",
            Dtype::U16 => "U16",
            Dtype::U8 => "U8",
            Dtype::Bool => "BOOL",
        }
    }

    /// Whether the elements have a sign bit, which is the highest of their last byte.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::Bf16)
    }

    /// What turns the little-endian bytes of one element into a number.
    pub(crate) fn decoder(self) -> fn(&[u8]) -> f64 {
        fn take<const N: usize>(bytes: &[u8]) -> [u8; N] {
            let mut element = [0; N];
            element.copy_from_slice(bytes);
            element
        }
        match self {
            Dtype::F64 => |b| f64::from_le_bytes(take(b)),
            Dtype::F32 => |b| f64::from(f32::from_le_bytes(take(b))),
            Dtype::F16 => |b| f64::from(half_to_f32(u16::from_le_bytes(take(b)))),
            Dtype::Bf16 => |b| f64::from(brain_to_f32(u16::from_le_bytes(take(b)))),
            Dtype::I64 => |b| i64::from_le_bytes(take(b)) as f64,
            Dtype::I32 => |b| f64::from(i32::from_le_bytes(take(b))),
            Dtype::I16 => |b| f64::from(i16::from_le_bytes(take(b))),
            Dtype::I8 => |b| f64::from(i8::from_le_bytes(take(b))),
            Dtype::U64 => |b| u64::from_le_bytes(take(b)) as f64,
            Dtype::U32 => |b| f64::from(u32::from_le_bytes(take(b))),
            Dtype::U16 => |b| f64::from(u16::from_le_bytes(take(b))),
            Dtype::U8 => |b| f64::from(b[0]),
            Dtype::Bool => |b| f64::from(u8::from(b[0] != 0)),
        }
    }
}

impl Display for Dtype {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The value of an IEEE 754 binary16 number, exactly.
pub(crate) fn half_to_f32(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let mantissa = u32::from(bits & 0x3ff);
    match exponent {
        // Subnormal: mantissa · 2⁻²⁴, which is a normal f32.
        0 => {
            let magnitude = mantissa as f32 * f32::from_bits(0x3380_0000);
            f32::from_bits(sign | magnitude.to_bits())
        }
        0x1f => f32::from_bits(sign | 0x7f80_0000 | mantissa << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | mantissa << 13),
    }
}

/// The value of a bfloat16 number, exactly: the upper half of an f32.
pub(crate) fn brain_to_f32(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_widens_to_the_very_value() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x8000, -0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_95),   // nearest to 1/3
            (0x7bff, 65504.0),        // largest
            (0x0400, 6.103_515_6e-5), // smallest normal, 2^-14
            (0x0001, 5.960_464_5e-8), // smallest subnormal, 2^-24
            (0x83ff, -6.097_555e-5),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            let found: f32 = half_to_f32(bits);
            assert_eq!(found.to_bits(), f32::to_bits(value), "{bits:#06x}: {found}");
        }
        assert!(half_to_f32(0x7e00).is_nan());
        assert_eq!(brain_to_f32(0xbf80), -1.0);
        assert_eq!(brain_to_f32(0x0001), f32::from_bits(0x0001_0000));
    }
}
