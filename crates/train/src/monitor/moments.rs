//! Means and variances over sets, by latent dimension, that add up exactly enough in any number of parts.

use candle_core::Result;

use pipeline_model::set_encoder::Posterior;

/// Mean and variance over sets of one latent dimension.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Spread {
    /// The mean.
    pub mean: f64,
    /// The population variance.
    pub variance: f64,
}

impl Spread {
    /// Of two parts together, the second being `share` of them: Chan, Golub and LeVeque 1979.
    fn and(self, other: Self, share: f64) -> Self {
        let apart = other.mean - self.mean;
        Self {
            mean: self.mean + apart * share,
            variance: self.variance
                + (other.variance - self.variance) * share
                + apart * apart * share * (1.0 - share),
        }
    }
}

/// One latent dimension of the posterior, over sets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dimension {
    /// Of the posterior's mean.
    pub mu: Spread,
    /// Of the logarithm of its variance.
    pub logvar: Spread,
    /// Mean of its variance, e^logvar.
    pub variance: f64,
    /// Mean KL divergence from the prior N(0, 1), in nats.
    pub kl: f64,
}

/// Numbers that a [`Dimension`] has.
pub const DIMENSION_NUMBERS: usize = 6;

impl Dimension {
    fn of_one(mu: f32, logvar: f32) -> Self {
        let (mu, logvar) = (f64::from(mu), f64::from(logvar));
        let spread = |mean| Spread {
            mean,
            variance: 0.0,
        };
        let variance = logvar.exp();
        Self {
            mu: spread(mu),
            logvar: spread(logvar),
            variance,
            kl: 0.5 * (variance + mu * mu - 1.0 - logvar),
        }
    }

    fn and(&self, other: &Self, share: f64) -> Self {
        let mean = |a: f64, b: f64| a + (b - a) * share;
        Self {
            mu: self.mu.and(other.mu, share),
            logvar: self.logvar.and(other.logvar, share),
            variance: mean(self.variance, other.variance),
            kl: mean(self.kl, other.kl),
        }
    }

    /// Its numbers, rounded.
    pub fn to_row(self) -> [f32; DIMENSION_NUMBERS] {
        let Self {
            mu,
            logvar,
            variance,
            kl,
        } = self;
        [
            mu.mean,
            mu.variance,
            logvar.mean,
            logvar.variance,
            variance,
            kl,
        ]
        .map(|number| number as f32)
    }

    /// From its numbers.
    pub fn from_row(row: [f32; DIMENSION_NUMBERS]) -> Self {
        let [mean, spread, logvar_mean, logvar_spread, variance, kl] = row.map(f64::from);
        Self {
            mu: Spread {
                mean,
                variance: spread,
            },
            logvar: Spread {
                mean: logvar_mean,
                variance: logvar_spread,
            },
            variance,
            kl,
        }
    }
}

/// A posterior over any number of sets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PosteriorMoments {
    /// Sets.
    pub sets: usize,
    /// Sets whose KL, summed over dimensions, is not above the free bits.
    pub on_floor: usize,
    /// The latent dimensions, in order; none if there are no sets.
    pub dimensions: Vec<Dimension>,
}

impl PosteriorMoments {
    /// Of the sets of one pass; `free_bits`: nats a latent dimension below which KL costs nothing more.
    pub fn of(posterior: &Posterior, free_bits: f64) -> Result<Self> {
        let (_, width) = posterior.mu.dims2()?;
        let floor = free_bits * width as f64;
        let mu = posterior.mu.flatten_all()?.to_vec1::<f32>()?;
        let logvar = posterior.logvar.flatten_all()?.to_vec1::<f32>()?;
        let mut moments = Self::default();
        let rows = mu.chunks_exact(width).zip(logvar.chunks_exact(width));
        for (mu, logvar) in rows {
            let pairs = mu.iter().zip(logvar);
            moments.push(
                pairs.map(|(mu, logvar)| Dimension::of_one(*mu, *logvar)),
                floor,
            );
        }
        Ok(moments)
    }

    fn push(&mut self, set: impl Iterator<Item = Dimension>, floor: f64) {
        let mut kl = 0.0;
        let set = set.inspect(|dimension| kl += dimension.kl);
        if self.sets == 0 {
            self.dimensions = set.collect();
        } else {
            let share = 1.0 / (self.sets + 1) as f64;
            for (whole, one) in self.dimensions.iter_mut().zip(set) {
                *whole = whole.and(&one, share);
            }
        }
        self.sets += 1;
        self.on_floor += usize::from(kl <= floor);
    }

    /// Takes in the sets of another part.
    pub fn add(&mut self, other: &Self) {
        if self.sets == 0 || other.sets == 0 {
            if self.sets == 0 {
                self.clone_from(other);
            }
            return;
        }
        let share = other.sets as f64 / (self.sets + other.sets) as f64;
        for (whole, part) in self.dimensions.iter_mut().zip(&other.dimensions) {
            *whole = whole.and(part, share);
        }
        self.sets += other.sets;
        self.on_floor += other.on_floor;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use candle_core::{Device, Tensor};

    use super::*;
    use pipeline_random::Stream;

    /// Made-up posteriors of `sets` sets; logvar lies far from 0 and varies little, as it does in training.
    pub fn posterior(sets: usize, width: usize, seed: u64) -> Posterior {
        let draw = |name: &str| {
            let mut draws = Stream::new(seed, name).at(&[]);
            let values: Vec<f32> = (0..sets * width).map(|_| draws.normal() as f32).collect();
            Tensor::from_vec(values, (sets, width), &Device::Cpu).unwrap()
        };
        Posterior {
            mu: (draw("mu") * 0.5).unwrap(),
            logvar: ((draw("logvar") * 0.001).unwrap() - 4.0).unwrap(),
        }
    }

    fn column(tensor: &Tensor, column: usize) -> Vec<f64> {
        let rows = tensor.to_vec2::<f32>().unwrap();
        rows.iter().map(|row| f64::from(row[column])).collect()
    }

    fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
        let values: Vec<f64> = values.into_iter().collect();
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[track_caller]
    fn assert_near(name: &str, a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance * b.abs(), "{name}: {a} for {b}");
    }

    /// Against the definitions, computed directly.
    #[track_caller]
    pub fn assert_moments_of(moments: &PosteriorMoments, posterior: &Posterior, tolerance: f64) {
        assert_eq!(moments.sets, posterior.mu.dim(0).unwrap());
        for (at, dimension) in moments.dimensions.iter().enumerate() {
            let (mu, logvar) = (column(&posterior.mu, at), column(&posterior.logvar, at));
            for (name, values, spread) in [
                ("mu", &mu, dimension.mu),
                ("logvar", &logvar, dimension.logvar),
            ] {
                let center = mean(values.iter().copied());
                let variance = mean(values.iter().map(|value| (value - center).powi(2)));
                assert_near(name, spread.mean, center, 1e-12 + tolerance);
                assert_near(name, spread.variance, variance, 1e-9 + tolerance);
            }
            let variance = mean(logvar.iter().map(|value| value.exp()));
            assert_near("variance", dimension.variance, variance, 1e-12 + tolerance);
            let terms = mu.iter().zip(&logvar);
            let kl = mean(terms.map(|(mu, logvar)| (logvar.exp() + mu * mu - 1.0 - logvar) / 2.0));
            assert_near("kl", dimension.kl, kl, 1e-12 + tolerance);
        }
    }

    #[test]
    fn they_are_what_a_direct_computation_gives() {
        let posterior = posterior(37, 5, 1);
        let moments = PosteriorMoments::of(&posterior, 0.0).unwrap();
        assert_eq!(moments.dimensions.len(), 5);
        assert_moments_of(&moments, &posterior, 0.0);
    }

    #[test]
    fn parts_of_unequal_size_add_up_to_the_whole() {
        let whole = posterior(40, 3, 2);
        let part = |from, sets| {
            let narrow = |tensor: &Tensor| tensor.narrow(0, from, sets).unwrap();
            let part = Posterior {
                mu: narrow(&whole.mu),
                logvar: narrow(&whole.logvar),
            };
            PosteriorMoments::of(&part, 0.0).unwrap()
        };
        let mut moments = PosteriorMoments::default();
        for (from, sets) in [(0, 1), (1, 30), (31, 9), (40, 0)] {
            moments.add(&part(from, sets));
        }
        assert_moments_of(&moments, &whole, 0.0);
    }

    #[test]
    fn sets_on_the_floor_are_counted_by_their_whole_kl() {
        let device = Device::Cpu;
        let posterior = Posterior {
            mu: Tensor::new(&[[0f32, 0.0], [1.0, 1.0], [2.0, 0.0]], &device).unwrap(),
            logvar: Tensor::zeros((3, 2), candle_core::DType::F32, &device).unwrap(),
        };
        let moments = PosteriorMoments::of(&posterior, 0.5).unwrap();
        assert_eq!((moments.sets, moments.on_floor), (3, 2));
        let kl: Vec<f64> = moments.dimensions.iter().map(|one| one.kl).collect();
        assert_near("kl", kl[0], 2.5 / 3.0, 1e-12);
        assert_near("kl", kl[1], 0.5 / 3.0, 1e-12);
    }

    #[test]
    fn a_dimension_has_all_its_numbers_in_a_row() {
        let row = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(Dimension::from_row(row).to_row(), row);
    }
}
