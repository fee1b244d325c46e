//! How much memory a model takes, known before any of it is asked for.

use candle_core::Result;

use super::config::{ModelConfig, ModelMode};
use super::seqsetvae::parameter_specs;

/// Bytes of a number.
const F32: u64 = 4;
/// A stay that estimates speak of: so many events, at so many points in time.
pub const EVENTS: u64 = 1000;
const SETS: u64 = 100;
/// Numbers that attention keeps of each row for its backward pass: queries, keys, values, outputs and norms, of two blocks.
const ROWS_OF_ATTENTION: u64 = 16;
/// The same of a transformer's layer, beside the two rows of its feed-forward part.
const ROWS_OF_LAYER: u64 = 12;
/// Copies of the weights that a training with AdamW holds: themselves, their gradients and two moments.
pub const COPIES_IN_TRAINING: u64 = 4;

/// What a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Its parameters, in numbers.
    pub parameters: u64,
    /// Of a batch while it trains, a stay: about, since nobody has seen the stays yet; in bytes.
    pub stay: u64,
}

impl Footprint {
    /// That of the model that this configuration describes. Exact in its parameters, but for a readout's: how many
    /// queries it has is known with the data.
    pub fn of(config: &ModelConfig, mode: ModelMode) -> Result<Self> {
        let specs = parameter_specs(config, mode)?;
        let sizes = specs.iter().map(|spec| {
            let axes = spec.shape.iter().map(|axis| *axis as u64);
            axes.fold(1, u64::saturating_mul)
        });
        Ok(Self {
            parameters: sizes.fold(0, u64::saturating_add),
            stay: stay(config, mode),
        })
    }

    /// Bytes of so many copies of the weights.
    pub fn weights(&self, copies: u64) -> u64 {
        self.parameters.saturating_mul(copies.saturating_mul(F32))
    }

    /// Bytes of a batch, about.
    pub fn batch(&self, stays: usize) -> u64 {
        self.stay.saturating_mul(stays as u64)
    }
}

/// What the backward pass of one stay needs of the forward pass.
fn stay(config: &ModelConfig, mode: ModelMode) -> u64 {
    let [reduced, latent, levels, inducing, ff, layers] = [
        config.reduced_dim,
        config.latent_dim,
        config.levels,
        config.inducing_points,
        config.ff_dim,
        config.transformer_layers,
    ]
    .map(|size| size as u64);
    let sides = match mode {
        ModelMode::Pretrain => 2,
        ModelMode::Classifier => 1,
    };
    let rows = EVENTS + SETS * inducing;
    let attention = sides * levels * rows * ROWS_OF_ATTENTION * latent;
    let embedded = EVENTS * 4 * (reduced + latent);
    let sequence = layers * SETS * (ROWS_OF_LAYER * latent + 2 * ff);
    (attention + embedded + sequence) * F32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parameter::ParameterSource;
    use crate::parameter::Parameters;
    use crate::seqsetvae::{ClassifierModel, PretrainModel};
    use candle_core::{Device, Tensor};

    /// The numbers of the tensors that a model was really built of.
    fn built(config: &ModelConfig, mode: ModelMode) -> u64 {
        let specs = parameter_specs(config, mode).unwrap();
        let tensors = specs.iter().map(|spec| {
            let values = spec.initial_values(1);
            let tensor = Tensor::from_vec(values, spec.shape.as_slice(), &Device::Cpu).unwrap();
            (spec.name.clone(), tensor)
        });
        let parameters: Parameters = tensors.collect();
        let taken = ParameterSource::witness(&parameters, |source| match mode {
            ModelMode::Pretrain => PretrainModel::new(source, config, 0.0).map(drop),
            ModelMode::Classifier => ClassifierModel::new(source, config).map(drop),
        });
        let taken = taken.unwrap();
        taken
            .values()
            .map(|tensor| tensor.elem_count() as u64)
            .sum()
    }

    #[test]
    fn the_estimate_counts_exactly_the_parameters_that_a_model_is_built_of() {
        let small = ModelConfig {
            input_dim: 12,
            reduced_dim: 8,
            latent_dim: 8,
            ff_dim: 16,
            transformer_heads: 2,
            transformer_layers: 3,
            ..ModelConfig::default()
        };
        for config in [small, ModelConfig::default()] {
            for mode in [ModelMode::Pretrain, ModelMode::Classifier] {
                let estimated = Footprint::of(&config, mode).unwrap();
                assert_eq!(estimated.parameters, built(&config, mode), "{mode:?}");
                assert_eq!(estimated.weights(4), 16 * estimated.parameters);
                assert_eq!(estimated.batch(3), 3 * estimated.stay);
            }
        }
    }

    #[test]
    fn the_largest_model_that_a_recipe_may_state_is_measured_without_its_memory() {
        let largest = ModelConfig {
            latent_dim: 16384,
            ff_dim: 65536,
            transformer_layers: 128,
            ..ModelConfig::default()
        };
        let found = Footprint::of(&largest, ModelMode::Pretrain).unwrap();
        // 128 layers of 4·16384² for attention and 2·16384·65536 for the feed-forward part are 412 billion alone.
        assert!(found.weights(1) > 1_600_000_000_000, "{found:?}");
    }
}
