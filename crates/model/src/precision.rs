//! How exact the products of linear layers are.

use std::borrow::Cow;

use candle_core::{DType, Device, Result, Tensor, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How exact the factors of linear layers' products are. Their sums, everything else, and the parameters are in single
/// precision whatever is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision: 24 bits.
    #[default]
    F32,
    /// NVIDIA's TensorFloat-32: 11 bits. On a GPU alone, Ampere or newer.
    Tf32,
    /// bfloat16: 8 bits. On a CPU it computes the same, and gains no time.
    Bf16,
}

impl Precision {
    /// Its name in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::Tf32 => "tf32",
            Precision::Bf16 => "bf16",
        }
    }

    /// Whether no CPU has such products.
    pub fn needs_gpu(self) -> bool {
        self == Precision::Tf32
    }

    /// Fails where no product on `device` has this precision.
    pub(crate) fn require_on(self, device: &Device) -> Result<()> {
        match self.needs_gpu() && !device.is_cuda() {
            true => bail!("precision {} needs an NVIDIA GPU", self.name()),
            false => Ok(()),
        }
    }

    /// What enters a product on a CPU in place of `numbers`.
    pub(crate) fn factors(self, numbers: &[f32]) -> Cow<'_, [f32]> {
        match self {
            Precision::Bf16 => numbers.iter().map(|x| nearest_bf16(*x)).collect(),
            Precision::F32 | Precision::Tf32 => numbers.into(),
        }
    }

    /// The same of a tensor, in candle's operations.
    pub(crate) fn factor(self, tensor: &Tensor) -> Result<Tensor> {
        match self {
            Precision::Bf16 => tensor.to_dtype(DType::BF16)?.to_dtype(DType::F32),
            Precision::F32 | Precision::Tf32 => Ok(tensor.clone()),
        }
    }
}

/// The nearest number of 8 bits, of two the even one.
fn nearest_bf16(x: f32) -> f32 {
    if x.is_nan() {
        return x;
    }
    let bits = x.to_bits();
    let to_even = 0x7fff + ((bits >> 16) & 1);
    f32::from_bits(bits.wrapping_add(to_even) & 0xffff_0000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_those_of_candles_own_type() -> Result<()> {
        let mut numbers = vec![0.0, -0.0, 1.0, f32::MAX, f32::MIN, f32::INFINITY, 1e-40];
        // Halves between neighbours, where the even one is taken, and their surroundings.
        numbers.extend((0x3f80_7ffe..0x3f80_8003).map(f32::from_bits));
        numbers.extend((0x3f81_7ffe..0x3f81_8003).map(f32::from_bits));
        numbers.extend((0..5000).map(|i| (i as f32 * 0.37).sin() * 1.5f32.powi(i % 90 - 45)));
        let tensor = Tensor::from_slice(&numbers, numbers.len(), &Device::Cpu)?;
        let theirs = Precision::Bf16.factor(&tensor)?.to_vec1::<f32>()?;
        let bits = |numbers: &[f32]| -> Vec<u32> { numbers.iter().map(|x| x.to_bits()).collect() };
        assert_eq!(bits(&Precision::Bf16.factors(&numbers)), bits(&theirs));
        assert!(nearest_bf16(f32::NAN).is_nan());
        assert_eq!(bits(&Precision::F32.factors(&numbers)), bits(&numbers));
        Ok(())
    }
}
