//! The randomness of a training step: dropout masks and decoder seeds, addressed by counters.

use std::cell::Cell;

use candle_core::{Device, Result, Tensor, bail};

use super::ops::{self, AttentionDropout, Dropout};
use pipeline_random::{Draws, Stream};

/// What is random in one forward pass.
pub enum Noise<'a> {
    /// Nothing: dropout is off and there is no decoder.
    Off,
    /// Dropout is off; decoder seeds are N(0, 1).
    Evaluation {
        /// Stream of the decoder seeds, addressed by stay and level.
        seeds: &'a Stream,
    },
    /// Dropout is on; decoder seeds are N(0, 1) + 0.3·N(0, 1).
    Training(TrainingNoise<'a>),
}

/// The randomness of one shard of one training step.
pub struct TrainingNoise<'a> {
    seeds: &'a Stream,
    dropout: &'a Stream,
    step: u64,
    shard: u64,
    sites: Cell<u64>,
}

impl TrainingNoise<'_> {
    /// Draws of the next place in the forward pass that needs some.
    fn next_site(&self) -> Draws {
        let site = self.sites.get();
        self.sites.set(site + 1);
        self.dropout.at(&[self.step, self.shard, site])
    }
}

impl<'a> Noise<'a> {
    /// The noise of `shard` in training step `step`.
    pub fn training(seeds: &'a Stream, dropout: &'a Stream, step: u64, shard: u64) -> Self {
        Noise::Training(TrainingNoise {
            seeds,
            dropout,
            step,
            shard,
            sites: Cell::new(0),
        })
    }

    /// The next dropout of a training step.
    fn next_dropout(&self, rate: f64) -> Option<Dropout> {
        match self {
            Noise::Training(noise) if rate > 0.0 => Some(Dropout::new(noise.next_site(), rate)),
            _ => None,
        }
    }

    /// In training: zeroes a share `rate` of `x` and scales the rest by 1/(1 − rate).
    pub fn dropout(&self, x: &Tensor, rate: f64) -> Result<Tensor> {
        match self.next_dropout(rate) {
            Some(drop) => ops::dropout(x, drop),
            None => Ok(x.clone()),
        }
    }

    /// `residual` and `x`, as [`Self::dropout`] leaves it.
    pub fn add_dropped(&self, residual: &Tensor, x: &Tensor, rate: f64) -> Result<Tensor> {
        match self.next_dropout(rate) {
            Some(drop) => ops::add_dropped(residual, x, drop),
            None => residual + x,
        }
    }

    /// `residual` and `x` + `seeds`, as [`Self::dropout`] leaves their sum.
    pub fn add_dropped_sum(
        &self,
        residual: &Tensor,
        x: &Tensor,
        seeds: &Tensor,
        rate: f64,
    ) -> Result<Tensor> {
        match self.next_dropout(rate) {
            Some(drop) => ops::add_dropped_sum(residual, x, seeds, drop),
            None => residual + (x + seeds)?,
        }
    }

    /// Dropout of attention weights, drawn inside the attention kernel.
    pub fn attention_dropout(&self, rate: f64) -> Option<AttentionDropout> {
        match self {
            Noise::Training(noise) if rate > 0.0 => {
                let seed = noise.next_site().bits();
                Some(AttentionDropout {
                    seed,
                    rate: rate as f32,
                })
            }
            _ => None,
        }
    }

    /// Decoder seeds at one level, [rows, width], of stays with that many rows each.
    ///
    /// A stay is its index in the dataset, so that its seeds do not depend on its batch.
    pub fn decoder_seeds(
        &self,
        stays: impl Iterator<Item = (usize, usize)>,
        level: u64,
        width: usize,
        device: &Device,
    ) -> Result<Tensor> {
        // N(0, 1) + 0.3·N(0, 1) is N(0, 1.09): one draw serves both.
        let scale = match self {
            Noise::Training(_) => 1.09f32.sqrt(),
            _ => 1.0,
        };
        self.normals(stays, level, (width, scale), device)
    }

    /// N(0, 1) for the latents of sets, [sets, width], of stays with that many sets each.
    pub fn latents(
        &self,
        stays: impl Iterator<Item = (usize, usize)>,
        width: usize,
        device: &Device,
    ) -> Result<Tensor> {
        self.normals(stays, LATENTS, (width, 1.0), device)
    }

    fn normals(
        &self,
        stays: impl Iterator<Item = (usize, usize)>,
        level: u64,
        (width, scale): (usize, f32),
        device: &Device,
    ) -> Result<Tensor> {
        let draws_of = |stay: usize| match self {
            Noise::Off => bail!("random numbers were asked for where nothing is drawn"),
            Noise::Evaluation { seeds } => Ok(seeds.at(&[u64::MAX, stay as u64, level])),
            Noise::Training(noise) => Ok(noise.seeds.at(&[noise.step, stay as u64, level])),
        };
        if device.is_cuda() {
            let mut seeds = Vec::new();
            for (stay, rows) in stays {
                let mut draws = draws_of(stay)?;
                seeds.extend((0..rows).map(|_| draws.bits()));
            }
            return ops::normals(&seeds, width, scale, device);
        }
        let stays: Vec<(usize, usize)> = stays.collect();
        let rows: usize = stays.iter().map(|(_, rows)| rows).sum();
        let mut numbers = Vec::with_capacity(rows * width);
        for (stay, rows) in stays {
            let mut draws = draws_of(stay)?;
            numbers.extend(ops::drawn_normals(&mut draws, rows * width, scale));
        }
        Tensor::from_vec(numbers, (rows, width), device)
    }
}

/// Where the draws of latents stand among those of decoder seeds: beyond every level.
const LATENTS: u64 = 1 << 32;

/// Where the draws of moments stand: beyond those of latents.
const MOMENTS: u64 = LATENTS + 1;

impl Noise<'_> {
    /// `count` sets of one stay of `sets`, drawn with replacement: the same in every evaluation, others in every step.
    pub fn moments(&self, stay: u64, sets: usize, count: usize) -> Result<Vec<usize>> {
        let mut draws = match self {
            Noise::Off => bail!("moments were asked for where there is no task"),
            Noise::Evaluation { seeds } => seeds.at(&[u64::MAX, stay, MOMENTS]),
            Noise::Training(noise) => noise.seeds.at(&[noise.step, stay, MOMENTS]),
        };
        let drawn = (0..count).map(|_| draws.below(sets as u64) as usize);
        Ok(drawn.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::super::ops::gradient_check::numbers;
    use super::*;

    #[test]
    fn dropout_keeps_the_mean_and_zeroes_its_share() -> Result<()> {
        let (seeds, dropout) = (Stream::new(1, "seeds"), Stream::new(1, "dropout"));
        let noise = Noise::training(&seeds, &dropout, 3, 0);
        let ones = numbers(1, (100, 1000))?.ones_like()?;
        let dropped = noise.dropout(&ones, 0.1)?.flatten_all()?.to_vec1::<f32>()?;
        let zeros = dropped.iter().filter(|x| **x == 0.0).count();
        assert!((9_500..10_500).contains(&zeros), "{zeros} of 100,000");
        let again = noise.dropout(&ones, 0.1)?.flatten_all()?.to_vec1::<f32>()?;
        assert_ne!(dropped, again, "two sites of one step must differ");
        let same = Noise::training(&seeds, &dropout, 3, 0);
        assert_eq!(
            dropped,
            same.dropout(&ones, 0.1)?.flatten_all()?.to_vec1::<f32>()?
        );
        Ok(())
    }

    #[test]
    fn evaluation_has_no_dropout() -> Result<()> {
        let seeds = Stream::new(1, "seeds");
        let x = numbers(1, (3, 4))?;
        let y = Noise::Evaluation { seeds: &seeds }.dropout(&x, 0.5)?;
        assert_eq!(x.to_vec2::<f32>()?, y.to_vec2::<f32>()?);
        Ok(())
    }
}
