use std::borrow::Cow;

use super::bytes::{Buffer, TensorBytes};
use crate::dtype::{Dtype, brain_to_f32, half_to_f32};

/// A tensor as a checkpoint holds it: row-major, little-endian.
#[derive(Clone, Debug)]
pub struct SourceTensor {
    shape: Vec<usize>,
    dtype: Dtype,
    data: TensorBytes,
}

/// What became of the numbers on their way to f32.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// They were f32.
    None,
    /// f16 or bf16: every value is kept exactly.
    Widened,
    /// f64: rounded to the nearest f32.
    Narrowed,
}

impl SourceTensor {
    /// `None` unless `data` has exactly the bytes that `shape` and `dtype` need.
    pub fn new(shape: Vec<usize>, dtype: Dtype, data: Vec<u8>) -> Option<Self> {
        Self::from_bytes(shape, dtype, Buffer::from(&data[..]).into())
    }

    pub(super) fn from_bytes(shape: Vec<usize>, dtype: Dtype, data: TensorBytes) -> Option<Self> {
        let count = shape.iter().try_fold(1_usize, |n, d| n.checked_mul(*d))?;
        (count.checked_mul(dtype.size())? == data.as_slice().len()).then_some(SourceTensor {
            shape,
            dtype,
            data,
        })
    }

    /// Lengths of the axes; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Type of the elements.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// The elements' bytes, row-major, little-endian.
    pub fn bytes(&self) -> &[u8] {
        self.data.as_slice()
    }

    /// Whether both are views of the same elements: one parameter under two names.
    pub fn is_tied_to(&self, other: &SourceTensor) -> bool {
        self.shape == other.shape
            && self.dtype == other.dtype
            && !self.bytes().is_empty()
            && std::ptr::eq(self.bytes(), other.bytes())
    }

    /// The elements as numbers, row-major. 64-bit integers beyond 2⁵³ are rounded.
    pub fn numbers(&self) -> impl Iterator<Item = f64> + '_ {
        let decode = self.dtype.decoder();
        self.bytes().chunks_exact(self.dtype.size()).map(decode)
    }

    /// The elements where they lie, if they are f32 and lie as this machine wants them.
    pub(super) fn as_floats(&self) -> Option<&[f32]> {
        match self.dtype {
            Dtype::F32 => self.data.as_words(),
            _ => None,
        }
    }

    /// The elements as f32, without a copy where they are. Widening is exact; f64 is converted only
    /// with `narrow`; integers and booleans are no weights: `Err` says why.
    pub fn to_f32(&self, narrow: bool) -> Result<(Cow<'_, [f32]>, Conversion), String> {
        if let Some(floats) = self.as_floats() {
            return Ok((floats.into(), Conversion::None));
        }
        let (values, conversion) = self.converted(narrow)?;
        Ok((values.into(), conversion))
    }

    /// As [`Self::to_f32`], of a tensor that is not needed any more: its memory is used further if
    /// nothing else is in it.
    pub fn into_f32(self, narrow: bool) -> Result<Vec<f32>, String> {
        let SourceTensor { shape, dtype, data } = self;
        let data = match dtype {
            Dtype::F32 => match data.into_words() {
                Ok(words) => return Ok(words),
                Err(data) => data,
            },
            _ => data,
        };
        let (values, _) = SourceTensor { shape, dtype, data }.converted(narrow)?;
        Ok(values)
    }

    fn converted(&self, narrow: bool) -> Result<(Vec<f32>, Conversion), String> {
        let bytes = self.bytes();
        let halves = || bytes.as_chunks::<2>().0.iter().copied();
        match self.dtype {
            Dtype::F32 => {
                let words = bytes.as_chunks::<4>().0.iter();
                let values = words.map(|b| f32::from_le_bytes(*b)).collect();
                Ok((values, Conversion::None))
            }
            Dtype::F16 => {
                let values = halves().map(|b| half_to_f32(u16::from_le_bytes(b)));
                Ok((values.collect(), Conversion::Widened))
            }
            Dtype::Bf16 => {
                let values = halves().map(|b| brain_to_f32(u16::from_le_bytes(b)));
                Ok((values.collect(), Conversion::Widened))
            }
            Dtype::F64 if narrow => {
                let words = bytes.as_chunks::<8>().0.iter();
                let values = words.map(|b| f64::from_le_bytes(*b) as f32).collect();
                Ok((values, Conversion::Narrowed))
            }
            Dtype::F64 => Err("F64 would be rounded to F32, which nobody asked for".into()),
            other => Err(format!("{other} does not hold weights")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_has_the_bytes_of_its_shape_or_does_not_exist() {
        assert!(SourceTensor::new(vec![2], Dtype::F32, vec![0; 8]).is_some());
        assert!(SourceTensor::new(vec![2], Dtype::F32, vec![0; 7]).is_none());
        assert!(SourceTensor::new(vec![], Dtype::F32, vec![0; 4]).is_some());
        assert!(SourceTensor::new(vec![usize::MAX, 2], Dtype::F32, vec![0; 8]).is_none());
    }

    #[test]
    fn narrowing_must_be_asked_for_and_integers_are_refused() {
        let third = SourceTensor::new(vec![1], Dtype::F64, (1.0_f64 / 3.0).to_le_bytes().into());
        let third = third.unwrap();
        assert!(third.to_f32(false).unwrap_err().contains("F64"));
        let (values, conversion) = third.to_f32(true).unwrap();
        assert_eq!(*values, [1.0 / 3.0_f32]);
        assert_eq!(conversion, Conversion::Narrowed);
        let count = SourceTensor::new(vec![], Dtype::I64, 7_i64.to_le_bytes().into()).unwrap();
        assert!(count.to_f32(true).unwrap_err().contains("I64"));
        assert_eq!(count.numbers().collect::<Vec<_>>(), [7.0]);
    }
}
