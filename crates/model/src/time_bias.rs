//! A bias of the transformer's attention against sets that lie long ago.

use candle_core::{Result, Tensor};

use super::parameter::{Init, ParameterSource};

/// The reference's first values: the slope, and the time scale in minutes.
const FIRST_SLOPE: f32 = 1.0;
const FIRST_TAU: f32 = 60.0;
/// A time scale that training made smaller counts as this one, in minutes.
const LEAST_TAU: f64 = 1e-3;

/// −slope·log1p((tᵢ − tⱼ)/τ) for query i and key j, all layers and heads alike (after Press et al. 2022, ALiBi).
///
/// The reference's has the sign of tᵢ − tⱼ the wrong way round, so that it is 0 wherever attention is allowed.
#[derive(Clone, Debug)]
pub struct TimeBias {
    slope: Tensor,
    tau: Tensor,
}

impl TimeBias {
    /// Its parameters' names; both are scalars.
    pub const PARAMETERS: [&str; 2] = ["alibi_slope", "time_tau"];

    /// The bias from its parameters.
    pub fn new(source: &ParameterSource) -> Result<Self> {
        let [slope, tau] = Self::PARAMETERS;
        Ok(Self {
            slope: source.get(slope, &[], Init::Constant(FIRST_SLOPE))?,
            tau: source.get(tau, &[], Init::Constant(FIRST_TAU))?,
        })
    }

    /// For the `gaps` in minutes between query and key, [pairs] → [pairs].
    pub fn of(&self, gaps: &Tensor) -> Result<Tensor> {
        let tau = self.tau.maximum(LEAST_TAU)?;
        let log = (gaps.broadcast_div(&tau)? + 1.0)?.log()?;
        log.broadcast_mul(&self.slope)?.neg()
    }
}

#[cfg(test)]
mod tests {
    use super::super::ops::gradient_check::{assert_close, assert_gradients};
    use super::*;
    use candle_core::Device;

    #[test]
    fn it_falls_with_the_time_between_and_both_parameters_learn() -> Result<()> {
        let gaps = Tensor::new(&[0f32, 60.0, 180.0], &Device::Cpu)?;
        let scalar = |value: f32| Tensor::new(value, &Device::Cpu);
        let bias = |slope: &Tensor, tau: &Tensor| {
            let bias = TimeBias {
                slope: slope.clone(),
                tau: tau.clone(),
            };
            bias.of(&gaps)
        };
        let (slope, tau) = (scalar(0.5)?, scalar(60.0)?);
        let expected: Vec<f32> = [0f32, 2.0, 4.0]
            .iter()
            .map(|ratio| {
                if *ratio == 0.0 {
                    0.0
                } else {
                    -0.5 * ratio.ln()
                }
            })
            .collect();
        let expected = Tensor::new(expected, &Device::Cpu)?;
        assert_close(&bias(&slope, &tau)?, &expected, 1e-6);
        // In tens of minutes, so that a step of the differences is not lost beside the scale.
        assert_gradients(&[scalar(0.5)?, scalar(6.0)?], |t| {
            bias(&t[0], &(&t[1] * 10.0)?)
        })?;
        let tiny = bias(&slope, &scalar(-3.0)?)?.to_vec1::<f32>()?;
        assert!(tiny.iter().all(|bias| bias.is_finite()), "{tiny:?}");
        Ok(())
    }
}
