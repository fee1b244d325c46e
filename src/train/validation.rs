//! The pretraining losses on a whole split, in evaluation mode.

use candle_core::Tensor;
use rayon::prelude::*;

use super::watch::Watch;
use crate::data::dataset::Dataset;
use crate::error::Error;
use crate::model::batch::Batch;
use crate::model::noise::Noise;
use crate::model::seqsetvae::PretrainModel;
use crate::random::Stream;

/// Stays in one pass; a constant, so that no sum depends on the number of threads.
const SHARD_STAYS: usize = 8;

/// Means over the stays of a split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Validation {
    /// Mean over stays of the mean over sets of the reconstruction loss.
    pub reconstruction: f64,
    /// The same of the KL loss.
    pub kl: f64,
    /// Variance of mu across sets, mean over latent dimensions.
    pub mu_variance: f64,
    /// Variance of logvar across sets, mean over latent dimensions.
    pub logvar_variance: f64,
}

impl Validation {
    /// What the best epoch has least of: free of the rising beta, so that epochs compare.
    pub fn monitored(&self, max_beta: f64) -> f64 {
        self.reconstruction + max_beta * self.kl
    }
}

/// Sums over the sets of a shard.
struct ShardSums {
    reconstruction: f64,
    kl: f64,
    sets: f64,
    mu: Moments,
    logvar: Moments,
}

impl ShardSums {
    fn is_finite(&self) -> bool {
        self.reconstruction.is_finite() && self.kl.is_finite()
    }
}

/// Sums and sums of squares by latent dimension.
struct Moments {
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Moments {
    fn of(tensor: &Tensor) -> candle_core::Result<Self> {
        let (_, width) = tensor.dims2()?;
        let mut moments = Self {
            sums: vec![0.0; width],
            squares: vec![0.0; width],
        };
        for row in tensor.flatten_all()?.to_vec1::<f32>()?.chunks_exact(width) {
            for (column, value) in row.iter().enumerate() {
                moments.sums[column] += f64::from(*value);
                moments.squares[column] += f64::from(*value).powi(2);
            }
        }
        Ok(moments)
    }

    fn add(&mut self, other: &Self) {
        let pairs = self.sums.iter_mut().zip(&other.sums);
        pairs
            .chain(self.squares.iter_mut().zip(&other.squares))
            .for_each(|(a, b)| *a += b);
    }

    /// Population variance, mean over dimensions.
    fn mean_variance(&self, count: f64) -> f64 {
        let variances = self.sums.iter().zip(&self.squares).map(|(sum, square)| {
            let mean = sum / count;
            (square / count - mean * mean).max(0.0)
        });
        variances.sum::<f64>() / self.sums.len() as f64
    }
}

/// The losses of `model` on `stays`.
pub fn validate(
    model: &PretrainModel,
    dataset: &Dataset,
    stays: &[usize],
    embeddings: &Tensor,
    free_bits: f64,
    seeds: &Stream,
    watch: &dyn Watch,
) -> Result<Validation, Error> {
    let shards: Vec<ShardSums> = stays
        .par_chunks(SHARD_STAYS)
        .map(|shard| {
            if watch.is_interrupted() {
                return Err(Error::Interrupted);
            }
            let batch = Batch::new(dataset, shard, embeddings.device())?;
            let output = model.forward(&batch, embeddings, &Noise::Evaluation { seeds })?;
            let weights = batch.set_weights(1)?;
            let total = |losses: Tensor| -> Result<f64, Error> {
                Ok(f64::from(
                    (losses * &weights)?.sum_all()?.to_scalar::<f32>()?,
                ))
            };
            Ok(ShardSums {
                reconstruction: total(output.reconstruction_loss(&batch)?)?,
                kl: total(output.kl_loss(free_bits)?)?,
                sets: batch.sets() as f64,
                mu: Moments::of(&output.posterior.mu)?,
                logvar: Moments::of(&output.posterior.logvar)?,
            })
        })
        .collect::<Result<_, Error>>()?;
    let mut pairs = stays.chunks(SHARD_STAYS).zip(&shards);
    if let Some((suspects, sums)) = pairs.find(|(_, sums)| !sums.is_finite()) {
        let name = |&stay: &usize| dataset.stays[stay].id.as_str();
        let names: Vec<&str> = suspects.iter().map(name).collect();
        return Err(Error::stage(format!(
            "the validation loss is not finite (reconstruction {}, KL {}), in one of the stays {}",
            sums.reconstruction,
            sums.kl,
            names.join(", ")
        ))
        .with_hint("look for extreme values in these stays (`clip` in the data stage bounds z-scores), or lower the learning rate"));
    }
    let total = shards.into_iter().reduce(|mut total, shard| {
        total.reconstruction += shard.reconstruction;
        total.kl += shard.kl;
        total.sets += shard.sets;
        total.mu.add(&shard.mu);
        total.logvar.add(&shard.logvar);
        total
    });
    let Some(total) = total else {
        return Err(Error::stage("there is no stay to validate on"));
    };
    let count = stays.len() as f64;
    Ok(Validation {
        reconstruction: total.reconstruction / count,
        kl: total.kl / count,
        mu_variance: total.mu.mean_variance(total.sets),
        logvar_variance: total.logvar.mean_variance(total.sets),
    })
}
