//! How the classifier makes the transformer's input of the posterior's mean and variance.

use candle_core::{Result, Tensor};

use super::config::{Fusion, ModelConfig};
use super::layers::{Linear, LinearInit};
use super::ops;
use super::parameter::ParameterSource;
use super::set_encoder::Posterior;

/// The fusion of a classifier, with its parameters if it has any.
#[derive(Clone, Debug)]
pub enum FusionLayer {
    /// μ, as in pretraining.
    Mean,
    /// w·μ·(1 + 0.05·tanh σ) + (1 − w)·μ with w = sigmoid(1 − mean σ).
    Uncertainty,
    /// A learned gate between projections of μ and σ.
    Gated(Box<GatedFusion>),
}

/// g·a + (1 − g)·b, scaled by 1 + 0.1·u: a = A(μ), b = B(σ), g = sigmoid(G([a, b])),
/// u = sigmoid(U₂(relu(U₀(σ)))), all of them linear layers.
#[derive(Clone, Debug)]
pub struct GatedFusion {
    mean_projection: Linear,
    var_projection: Linear,
    fusion_gate: Linear,
    calibration_in: Linear,
    calibration_out: Linear,
}

impl FusionLayer {
    /// The prefix of its parameters' names.
    pub const PREFIX: &str = "vae_feature_fusion";

    /// What the model's fusion needs, from its parameters.
    pub fn new(source: &ParameterSource, config: &ModelConfig) -> Result<Self> {
        Ok(match config.classifier.fusion {
            Fusion::None | Fusion::Concat => FusionLayer::Mean,
            Fusion::Uncertainty => FusionLayer::Uncertainty,
            Fusion::Gated => {
                let source = source.part(Self::PREFIX);
                FusionLayer::Gated(Box::new(GatedFusion::new(&source, config.latent_dim)?))
            }
        })
    }

    /// The transformer's input, [sets, latent_dim].
    pub fn forward(&self, posterior: &Posterior) -> Result<Tensor> {
        match self {
            FusionLayer::Mean => Ok(posterior.mu.clone()),
            FusionLayer::Uncertainty => by_uncertainty(posterior),
            FusionLayer::Gated(gated) => gated.forward(posterior),
        }
    }
}

fn by_uncertainty(posterior: &Posterior) -> Result<Tensor> {
    let std = posterior.std()?;
    let weight = ops::sigmoid(&(1.0 - std.mean_keepdim(1)?)?)?;
    let boosted = (&posterior.mu * ((std.tanh()? * 0.05)? + 1.0)?)?;
    let rest = posterior.mu.broadcast_mul(&(1.0 - &weight)?)?;
    boosted.broadcast_mul(&weight)? + rest
}

impl GatedFusion {
    /// Over `width` numbers.
    pub fn new(source: &ParameterSource, width: usize) -> Result<Self> {
        let linear = |name: &str, inputs, outputs| {
            Linear::new(&source.part(name), inputs, outputs, LinearInit::Torch)
        };
        Ok(Self {
            mean_projection: linear("mean_projection", width, width)?,
            var_projection: linear("var_projection", width, width)?,
            fusion_gate: linear("fusion_gate.0", 2 * width, width)?,
            calibration_in: linear("uncertainty_calibration.0", width, width / 4)?,
            calibration_out: linear("uncertainty_calibration.2", width / 4, 1)?,
        })
    }

    fn forward(&self, posterior: &Posterior) -> Result<Tensor> {
        let std = posterior.std()?;
        let mean = self.mean_projection.forward(&posterior.mu)?;
        let spread = self.var_projection.forward(&std)?;
        let gate = ops::sigmoid(
            &self
                .fusion_gate
                .forward(&Tensor::cat(&[&mean, &spread], 1)?)?,
        )?;
        let fused = ((&gate * mean)? + ((1.0 - &gate)? * spread)?)?;
        let hidden = self.calibration_in.forward(&std)?.relu()?;
        let uncertainty = ops::sigmoid(&self.calibration_out.forward(&hidden)?)?;
        fused.broadcast_mul(&((uncertainty * 0.1)? + 1.0)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ops::gradient_check::{assert_gradients, numbers};
    use super::super::parameter::Parameters;
    use super::*;

    #[test]
    fn gradients_of_the_gate_equal_finite_differences() -> Result<()> {
        let width = 8;
        let specs = ParameterSource::record(|source| GatedFusion::new(source, width))?;
        let mut arguments = vec![numbers(1, (3, width))?, numbers(2, (3, width))?];
        for (index, spec) in specs.iter().enumerate() {
            arguments.push((numbers(3 + index as u64, spec.shape.as_slice())? * 0.5)?);
        }
        assert_gradients(&arguments, |tensors| {
            let names = specs.iter().map(|spec| spec.name.clone());
            let parameters: Parameters = names.zip(tensors[2..].iter().cloned()).collect();
            let fusion = GatedFusion::new(&ParameterSource::given(&parameters), width)?;
            fusion.forward(&Posterior {
                mu: tensors[0].clone(),
                logvar: tensors[1].clone(),
            })
        })
    }
}
