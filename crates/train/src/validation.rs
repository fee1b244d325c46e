//! The pretraining losses on a whole split, in evaluation mode.

use candle_core::Tensor;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bits;
use super::config::PretrainSettings;
use super::monitor::{PosteriorMoments, PosteriorSummary};
use super::task_sums::TaskSums;
use super::watch::Watch;
use pipeline_data::dataset::Dataset;
use pipeline_error::Error;
use pipeline_model::batch::Batch;
use pipeline_model::noise::Noise;
use pipeline_model::seqsetvae::{PretrainModel, PretrainOutput};
use pipeline_model::tasks::TaskLosses;
use pipeline_random::Stream;

/// Stays in one pass; a constant, so that no sum depends on the number of threads.
const SHARD_STAYS: usize = 8;

/// Means over the stays of a split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// Mean over stays of the mean over sets of the reconstruction loss.
    #[serde(with = "bits")]
    pub reconstruction: f64,
    /// The same of the KL loss.
    #[serde(with = "bits")]
    pub kl: f64,
    /// The same of the tasks' losses.
    #[serde(default)]
    pub tasks: TaskSums,
    /// The posterior of all sets.
    pub posterior: PosteriorSummary,
}

impl Validation {
    /// What the best epoch has least of: free of the rising beta, so that epochs compare.
    pub fn monitored(&self, settings: &PretrainSettings) -> f64 {
        let tasks = settings.tasks.as_ref();
        let of_tasks = tasks.map_or(0.0, |tasks| tasks.weigh(&self.task_losses(settings)));
        self.reconstruction + settings.max_beta * self.kl + of_tasks
    }

    /// The losses of the tasks that are set.
    pub fn task_losses(&self, settings: &PretrainSettings) -> TaskLosses<f64> {
        self.tasks.means(1.0, settings.tasks.as_ref())
    }
}

/// Sums over the stays of a shard.
struct ShardSums {
    reconstruction: f64,
    kl: f64,
    tasks: TaskSums,
    posterior: PosteriorMoments,
}

impl ShardSums {
    fn is_finite(&self) -> bool {
        self.reconstruction.is_finite() && self.kl.is_finite() && self.tasks.is_finite()
    }
}

/// Losses of the tasks of one pass over `batch`, summed over its stays and divided by `stays_in_all`.
pub fn task_losses(
    model: &PretrainModel,
    output: &PretrainOutput,
    batch: &Batch,
    settings: &PretrainSettings,
    stays_in_all: usize,
    noise: &Noise,
) -> Result<TaskLosses<Tensor>, Error> {
    Ok(match &settings.tasks {
        None => TaskLosses::default(),
        Some(tasks) => model.task_losses(tasks, output, batch, stays_in_all, noise)?,
    })
}

/// The losses of `model` on `stays`.
pub fn validate(
    model: &PretrainModel,
    dataset: &Dataset,
    stays: &[usize],
    embeddings: &Tensor,
    settings: &PretrainSettings,
    seeds: &Stream,
    watch: &dyn Watch,
) -> Result<Validation, Error> {
    let free_bits = settings.free_bits;
    let shards: Vec<ShardSums> = stays
        .par_chunks(SHARD_STAYS)
        .map(|shard| {
            if watch.is_interrupted() {
                return Err(Error::Interrupted);
            }
            let batch = Batch::new(dataset, shard, embeddings.device())?;
            let noise = Noise::Evaluation { seeds };
            let output = model.forward(&batch, embeddings, settings.objective, &noise)?;
            let total = |losses: Tensor, weights: Tensor| -> Result<f64, Error> {
                let sum = (losses * weights)?.sum_all()?;
                Ok(f64::from(sum.to_scalar::<f32>()?))
            };
            let tasks = task_losses(model, &output, &batch, settings, 1, &noise)?;
            let number = |loss: &Tensor| loss.to_scalar::<f32>().map(f64::from);
            Ok(ShardSums {
                tasks: TaskSums::of(&tasks.map(number)?),
                reconstruction: total(output.reconstruction_loss()?, output.decoded.weights(1)?)?,
                kl: total(output.kl_loss(free_bits)?, batch.set_weights(1)?)?,
                posterior: PosteriorMoments::of(&output.posterior, free_bits)?,
            })
        })
        .collect::<Result<_, Error>>()?;
    let mut pairs = stays.chunks(SHARD_STAYS).zip(&shards);
    if let Some((suspects, sums)) = pairs.find(|(_, sums)| !sums.is_finite()) {
        let name = |&stay: &usize| dataset.stays[stay].id.as_str();
        let names: Vec<&str> = suspects.iter().map(name).collect();
        return Err(Error::stage(format!(
            "the validation loss is not finite (reconstruction {}, KL {}{}), in one of the stays {}",
            sums.reconstruction,
            sums.kl,
            match settings.tasks {
                Some(_) => format!(", tasks {:?}", sums.tasks.means(1.0, settings.tasks.as_ref()).by_name()),
                None => String::new(),
            },
            names.join(", ")
        ))
        .with_hint("look for extreme values in these stays (`clip` in the data stage bounds z-scores), or lower the learning rate"));
    }
    let total = shards.into_iter().reduce(|mut total, shard| {
        total.reconstruction += shard.reconstruction;
        total.kl += shard.kl;
        total.tasks.add(&shard.tasks);
        total.posterior.add(&shard.posterior);
        total
    });
    let Some(total) = total else {
        return Err(Error::stage("there is no stay to validate on"));
    };
    let count = stays.len() as f64;
    Ok(Validation {
        reconstruction: total.reconstruction / count,
        kl: total.kl / count,
        tasks: TaskSums::of(&total.tasks.means(count, settings.tasks.as_ref())),
        posterior: PosteriorSummary::new(&total.posterior, settings.monitor.active_variance),
    })
}
