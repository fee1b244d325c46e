//! How well a pretraining checkpoint reconstructs each variable.

use candle_core::Tensor;
use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::finding::{Finding, Verdict};
use super::subject::Subject;
use crate::model_artifact::ModelArtifact;
use pipeline_error::Error;
use pipeline_model::batch::Batch;
use pipeline_model::host::to_device;
use pipeline_model::noise::Noise;
use pipeline_model::objective::Objective;
use pipeline_model::parameter::ParameterSource;
use pipeline_model::seqsetvae::PretrainModel;
use pipeline_random::Stream;

/// Stays in one pass; a constant, so that no sum depends on the number of threads.
const SHARD_STAYS: usize = 8;
/// A larger share of variables that are reconstructed worse than by their mean is a warning.
const MAX_WORSE: f64 = 0.5;

/// How well one variable is reconstructed on the split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct VariableReconstruction {
    /// The variable.
    pub name: String,
    /// Events of it that are reconstructed.
    pub events: usize,
    /// Mean squared distance of an event from the nearest one reconstructed of its set.
    pub error: f64,
    /// Mean squared distance of an event from the variable's mean over the split.
    pub error_of_mean: f64,
    /// The former over the latter: below 1 the decoder knows more than the mean. Null where the variable does not vary.
    pub ratio: Option<f64>,
}

/// Sums over the events of one variable.
#[derive(Clone, Default)]
struct Sums {
    events: usize,
    error: f64,
    square: f64,
    vector: Vec<f64>,
}

impl Sums {
    fn add(&mut self, other: &Sums) {
        self.events += other.events;
        self.error += other.error;
        self.square += other.square;
        self.vector
            .resize(other.vector.len().max(self.vector.len()), 0.0);
        let pairs = self.vector.iter_mut().zip(&other.vector);
        pairs.for_each(|(sum, part)| *sum += part);
    }

    fn finish(&self, name: &str) -> VariableReconstruction {
        let count = self.events as f64;
        let mean: f64 = self.vector.iter().map(|sum| (sum / count).powi(2)).sum();
        let error_of_mean = (self.square / count - mean).max(0.0);
        let error = self.error / count;
        // Of a variable that does not vary the mean says all, and rounding leaves next to nothing.
        let ratio = (error_of_mean > 1e-6).then(|| error / error_of_mean);
        VariableReconstruction {
            name: name.into(),
            events: self.events,
            error,
            error_of_mean,
            ratio,
        }
    }
}

/// Reconstructs the split with the checkpoint `pretrained`, as validation of its training under `objective` does.
pub fn look(
    subject: &Subject,
    pretrained: &ModelArtifact,
    objective: Objective,
) -> Result<(Vec<VariableReconstruction>, Vec<Finding>), Error> {
    let parameters = to_device(&pretrained.parameters, &subject.device)?;
    let source = ParameterSource::given(&parameters);
    let model = PretrainModel::new(&source, &pretrained.config, 0.0)?;
    let embeddings = subject.embeddings()?;
    let seeds = Stream::new(subject.seed, "decoder seeds");
    let shards = subject.stays.par_chunks(SHARD_STAYS).map(|shard| {
        subject.check_interruption()?;
        let batch = Batch::new(subject.dataset, shard, &subject.device)?;
        let noise = Noise::Evaluation { seeds: &seeds };
        let output = model.forward(&batch, &embeddings, objective, &noise)?;
        let variables = match &output.decoded.chosen {
            None => batch.variables.rows.clone(),
            Some(chosen) => batch.variables.rows.index_select(&chosen.events.rows, 0)?,
        };
        let mut sums = vec![Sums::default(); subject.dataset.variables.len()];
        add(
            &mut sums,
            &variables.to_vec1::<u32>()?,
            &output.target,
            &output.reconstruction,
            &output.decoded.set_starts,
        )?;
        Ok(sums)
    });
    let shards: Vec<Vec<Sums>> = shards.collect::<Result<_, Error>>()?;
    let mut total = vec![Sums::default(); subject.dataset.variables.len()];
    for shard in &shards {
        total
            .iter_mut()
            .zip(shard)
            .for_each(|(sum, part)| sum.add(part));
    }
    let seen = total.iter().zip(&subject.dataset.variables);
    let seen = seen.filter(|(sums, _)| sums.events > 0);
    let rows: Vec<_> = seen.map(|(sums, name)| sums.finish(name)).collect();
    let finding = finding(&rows);
    Ok((rows, vec![finding]))
}

fn add(
    sums: &mut [Sums],
    variables: &[u32],
    target: &Tensor,
    reconstruction: &Tensor,
    starts: &[usize],
) -> Result<(), Error> {
    let (target, made) = (target.to_vec2::<f32>()?, reconstruction.to_vec2::<f32>()?);
    let distance = |a: &[f32], b: &[f32]| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum()
    };
    for set in starts.windows(2) {
        for event in set[0]..set[1] {
            let truth = &target[event];
            let near = made[set[0]..set[1]].iter().map(|row| distance(truth, row));
            let vector: Vec<f64> = truth.iter().map(|value| f64::from(*value)).collect();
            sums[variables[event] as usize].add(&Sums {
                events: 1,
                error: near.fold(f64::INFINITY, f64::min),
                square: vector.iter().map(|value| value * value).sum(),
                vector,
            });
        }
    }
    Ok(())
}

fn finding(rows: &[VariableReconstruction]) -> Finding {
    let varying = || rows.iter().filter_map(|row| Some((row, row.ratio?)));
    let worse = varying().filter(|(_, ratio)| *ratio >= 1.0).count();
    let share = worse as f64 / varying().count().max(1) as f64;
    let total = |of: fn(&VariableReconstruction) -> f64| -> f64 {
        varying().map(|(row, _)| of(row) * row.events as f64).sum()
    };
    let ratio = total(|row| row.error) / total(|row| row.error_of_mean);
    let worst = varying().max_by(|a, b| a.1.total_cmp(&b.1));
    let what = match worst {
        Some((row, worst)) => format!(
            "the error is {ratio:.2} times that of predicting the mean; worse than the mean: {worse} of {} variables, most of all {} ({worst:.2})",
            varying().count(),
            row.name
        ),
        None => "no variable varies on the split".into(),
    };
    Finding::new(
        "reconstruction",
        Verdict::of(false, share > MAX_WORSE),
        what,
        "warning: more than half of the variables are reconstructed worse than by their mean over the split",
        "pretrain longer; with `decoder_queries = \"noise\"` which variables a set has must be decoded, too",
    )
    .value("ratio", ratio)
    .value("worse_fraction", share)
}
