use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::interval::Interval;

/// What a statistic with several numbers is of all stays, and of every resample.
#[derive(Clone, Debug, PartialEq)]
pub struct Resampled {
    pub(super) whole: Vec<Option<f64>>,
    pub(super) drawn: Vec<Vec<Option<f64>>>,
    pub(super) level: f64,
}

impl Resampled {
    /// The numbers in every resample, in order of the resamples. `None` where one is undefined.
    pub fn drawn(&self) -> &[Vec<Option<f64>>] {
        &self.drawn
    }

    /// Where each number lies in the resamples. `None` where it is undefined in every one, and for all where there are
    /// none.
    pub fn intervals(&self) -> Vec<Option<Interval>> {
        let column =
            |at: usize| -> Vec<Option<f64>> { self.drawn.iter().map(|row| row[at]).collect() };
        (0..self.whole.len())
            .into_par_iter()
            .map(|at| Interval::of(&column(at), self.level))
            .collect()
    }

    /// Each number less that of `other`, of the same resamples. `None` where either is undefined.
    pub fn minus(&self, other: &Self) -> Vec<Option<PairedDifference>> {
        let less = |first: &[Option<f64>], second: &[Option<f64>]| -> Vec<Option<f64>> {
            let pairs = first.iter().zip(second);
            pairs.map(|(a, b)| Some((*a)? - (*b)?)).collect()
        };
        let pairs = self.drawn.iter().zip(&other.drawn);
        let drawn: Vec<Vec<Option<f64>>> = pairs.map(|(a, b)| less(a, b)).collect();
        let whole = less(&self.whole, &other.whole).into_iter().enumerate();
        let of_number = whole.map(|(at, difference)| {
            let values: Vec<Option<f64>> = drawn.iter().map(|row| row[at]).collect();
            let defined = values.iter().flatten();
            let larger = defined.clone().filter(|value| **value > 0.0).count();
            let count = defined.count();
            Some(PairedDifference {
                difference: difference?,
                interval: Interval::of(&values, self.level),
                share_larger: (count > 0).then(|| larger as f64 / count as f64),
            })
        });
        of_number.collect()
    }
}

/// How two models differ on the same stays.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PairedDifference {
    /// The first's value minus the second's.
    pub difference: f64,
    /// Where the difference lies in resamples; both models see the same ones.
    pub interval: Option<Interval>,
    /// Share of the resamples, of those where both are defined, in which the first's value is larger.
    pub share_larger: Option<f64>,
}
