//! What the tasks of pretraining ask for: summaries of what has been, means of what comes.

use super::batch::Batch;

/// Numbers that the summary of a variable has: mean, least, largest and last value, log1p of the number of values.
pub const SUMMARY: usize = 5;

/// Targets, and what the square of each error counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    /// [moments, variables, numbers]
    pub values: Vec<f32>,
    /// [moments, variables, numbers]
    pub weights: Vec<f32>,
}

/// What has been seen of a variable.
#[derive(Clone, Copy)]
struct Seen {
    sum: f64,
    count: u32,
    least: f32,
    largest: f32,
    last: f32,
}

impl Seen {
    const NOTHING: Self = Self {
        sum: 0.0,
        count: 0,
        least: f32::INFINITY,
        largest: f32::NEG_INFINITY,
        last: 0.0,
    };

    fn see(&mut self, value: f32) {
        self.sum += f64::from(value);
        self.count += 1;
        self.least = self.least.min(value);
        self.largest = self.largest.max(value);
        self.last = value;
    }

    fn mean(&self) -> f32 {
        (self.sum / f64::from(self.count)) as f32
    }
}

/// Moments of a batch at which the tasks are asked, stay after stay, and where each variable stands in the answer.
pub struct Questions<'a> {
    /// The stays.
    pub batch: &'a Batch,
    /// (stay, set) by their places in the batch, stay after stay.
    pub moments: &'a [(usize, usize)],
    /// The place of every variable of the data among those of the readout.
    pub places: &'a [usize],
}

impl Questions<'_> {
    /// Of each stay its moments, as a range.
    fn by_stay(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let mut first = 0;
        self.moments.chunk_by(|a, b| a.0 == b.0).map(move |chunk| {
            let range = first..first + chunk.len();
            first = range.end;
            range
        })
    }

    /// Summaries of what has been, [moments, variables, [`SUMMARY`]]. A stay's weights are such that its errors count
    /// as a mean over the values of variables that were seen, and a mean over all counts: divided by `stays_in_all`.
    pub fn summaries(&self, stays_in_all: usize) -> Targets {
        let (row, stays) = (self.places.len() * SUMMARY, stays_in_all as f32);
        let mut targets = Targets {
            values: vec![0.0; self.moments.len() * row],
            weights: vec![0.0; self.moments.len() * row],
        };
        let mut seen = vec![Seen::NOTHING; self.places.len()];
        for moments in self.by_stay() {
            seen.fill(Seen::NOTHING);
            let of_counts = 1.0 / (moments.len() as f32 * self.places.len() as f32 * stays);
            let mut order: Vec<usize> = moments.clone().collect();
            order.sort_by_key(|&moment| self.moments[moment].1);
            let mut next = self.batch.stay_starts[self.moments[moments.start].0];
            let mut known = 0usize;
            for moment in order {
                let set = self.moments[moment].1;
                for (variable, value) in self.batch.events_between(next, set + 1) {
                    seen[self.places[variable]].see(value);
                }
                next = next.max(set + 1);
                let rows = moment * row..(moment + 1) * row;
                let values = targets.values[rows.clone()].chunks_exact_mut(SUMMARY);
                let weights = targets.weights[rows].chunks_exact_mut(SUMMARY);
                for ((seen, values), weights) in seen.iter().zip(values).zip(weights) {
                    weights[4] = of_counts;
                    if seen.count > 0 {
                        known += 1;
                        let count = (seen.count as f32).ln_1p();
                        values.copy_from_slice(&[
                            seen.mean(),
                            seen.least,
                            seen.largest,
                            seen.last,
                            count,
                        ]);
                        weights[..4].fill(1.0);
                    }
                }
            }
            let of_values = 1.0 / (4.0 * known.max(1) as f32 * stays);
            for weights in
                targets.weights[moments.start * row..moments.end * row].chunks_exact_mut(SUMMARY)
            {
                weights[..4]
                    .iter_mut()
                    .for_each(|weight| *weight *= of_values);
            }
        }
        targets
    }

    /// Means of the values in the `minutes` after each moment, [moments, variables, 1]. A stay's weights are such that
    /// its errors count as a mean over those that there are, divided by `stays_in_all`.
    pub fn forecasts(&self, minutes: f64, stays_in_all: usize) -> Targets {
        let row = self.places.len();
        let mut targets = Targets {
            values: vec![0.0; self.moments.len() * row],
            weights: vec![0.0; self.moments.len() * row],
        };
        let mut sums = vec![(0.0f64, 0u32); row];
        for moments in self.by_stay() {
            let mut known = 0usize;
            for moment in moments.clone() {
                let (stay, set) = self.moments[moment];
                let end = self.batch.stay_starts[stay + 1];
                let until = self.batch.minute(set) + minutes;
                let after = set + 1;
                let within = (after..end).take_while(|&next| self.batch.minute(next) <= until);
                sums.fill((0.0, 0));
                for (variable, value) in self.batch.events_between(after, after + within.count()) {
                    let sum = &mut sums[self.places[variable]];
                    *sum = (sum.0 + f64::from(value), sum.1 + 1);
                }
                let rows = moment * row..(moment + 1) * row;
                let places = targets.values[rows.clone()]
                    .iter_mut()
                    .zip(&mut targets.weights[rows]);
                for ((value, weight), (sum, count)) in places.zip(&sums) {
                    if *count > 0 {
                        known += 1;
                        *value = (sum / f64::from(*count)) as f32;
                        *weight = 1.0;
                    }
                }
            }
            let of_values = 1.0 / (known.max(1) as f32 * stays_in_all as f32);
            let weights = &mut targets.weights[moments.start * row..moments.end * row];
            weights.iter_mut().for_each(|weight| *weight *= of_values);
        }
        targets
    }
}
