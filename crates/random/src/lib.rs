//! Counter-based randomness: every number is a pure function of (seed, stream name, indices).
//!
//! Nothing carries generator state from one draw to the next, so resuming, reordering or
//! spreading work over threads cannot change a result.
//!
//! ```
//! use pipeline_random::Stream;
//!
//! let dropout = Stream::new(2012, "dropout");
//! let (step, stay) = (7, 3);
//! assert_eq!(dropout.at(&[step, stay]).uniform(), dropout.at(&[step, stay]).uniform());
//! ```

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A named source of randomness; `at` addresses independent draws inside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    key: [u8; 32],
}

impl Stream {
    /// The stream `name` of a stage's seed.
    pub fn new(seed: u64, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("pipeline 2026 random stream v1");
        hasher.update(&seed.to_le_bytes());
        hasher.update(name.as_bytes());
        Self {
            key: *hasher.finalize().as_bytes(),
        }
    }

    /// The generator at `indices` (say, step and stay): a fresh one on every call.
    pub fn at(&self, indices: &[u64]) -> Draws {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for index in indices {
            hasher.update(&index.to_le_bytes());
        }
        Draws {
            rng: ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()),
            spare_normal: None,
        }
    }
}

/// Draws of one address, in order.
#[derive(Clone, Debug)]
pub struct Draws {
    rng: ChaCha8Rng,
    spare_normal: Option<f64>,
}

impl Draws {
    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// `count` bytes, those of [`Self::bits`] with the lowest of each draw first.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0u8; count];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Uniform in [0, 1) with 24 bits: half the generator's work of `uniform`.
    pub fn uniform_f32(&mut self) -> f32 {
        (self.rng.next_u32() >> 8) as f32 * (1.0 / (1u32 << 24) as f32)
    }

    /// Standard normal (Box and Muller 1958, both numbers of a pair used).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare_normal = Some(radius * sin);
        radius * cos
    }

    /// Uniform integer in [0, bound), without bias (Lemire 2019).
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "an integer below zero was asked for");
        let mut wide = u128::from(self.bits()) * u128::from(bound);
        if (wide as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (wide as u64) < threshold {
                wide = u128::from(self.bits()) * u128::from(bound);
            }
        }
        (wide >> 64) as u64
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_address_gives_the_same_draws() {
        let stream = Stream::new(7, "dropout");
        let first: Vec<u64> = (0..4).map(|_| stream.at(&[3, 1]).bits()).collect();
        assert!(first.windows(2).all(|pair| pair[0] == pair[1]));
    }

    #[test]
    fn neighbouring_addresses_differ() {
        let stream = Stream::new(7, "dropout");
        let first = stream.at(&[3, 1]).bits();
        assert_ne!(first, stream.at(&[3, 2]).bits());
        assert_ne!(first, stream.at(&[1, 3]).bits());
        assert_ne!(first, Stream::new(8, "dropout").at(&[3, 1]).bits());
        assert_ne!(first, Stream::new(7, "seeds").at(&[3, 1]).bits());
    }

    #[test]
    fn bytes_are_those_of_whole_draws() {
        let mut whole = Stream::new(7, "dropout").at(&[3, 1]);
        let bytes = whole.clone().bytes(1003);
        let expected = (0..126).flat_map(|_| whole.bits().to_le_bytes());
        assert!(bytes.iter().copied().eq(expected.take(1003)));
    }

    #[test]
    fn normals_have_mean_zero_and_variance_one() {
        let mut draws = Stream::new(1, "normal").at(&[]);
        let numbers: Vec<f64> = (0..100_000).map(|_| draws.normal()).collect();
        let mean = numbers.iter().sum::<f64>() / 1e5;
        let variance = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02);
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<u32> = (0..100).collect();
        Stream::new(1, "shuffle").at(&[]).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
