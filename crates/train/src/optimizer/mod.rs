//! Optimizers on host memory, for any device, and what they remember from step to step.

mod adamw;
mod config;
mod sgd;

use std::collections::BTreeMap;

use candle_core::{Tensor, Var};
use rayon::prelude::*;

pub use config::{
    AdamW, GroupMistake, Optimizer, OptimizerKind, ParameterGroup, Rates, Sgd, Update,
};

use super::gradients::{Gradients, Variables};
use super::schedule::RateScale;
use pipeline_checkpoint::FloatTensor;
use pipeline_error::Error;
use pipeline_model::host::HostParameters;

impl Update {
    /// Running moments it keeps of every parameter.
    pub fn moments(&self) -> usize {
        match self {
            Update::AdamW(_) => 2,
            Update::Sgd(sgd) if sgd.momentum > 0.0 => 1,
            Update::Sgd(_) => 0,
        }
    }
}

/// Every parameter's rates and running moments, and how many steps these have seen.
#[derive(Clone, Debug)]
pub struct OptimizerState {
    update: Update,
    step: u64,
    slots: BTreeMap<String, Slot>,
}

#[derive(Clone, Debug)]
struct Slot {
    rates: Rates,
    first: Vec<f32>,
    second: Vec<f32>,
}

impl OptimizerState {
    /// No step taken. Fails if the groups do not fit the variables.
    pub fn new(config: &Optimizer, variables: &Variables) -> Result<Self, Error> {
        let moments = config.update.moments();
        let zeros = |moment: usize, variable: &Var| match moment < moments {
            true => vec![0.0; variable.elem_count()],
            false => Vec::new(),
        };
        let mut rates = config.rates(variables.keys().map(String::as_str))?;
        let slots = variables.iter().filter_map(|(name, variable)| {
            let slot = Slot {
                rates: rates.remove(name)?,
                first: zeros(0, variable),
                second: zeros(1, variable),
            };
            Some((name.clone(), slot))
        });
        Ok(Self {
            update: config.update.clone(),
            step: 0,
            slots: slots.collect(),
        })
    }

    /// The state after `step` steps, with these moments.
    pub fn restored(
        config: &Optimizer,
        variables: &Variables,
        step: u64,
        [first, second]: [HostParameters; 2],
    ) -> Result<Self, Error> {
        let mut state = Self {
            step,
            ..Self::new(config, variables)?
        };
        for (name, moment) in first {
            if let Some(slot) = state.slots.get_mut(&name) {
                slot.first = moment.values;
            }
        }
        for (name, moment) in second {
            if let Some(slot) = state.slots.get_mut(&name) {
                slot.second = moment.values;
            }
        }
        Ok(state)
    }

    /// First and second moments, flat; empty where the rule keeps none.
    pub fn moments(&self) -> [HostParameters; 2] {
        let flat = |values: &Vec<f32>| FloatTensor {
            shape: vec![values.len()],
            values: values.clone(),
        };
        let all = |moment: usize, of: fn(&Slot) -> &Vec<f32>| {
            let kept = self.slots.iter().filter(|_| moment < self.update.moments());
            kept.map(|(name, slot)| (name.clone(), flat(of(slot))))
                .collect()
        };
        [all(0, |slot| &slot.first), all(1, |slot| &slot.second)]
    }

    /// One step at learning rates scaled by `scale`. Every variable must have a gradient: none is
    /// skipped in silence.
    pub fn step(
        &mut self,
        variables: &Variables,
        gradients: &Gradients,
        scale: RateScale,
    ) -> Result<(), Error> {
        self.step += 1;
        let (update, step) = (&self.update, self.step);
        self.slots.par_iter_mut().try_for_each(|(name, slot)| {
            let (Some(variable), Some(gradient)) = (variables.get(name), gradients.0.get(name))
            else {
                return Err(Error::stage(format!(
                    "{name} received no gradient in step {step}"
                )));
            };
            slot.update(update, step, scale, variable, gradient)
        })
    }
}

impl Slot {
    fn update(
        &mut self,
        update: &Update,
        step: u64,
        scale: RateScale,
        variable: &Var,
        gradient: &[f32],
    ) -> Result<(), Error> {
        let rates = Rates {
            lr: scale.of(self.rates.lr),
            ..self.rates
        };
        let mut values = variable.flatten_all()?.to_vec1::<f32>()?;
        match update {
            Update::AdamW(config) => {
                let moments = [&mut self.first[..], &mut self.second[..]];
                adamw::update(config, rates, step, &mut values, gradient, moments);
            }
            Update::Sgd(config) => {
                let buffer = (update.moments() > 0).then_some(&mut self.first[..]);
                sgd::update(config, rates, &mut values, gradient, buffer);
            }
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
mod tests;
