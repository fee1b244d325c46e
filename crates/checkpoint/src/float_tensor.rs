use super::bytes::little_endian;

/// A parameter's value: f32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatTensor {
    /// Lengths of the axes; empty for a scalar.
    pub shape: Vec<usize>,
    /// As many values as the shape says.
    pub values: Vec<f32>,
}

impl FloatTensor {
    /// The digest of [`tensor_digest`].
    pub fn digest(&self) -> String {
        tensor_digest(&self.shape, &self.values)
    }
}

/// The numbers of a parameter, wherever they lie.
pub trait TensorValues: Sync {
    /// Lengths of the axes; empty for a scalar.
    fn shape(&self) -> &[usize];
    /// As many values as the shape says, row-major.
    fn values(&self) -> &[f32];
}

impl TensorValues for FloatTensor {
    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn values(&self) -> &[f32] {
        &self.values
    }
}

impl<T: TensorValues + ?Sized> TensorValues for &T {
    fn shape(&self) -> &[usize] {
        (**self).shape()
    }

    fn values(&self) -> &[f32] {
        (**self).values()
    }
}

/// BLAKE3, in hexadecimal, of a parameter: its rank and axis lengths (u64, little-endian), then
/// its values (f32, little-endian, row-major). The shape is part of it because a transposed or
/// flattened tensor can have the same bytes.
pub fn tensor_digest(shape: &[usize], values: &[f32]) -> String {
    let mut hasher = blake3::Hasher::new();
    hash_shape(&mut hasher, shape);
    hasher.update(&little_endian(values));
    hasher.finalize().to_hex().to_string()
}

pub(super) fn hash_shape(hasher: &mut blake3::Hasher, shape: &[usize]) {
    hasher.update(&(shape.len() as u64).to_le_bytes());
    for axis in shape {
        hasher.update(&(*axis as u64).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_covers_every_value_the_sign_of_zero_and_the_shape() {
        let values: Vec<f32> = (0..10_000).map(|i| i as f32).collect();
        let whole = tensor_digest(&[10_000], &values);
        let mut bytes = 1_u64.to_le_bytes().to_vec();
        bytes.extend(10_000_u64.to_le_bytes());
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        assert_eq!(whole, blake3::hash(&bytes).to_hex().to_string());

        let mut other = values.clone();
        other[9_999] = 0.0;
        assert_ne!(whole, tensor_digest(&[10_000], &other));
        assert_ne!(whole, tensor_digest(&[100, 100], &values));
        assert_ne!(tensor_digest(&[1], &[0.0]), tensor_digest(&[1], &[-0.0]));
        assert_ne!(tensor_digest(&[1], &[0.0]), tensor_digest(&[], &[0.0]));
    }
}
