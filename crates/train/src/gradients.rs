//! Gradients of one optimizer step: summed over shards in a fixed order, audited, clipped.

use std::collections::BTreeMap;

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};
use rayon::prelude::*;

use pipeline_error::Error;
use pipeline_model::host::{HostParameters, to_host};

/// Parameters that are trained, by name.
pub type Variables = BTreeMap<String, Var>;

/// Copies variables to the host.
pub fn variables_to_host(variables: &Variables) -> Result<HostParameters, Error> {
    to_host(
        variables
            .iter()
            .map(|(name, variable)| (name, variable.as_tensor())),
    )
}

/// The gradient of every variable that has one, by name.
#[derive(Clone, Debug, Default)]
pub struct Gradients(pub BTreeMap<String, Vec<f32>>);

impl Gradients {
    /// Sums the gradients of `shards` in their order, whatever order they were computed in.
    pub fn sum(variables: &Variables, shards: &[GradStore]) -> Result<Self, Error> {
        let mut gradients = Self::default();
        gradients.add(variables, shards)?;
        Ok(gradients)
    }

    /// Adds the gradients of `shards` in their order: batch after batch, this is the sum over the
    /// shards of all batches, to the bit.
    pub fn add(&mut self, variables: &Variables, shards: &[GradStore]) -> Result<(), Error> {
        let before: Vec<_> = variables
            .iter()
            .map(|(name, variable)| (name, variable, self.0.remove(name)))
            .collect();
        let summed: Vec<Option<(String, Vec<f32>)>> = before
            .into_par_iter()
            .map(|(name, variable, mut total)| {
                for shard in shards {
                    let Some(gradient) = shard.get(variable.as_tensor()) else {
                        continue;
                    };
                    let values = gradient.flatten_all()?.to_vec1::<f32>()?;
                    match &mut total {
                        None => total = Some(values),
                        Some(total) => {
                            for (sum, value) in total.iter_mut().zip(&values) {
                                *sum += value;
                            }
                        }
                    }
                }
                Ok(total.map(|total| (name.clone(), total)))
            })
            .collect::<Result<_, Error>>()?;
        self.0.extend(summed.into_iter().flatten());
        Ok(())
    }

    /// The first parameter, by name, whose gradient has a number that is NaN or infinite.
    pub fn first_not_finite(&self) -> Option<&str> {
        self.0
            .iter()
            .find(|(_, values)| values.iter().any(|value| !value.is_finite()))
            .map(|(name, _)| name.as_str())
    }

    /// The global L2 norm.
    pub fn norm(&self) -> f64 {
        let squares: Vec<f64> = self
            .0
            .par_iter()
            .map(|(_, values)| values.iter().map(|value| f64::from(*value).powi(2)).sum())
            .collect();
        squares.iter().sum::<f64>().sqrt()
    }

    /// Scales all gradients down to a global norm of `limit`, as torch's `clip_grad_norm_`, and
    /// returns the norm before.
    pub fn clip(&mut self, limit: f64) -> f64 {
        let norm = self.norm();
        let scale = limit / (norm + 1e-6);
        if scale < 1.0 {
            let scale = scale as f32;
            self.0
                .par_iter_mut()
                .for_each(|(_, values)| values.iter_mut().for_each(|value| *value *= scale));
        }
        norm
    }

    /// After the first step: every variable has a gradient, unless `declared` says that it has none
    /// by construction. Those get a gradient of zero, as in the reference.
    pub fn audit(&mut self, variables: &Variables, declared: &[String]) -> Result<(), Error> {
        let without: Vec<&str> = variables
            .keys()
            .filter(|name| !self.0.contains_key(*name) && !declared.contains(name))
            .map(String::as_str)
            .collect();
        if !without.is_empty() {
            return Err(Error::stage(format!(
                "{} of {} trainable parameters received no gradient in the first step:\n  {}",
                without.len(),
                variables.len(),
                without.join("\n  ")
            ))
            .with_hint("a parameter that takes no part in the loss would stay as it is; freeze it or take it out of the model"));
        }
        for (name, variable) in variables {
            if !self.0.contains_key(name) {
                self.0
                    .insert(name.clone(), vec![0.0; variable.elem_count()]);
            }
        }
        Ok(())
    }
}

/// The first of `shards` with a gradient that is not finite, and the parameter.
pub fn find_not_finite<'a>(
    variables: &'a Variables,
    shards: &[GradStore],
) -> Option<(usize, &'a str)> {
    let is_finite = |gradient: &Tensor| {
        let values = gradient
            .flatten_all()
            .and_then(|flat| flat.to_vec1::<f32>());
        values.is_ok_and(|values| values.iter().all(|value| value.is_finite()))
    };
    shards.iter().enumerate().find_map(|(index, shard)| {
        variables
            .iter()
            .find(|(_, variable)| {
                shard
                    .get(variable.as_tensor())
                    .is_some_and(|g| !is_finite(g))
            })
            .map(|(name, _)| (index, name.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn gradients() -> Gradients {
        Gradients(BTreeMap::from([
            ("a".into(), vec![3.0, 0.0]),
            ("b".into(), vec![4.0]),
        ]))
    }

    #[test]
    fn clipping_scales_the_whole_to_the_limit() {
        let mut clipped = gradients();
        assert_eq!(clipped.clip(1.0), 5.0);
        assert!((clipped.norm() - 1.0).abs() < 1e-5);
        let mut untouched = gradients();
        untouched.clip(10.0);
        assert_eq!(untouched.0, gradients().0);
    }

    #[test]
    fn a_variable_without_a_gradient_is_named() -> candle_core::Result<()> {
        let variables: Variables = ["a", "b", "lost"]
            .into_iter()
            .map(|name| Ok((name.to_string(), Var::new(&[0f32], &Device::Cpu)?)))
            .collect::<candle_core::Result<_>>()?;
        let error = gradients().audit(&variables, &[]).unwrap_err().to_string();
        assert!(
            error.contains("lost") && !error.contains("\n  a"),
            "{error}"
        );
        let mut declared = gradients();
        assert!(declared.audit(&variables, &["lost".into()]).is_ok());
        assert_eq!(declared.0["lost"], [0.0]);
        Ok(())
    }

    #[test]
    fn a_gradient_that_is_not_finite_is_named() {
        let mut gradients = gradients();
        assert_eq!(gradients.first_not_finite(), None);
        gradients.0.insert("aa".into(), vec![0.0, f32::NAN]);
        assert_eq!(gradients.first_not_finite(), Some("aa"));
    }
}
