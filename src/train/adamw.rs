//! The AdamW update on host memory, for any device.

use std::collections::BTreeMap;

use candle_core::{Tensor, Var};
use rayon::prelude::*;

use super::HostParameters;
use super::config::AdamW;
use super::gradients::{Gradients, Variables};
use crate::checkpoint::FloatTensor;
use crate::error::Error;

/// AdamW's moments, and how many steps they have seen.
#[derive(Clone, Debug)]
pub struct AdamWState {
    config: AdamW,
    step: u64,
    moments: BTreeMap<String, Moments>,
}

#[derive(Clone, Debug)]
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

impl AdamWState {
    /// No step taken.
    pub fn new(config: &AdamW, variables: &Variables) -> Self {
        let moments = variables
            .iter()
            .map(|(name, variable)| {
                let zeros = vec![0.0; variable.elem_count()];
                (
                    name.clone(),
                    Moments {
                        first: zeros.clone(),
                        second: zeros,
                    },
                )
            })
            .collect();
        Self {
            config: config.clone(),
            step: 0,
            moments,
        }
    }

    /// The state after `step` steps, with these moments of all variables.
    pub fn restored(config: &AdamW, step: u64, [first, second]: [HostParameters; 2]) -> Self {
        let pairs = first.into_iter().zip(second.into_values());
        let moments = pairs.map(|((name, first), second)| {
            let moments = Moments {
                first: first.values,
                second: second.values,
            };
            (name, moments)
        });
        Self {
            config: config.clone(),
            step,
            moments: moments.collect(),
        }
    }

    /// First and second moments, flat.
    pub fn moments(&self) -> [HostParameters; 2] {
        let flat = |values: &Vec<f32>| FloatTensor {
            shape: vec![values.len()],
            values: values.clone(),
        };
        let all = |of: fn(&Moments) -> &Vec<f32>| {
            let moments = self.moments.iter();
            moments
                .map(|(name, moments)| (name.clone(), flat(of(moments))))
                .collect()
        };
        [
            all(|moments| &moments.first),
            all(|moments| &moments.second),
        ]
    }

    /// One step. Every variable must have a gradient: none is skipped in silence.
    pub fn step(&mut self, variables: &Variables, gradients: &Gradients) -> Result<(), Error> {
        self.step += 1;
        let step = self.step as i32;
        let correction = self.config.betas.map(|beta| 1.0 - beta.powi(step));
        let config = &self.config;
        self.moments.par_iter_mut().try_for_each(|(name, moments)| {
            let (Some(variable), Some(gradient)) = (variables.get(name), gradients.0.get(name))
            else {
                return Err(Error::stage(format!(
                    "{name} received no gradient in step {step}"
                )));
            };
            moments.update(config, correction, variable, gradient)
        })
    }
}

impl Moments {
    fn update(
        &mut self,
        config: &AdamW,
        correction: [f64; 2],
        variable: &Var,
        gradient: &[f32],
    ) -> Result<(), Error> {
        let [beta1, beta2] = config.betas.map(|beta| beta as f32);
        let (rest1, rest2) = (
            (1.0 - config.betas[0]) as f32,
            (1.0 - config.betas[1]) as f32,
        );
        let decay = (1.0 - config.lr * config.weight_decay) as f32;
        let rate = (config.lr / correction[0]) as f32;
        let root = correction[1].sqrt() as f32;
        let eps = config.eps as f32;
        let mut values = variable.flatten_all()?.to_vec1::<f32>()?;
        let moments = self.first.iter_mut().zip(self.second.iter_mut());
        for ((value, g), (first, second)) in values.iter_mut().zip(gradient).zip(moments) {
            *first = beta1 * *first + rest1 * g;
            *second = beta2 * *second + rest2 * g * g;
            *value = *value * decay - rate * *first / (second.sqrt() / root + eps);
        }
        variable.set(&Tensor::from_vec(
            values,
            variable.shape(),
            variable.device(),
        )?)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    /// The first step of AdamW moves every number by the learning rate, against its gradient's sign.
    #[test]
    fn the_first_step_is_the_learning_rate() -> Result<(), Error> {
        let variables = Variables::from([("w".into(), Var::new(&[1f32, -2.0], &Device::Cpu)?)]);
        let config = AdamW {
            lr: 0.1,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
        };
        let gradients = Gradients(BTreeMap::from([("w".into(), vec![0.5, -3.0])]));
        AdamWState::new(&config, &variables).step(&variables, &gradients)?;
        let moved = variables["w"].to_vec1::<f32>()?;
        assert!(
            (moved[0] - 0.9).abs() < 1e-6 && (moved[1] + 1.9).abs() < 1e-6,
            "{moved:?}"
        );
        Ok(())
    }

    #[test]
    fn weight_decay_is_decoupled_from_the_gradient() -> Result<(), Error> {
        let variables = Variables::from([("w".into(), Var::new(&[2f32], &Device::Cpu)?)]);
        let config = AdamW {
            lr: 0.1,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.5,
        };
        let gradients = Gradients(BTreeMap::from([("w".into(), vec![0.0])]));
        AdamWState::new(&config, &variables).step(&variables, &gradients)?;
        assert!((variables["w"].to_vec1::<f32>()?[0] - 1.9).abs() < 1e-6);
        Ok(())
    }

    #[test]
    fn a_variable_without_a_gradient_is_an_error() -> Result<(), Error> {
        let variables = Variables::from([("w".into(), Var::new(&[2f32], &Device::Cpu)?)]);
        let config = AdamW {
            lr: 0.1,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.0,
        };
        let result = AdamWState::new(&config, &variables).step(&variables, &Gradients::default());
        assert!(result.unwrap_err().to_string().contains('w'));
        Ok(())
    }
}
