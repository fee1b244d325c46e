//! The parameters that the PyTorch reference's models have and ours do not, because nothing uses them.

use std::collections::BTreeSet;

use candle_core::Result;

use super::config::{ModelConfig, ModelMode};
use super::decoder::{Decoder, DecoderLayer};
use super::fusion::{FusionLayer, GatedFusion};
use super::layers::{Linear, LinearInit};
use super::parameter::{Init, ParameterSource, ParameterSpec};
use super::pooling::MultiscalePooling;
use super::seqsetvae::parameter_specs;

/// What the reference's time scale, in minutes, starts with and, without a gradient, keeps.
const TIME_TAU: f32 = 60.0;

/// A parameter that the reference has and never uses.
#[derive(Clone, Debug, PartialEq)]
pub struct Placeholder {
    /// Its name in the reference.
    pub name: String,
    /// Its shape there.
    pub shape: Vec<usize>,
    /// The one number to fill it with.
    pub value: f32,
}

/// What a state dict of the reference's model has besides our parameters, sorted by name.
///
/// Its encoder computes a second decoder and throws the result away, and a time bias is zero
/// wherever attention is allowed. Its finetuning model also keeps the pretraining decoder, and a gated
/// fusion and a multi-scale pooling whether it uses them or not. Weights are zero, and one where
/// they scale a norm: whoever looks at them sees that they were never trained.
pub fn placeholders(config: &ModelConfig, mode: ModelMode) -> Result<Vec<Placeholder>> {
    let recorded = ParameterSource::record(|source| {
        let encoder = match mode {
            ModelMode::Pretrain => source.part("set_encoder"),
            ModelMode::Classifier => source.part("setvae.setvae"),
        };
        discarded_decoder(&encoder, config)?;
        for scalar in ["alibi_slope", "time_tau"] {
            source.get(scalar, &[], Init::Ones)?;
        }
        if mode == ModelMode::Classifier {
            Decoder::new(&source.part("decoder"), config)?;
            fusion_and_pooling(source, config)?;
        }
        Ok(())
    })?;
    let own = parameter_specs(config, mode)?.into_iter();
    let own: BTreeSet<String> = own.map(|spec| spec.name).collect();
    let others = recorded
        .into_iter()
        .filter(|spec| !own.contains(&spec.name));
    let placeholder = |spec: ParameterSpec| Placeholder {
        value: match (spec.name.as_str(), spec.init) {
            ("time_tau", _) => TIME_TAU,
            (_, Init::Ones) => 1.0,
            _ => 0.0,
        },
        name: spec.name,
        shape: spec.shape,
    };
    Ok(others.map(placeholder).collect())
}

fn discarded_decoder(encoder: &ParameterSource, config: &ModelConfig) -> Result<()> {
    for level in 0..config.levels {
        DecoderLayer::new(&encoder.part("decoder_layers").part(level), config)?;
    }
    let out = encoder.part("out.0");
    Linear::new(
        &out,
        config.latent_dim,
        config.reduced_dim,
        LinearInit::Torch,
    )
    .map(|_| ())
}

fn fusion_and_pooling(source: &ParameterSource, config: &ModelConfig) -> Result<()> {
    GatedFusion::new(&source.part(FusionLayer::PREFIX), config.latent_dim)?;
    MultiscalePooling::new(source, config).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ValueEncoding;

    fn count(config: &ModelConfig, mode: ModelMode) -> (usize, usize) {
        let own = parameter_specs(config, mode).unwrap().len();
        (own, own + placeholders(config, mode).unwrap().len())
    }

    #[test]
    fn with_them_the_models_have_as_many_parameters_as_the_references() {
        let small = ModelConfig {
            transformer_layers: 2,
            ..ModelConfig::default()
        };
        assert_eq!(count(&small, ModelMode::Pretrain), (173, 259));
        assert_eq!(count(&small, ModelMode::Classifier), (103, 291));
        let affine = ModelConfig {
            value_encoding: ValueEncoding::Affine,
            ..small
        };
        assert_eq!(count(&affine, ModelMode::Pretrain), (175, 261));
    }
}
