//! The readout in pretraining, and the decoders that answer its tasks.

use candle_core::{Result, Tensor, bail};

use super::batch::Batch;
use super::config::{ModelConfig, ReadoutLayout};
use super::layers::{Linear, LinearInit};
use super::noise::Noise;
use super::ops;
use super::parameter::{Init, ParameterSource};
use super::readout::Readout;
use super::task_targets::{Questions, SUMMARY, Targets};
use super::tasks::{TaskLosses, Tasks};

/// How a variable's decoder starts.
const FIRST_WEIGHTS: Init = Init::ScaledNormal(0.1);

/// The readout and a linear decoder for each task that is set.
#[derive(Clone, Debug)]
pub struct PretrainTasks {
    readout: Readout,
    decoders: TaskLosses<TaskDecoder>,
    layout: ReadoutLayout,
}

/// Linear in what the readout says: for each variable with queries of its own in that of these, for each other in
/// all that the shared queries say.
#[derive(Clone, Debug)]
struct TaskDecoder {
    weight: Tensor,
    bias: Tensor,
    shared: Option<Linear>,
}

impl PretrainTasks {
    /// From the parameters; `layout` says which variables there are and which tasks.
    pub fn new(
        source: &ParameterSource,
        config: &ModelConfig,
        layout: &ReadoutLayout,
    ) -> Result<Self> {
        let decoder = |name: &str, set: bool, numbers: usize| {
            set.then(|| TaskDecoder::new(&source.part(name), config, layout, numbers))
                .transpose()
        };
        Ok(Self {
            readout: Readout::new(source, config)?,
            decoders: TaskLosses {
                summary: decoder("summary_decoder", layout.tasks.summary, SUMMARY)?,
                forecast: decoder("forecast_decoder", layout.tasks.forecast, 1)?,
            },
            layout: layout.clone(),
        })
    }

    /// The loss of every task, a scalar each: the sum over the batch's stays, divided by `stays_in_all`.
    /// `inputs` [sets, 3·latent_dim] is what the readout looks at.
    pub fn losses(
        &self,
        tasks: &Tasks,
        inputs: &Tensor,
        batch: &Batch,
        stays_in_all: usize,
        noise: &Noise,
    ) -> Result<TaskLosses<Tensor>> {
        let moments = draw_moments(batch, tasks.sets, noise)?;
        self.losses_at(&moments, tasks, inputs, batch, stays_in_all)
    }

    /// The same of the given moments, (stay, set) by their places in the batch, stay after stay.
    fn losses_at(
        &self,
        moments: &[(usize, usize)],
        tasks: &Tasks,
        inputs: &Tensor,
        batch: &Batch,
        stays_in_all: usize,
    ) -> Result<TaskLosses<Tensor>> {
        let places = self.layout.places(&batch.names)?;
        let questions = Questions {
            batch,
            moments,
            places: &places,
        };
        let said = self.readout.forward(inputs, batch, moments)?;
        let own = self.layout.own.len();
        let loss = |decoder: &TaskDecoder, targets: Targets| -> Result<Tensor> {
            let answer = decoder.forward(&said, own)?;
            let tensor =
                |numbers: Vec<f32>| Tensor::from_vec(numbers, answer.shape(), answer.device());
            let (values, weights) = (tensor(targets.values)?, tensor(targets.weights)?);
            ((&answer - values)?.sqr()? * weights)?.sum_all()
        };
        let summary = match &self.decoders.summary {
            Some(decoder) => Some(loss(decoder, questions.summaries(stays_in_all))?),
            None => None,
        };
        let forecast = match (&self.decoders.forecast, &tasks.forecast) {
            (Some(decoder), Some(task)) => {
                let targets = questions.forecasts(60.0 * task.hours, stays_in_all);
                Some(loss(decoder, targets)?)
            }
            _ => None,
        };
        Ok(TaskLosses { summary, forecast })
    }
}

impl ReadoutLayout {
    /// The place of every variable of the data among those that the decoders answer for: first those with queries of
    /// their own.
    pub fn places(&self, variables: &[String]) -> Result<Vec<usize>> {
        let names = self.own.iter().chain(&self.sharing).enumerate();
        let places: std::collections::HashMap<&str, usize> =
            names.map(|(place, name)| (name.as_str(), place)).collect();
        let place = |name: &String| match places.get(name.as_str()) {
            Some(place) => Ok(*place),
            None => bail!("the readout has no place for the variable {name}"),
        };
        variables.iter().map(place).collect()
    }
}

/// The last set of every stay and, for the rest, sets that are drawn by stay: (stay, set) by places in `batch`.
fn draw_moments(batch: &Batch, sets: usize, noise: &Noise) -> Result<Vec<(usize, usize)>> {
    let mut moments = Vec::with_capacity(batch.stays.len() * sets);
    let stays = batch.stays.iter().zip(batch.stay_starts.windows(2));
    for (place, (stay, pair)) in stays.enumerate() {
        moments.push((place, pair[1] - 1));
        let drawn = noise.moments(*stay as u64, pair[1] - pair[0], sets - 1)?;
        moments.extend(drawn.into_iter().map(|set| (place, pair[0] + set)));
    }
    Ok(moments)
}

impl TaskDecoder {
    fn new(
        source: &ParameterSource,
        config: &ModelConfig,
        layout: &ReadoutLayout,
        numbers: usize,
    ) -> Result<Self> {
        let said = config.classifier.readout.output_dim;
        let own = layout.own.len();
        let shared = match layout.sharing.len() {
            0 => None,
            sharing => {
                let inputs = config.classifier.readout.shared_queries * said;
                let part = source.part("shared");
                Some(Linear::new(
                    &part,
                    inputs,
                    sharing * numbers,
                    LinearInit::Torch,
                )?)
            }
        };
        Ok(Self {
            weight: source.get("weight", &[own, said, numbers], FIRST_WEIGHTS)?,
            bias: source.get("bias", &[own, numbers], Init::Zeros)?,
            shared,
        })
    }

    /// `said` [moments, groups, output_dim] → [moments, variables, numbers]; the first `own` groups are variables'.
    fn forward(&self, said: &Tensor, own: usize) -> Result<Tensor> {
        let (moments, groups, _) = said.dims3()?;
        let of_own = match groups == own {
            true => said.clone(),
            false => said.narrow(1, 0, own)?,
        };
        let answer = ops::grouped_linear(&of_own, &self.weight)?.broadcast_add(&self.bias)?;
        let Some(shared) = &self.shared else {
            return Ok(answer);
        };
        let rest = said.narrow(1, own, groups - own)?.flatten_from(1)?;
        let rest = shared.forward(&rest)?;
        let rest = rest.reshape((moments, (), self.bias.dim(1)?))?;
        Tensor::cat(&[answer, rest], 1)
    }
}

#[cfg(test)]
mod tests;
