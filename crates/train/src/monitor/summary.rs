//! A posterior in a handful of numbers.

use serde::{Deserialize, Serialize};

use super::moments::{Dimension, PosteriorMoments};
use crate::bits;

/// What is told of a posterior over sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PosteriorSummary {
    /// KL divergence from the prior, nats a set: summed over dimensions, mean over sets, before free bits.
    #[serde(with = "bits")]
    pub kl: f64,
    /// KL of the latent dimension that has least, nats a set.
    #[serde(with = "bits")]
    pub kl_min: f64,
    /// KL of the latent dimension in the middle; of an even number the mean of two.
    #[serde(with = "bits")]
    pub kl_median: f64,
    /// KL of the latent dimension that has most.
    #[serde(with = "bits")]
    pub kl_max: f64,
    /// Share of the sets whose KL is not above the free bits.
    #[serde(with = "bits")]
    pub kl_floor_fraction: f64,
    /// Variance, e^logvar, mean over sets and dimensions.
    #[serde(with = "bits")]
    pub variance: f64,
    /// Mean variance of the latent dimension where it is smallest.
    #[serde(with = "bits")]
    pub variance_min: f64,
    /// Mean variance of the latent dimension where it is largest.
    #[serde(with = "bits")]
    pub variance_max: f64,
    /// Latent dimensions whose mu varies across sets: Burda et al. 2016, *Importance Weighted Autoencoders*.
    #[serde(with = "bits")]
    pub active_units: f64,
    /// Variance of mu across sets, mean over dimensions.
    #[serde(with = "bits")]
    pub mu_variance: f64,
    /// Variance of logvar across sets, mean over dimensions.
    #[serde(with = "bits")]
    pub logvar_variance: f64,
}

impl PosteriorSummary {
    /// A dimension whose mu has a variance above `active_variance` is active. Of no sets all is 0.
    pub fn new(moments: &PosteriorMoments, active_variance: f64) -> Self {
        let dimensions = moments.dimensions.as_slice();
        if dimensions.is_empty() {
            return Self::default();
        }
        let sum = |of: fn(&Dimension) -> f64| dimensions.iter().map(of).sum::<f64>();
        let mean = |of| sum(of) / dimensions.len() as f64;
        let variances = sorted(dimensions.iter().map(|one| one.variance));
        let kls = sorted(dimensions.iter().map(|one| one.kl));
        let is_active = |one: &&Dimension| one.mu.variance > active_variance;
        Self {
            kl: sum(|one| one.kl),
            kl_min: kls[0],
            kl_median: (kls[(kls.len() - 1) / 2] + kls[kls.len() / 2]) / 2.0,
            kl_max: kls[kls.len() - 1],
            kl_floor_fraction: moments.on_floor as f64 / moments.sets as f64,
            variance: mean(|one| one.variance),
            variance_min: variances[0],
            variance_max: variances[variances.len() - 1],
            active_units: dimensions.iter().filter(is_active).count() as f64,
            mu_variance: mean(|one| one.mu.variance),
            logvar_variance: mean(|one| one.logvar.variance),
        }
    }

    /// The numbers by the names that they have in a history and in a stage's metrics, behind a prefix of the split.
    pub fn columns(&self) -> [(&'static str, f64); 11] {
        [
            ("posterior_kl", self.kl),
            ("posterior_kl_min", self.kl_min),
            ("posterior_kl_median", self.kl_median),
            ("posterior_kl_max", self.kl_max),
            ("posterior_kl_floor_fraction", self.kl_floor_fraction),
            ("posterior_variance", self.variance),
            ("posterior_variance_min", self.variance_min),
            ("posterior_variance_max", self.variance_max),
            ("posterior_active_units", self.active_units),
            ("posterior_mu_variance", self.mu_variance),
            ("posterior_logvar_variance", self.logvar_variance),
        ]
    }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

#[cfg(test)]
mod tests {
    use super::super::moments::Spread;
    use super::*;

    fn dimension(mu_variance: f64, logvar_variance: f64, variance: f64, kl: f64) -> Dimension {
        let spread = |variance| Spread {
            mean: 7.0,
            variance,
        };
        Dimension {
            mu: spread(mu_variance),
            logvar: spread(logvar_variance),
            variance,
            kl,
        }
    }

    #[test]
    fn it_is_the_mean_the_extremes_and_the_number_that_are_active() {
        let moments = PosteriorMoments {
            sets: 8,
            on_floor: 2,
            dimensions: vec![
                dimension(0.5, 0.0, 0.2, 3.0),
                dimension(0.01, 0.3, 1.0, 0.0),
                dimension(0.02, 0.0, 0.9, 1.0),
                dimension(0.0, 0.1, 1.1, 0.5),
            ],
        };
        let summary = PosteriorSummary::new(&moments, 0.01);
        let expected = PosteriorSummary {
            kl: 4.5,
            kl_min: 0.0,
            kl_median: 0.75,
            kl_max: 3.0,
            kl_floor_fraction: 0.25,
            variance: 0.8,
            variance_min: 0.2,
            variance_max: 1.1,
            active_units: 2.0,
            mu_variance: 0.1325,
            logvar_variance: 0.1,
        };
        for ((name, value), (_, expected)) in summary.columns().into_iter().zip(expected.columns())
        {
            assert!((value - expected).abs() < 1e-12, "{name}: {value}");
        }
    }

    #[test]
    fn of_no_sets_all_is_zero_and_of_one_dimension_it_is_the_median() {
        let none = PosteriorSummary::new(&PosteriorMoments::default(), 0.01);
        assert_eq!(none, PosteriorSummary::default());
        let moments = PosteriorMoments {
            sets: 1,
            on_floor: 0,
            dimensions: vec![dimension(0.0, 0.0, 1.0, 0.3)],
        };
        let summary = PosteriorSummary::new(&moments, 0.01);
        assert_eq!(
            [summary.kl_min, summary.kl_median, summary.kl_max],
            [0.3; 3]
        );
    }

    #[test]
    fn it_reads_back_to_the_bit() {
        let summary = PosteriorSummary {
            kl: 0.1 + 0.2,
            variance: f64::MIN_POSITIVE,
            ..PosteriorSummary::default()
        };
        let text = serde_json::to_string(&summary).unwrap();
        assert_eq!(summary, serde_json::from_str(&text).unwrap());
    }
}
