use std::collections::BTreeMap;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::interval::Interval;
use pipeline_random::Stream;

/// How uncertainty is measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BootstrapSettings {
    /// Resamples of the subjects; 0: no intervals.
    #[serde(default = "BootstrapSettings::default_resamples")]
    #[schemars(range(max = 1_000_000))]
    pub resamples: usize,
    /// Share of the resamples that an interval holds.
    #[serde(default = "BootstrapSettings::default_level")]
    #[schemars(range(max = 1.0), extend("exclusiveMinimum" = 0.0))]
    pub level: f64,
}

impl BootstrapSettings {
    fn default_resamples() -> usize {
        1000
    }
    fn default_level() -> f64 {
        0.95
    }
}

impl Default for BootstrapSettings {
    fn default() -> Self {
        Self {
            resamples: Self::default_resamples(),
            level: Self::default_level(),
        }
    }
}

/// Resamples of subjects with replacement (Efron 1979): the stays of a subject are drawn together,
/// for they are not independent.
///
/// A resample is a weight for every stay: how often its subject was drawn. It is a pure function
/// of the seed and the resample's number, so that neither threads nor order change a result.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    settings: BootstrapSettings,
    draws: Stream,
    /// The subject of every stay, numbered by first appearance.
    subject_of: Vec<u32>,
    subjects: u32,
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

impl Bootstrap {
    /// `subjects`: the subject of every stay.
    pub fn new<S: AsRef<str>>(settings: BootstrapSettings, seed: u64, subjects: &[S]) -> Self {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        let subject_of = subjects.iter().map(|subject| {
            let next = numbers.len() as u32;
            *numbers.entry(subject.as_ref()).or_insert(next)
        });
        let subject_of = subject_of.collect();
        Self {
            settings,
            draws: Stream::new(seed, "bootstrap"),
            subject_of,
            subjects: numbers.len() as u32,
        }
    }

    /// The number of resamples, and the share that an interval holds.
    pub fn settings(&self) -> BootstrapSettings {
        self.settings
    }

    /// The number of different subjects.
    pub fn subjects(&self) -> usize {
        self.subjects as usize
    }

    /// How often resample number `resample` holds each stay.
    pub fn weights(&self, resample: usize) -> Vec<f64> {
        let mut counts = vec![0.0; self.subjects()];
        let mut draws = self.draws.at(&[resample as u64]);
        for _ in 0..self.subjects {
            counts[draws.below(u64::from(self.subjects)) as usize] += 1.0;
        }
        let of_stays = self.subject_of.iter();
        of_stays.map(|&subject| counts[subject as usize]).collect()
    }

    /// Every stay once: what is measured itself, not a resample.
    pub fn unit_weights(&self) -> Vec<f64> {
        vec![1.0; self.subject_of.len()]
    }

    /// What `statistic` makes of every resample's weights, in order of the resamples.
    pub fn distribution<T: Send>(&self, statistic: impl Fn(&[f64]) -> T + Sync) -> Vec<T> {
        (0..self.settings.resamples)
            .into_par_iter()
            .map(|resample| statistic(&self.weights(resample)))
            .collect()
    }

    /// Intervals of several numbers at once; `statistic` gives them in a fixed order. `None`
    /// where a number is undefined in every resample, and for all where there are no resamples.
    pub fn intervals(
        &self,
        statistic: impl Fn(&[f64]) -> Vec<Option<f64>> + Sync,
    ) -> Vec<Option<Interval>> {
        if self.settings.resamples == 0 {
            return vec![None; statistic(&self.unit_weights()).len()];
        }
        let drawn = self.distribution(statistic);
        let width = drawn.first().map_or(0, Vec::len);
        let column = |at: usize| -> Vec<Option<f64>> { drawn.iter().map(|row| row[at]).collect() };
        (0..width)
            .into_par_iter()
            .map(|at| Interval::of(&column(at), self.settings.level))
            .collect()
    }

    /// Differences of several metrics of two models that were scored on the same stays: each gives
    /// its metrics, in the same order, for the weights of the stays. `None` where either is undefined.
    pub fn paired(
        &self,
        first: impl Fn(&[f64]) -> Vec<Option<f64>> + Sync,
        second: impl Fn(&[f64]) -> Vec<Option<f64>> + Sync,
    ) -> Vec<Option<PairedDifference>> {
        let differences = |weights: &[f64]| -> Vec<Option<f64>> {
            let pairs = first(weights).into_iter().zip(second(weights));
            pairs.map(|(a, b)| Some(a? - b?)).collect()
        };
        let drawn = self.distribution(differences);
        let whole = differences(&self.unit_weights());
        let of_metric = whole.into_iter().enumerate().map(|(at, difference)| {
            let values: Vec<Option<f64>> = drawn.iter().map(|row| row[at]).collect();
            let defined = values.iter().flatten();
            let larger = defined.clone().filter(|value| **value > 0.0).count();
            let count = defined.count();
            Some(PairedDifference {
                difference: difference?,
                interval: Interval::of(&values, self.settings.level),
                share_larger: (count > 0).then(|| larger as f64 / count as f64),
            })
        });
        of_metric.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Ranking;

    /// Labels, scores and subjects of some stays; every third stay is of its neighbour's subject.
    fn stays(count: usize) -> (Vec<bool>, Vec<f64>, Vec<String>) {
        let mut draws = Stream::new(5, "test").at(&[]);
        let labels: Vec<bool> = (0..count).map(|_| draws.uniform() < 0.3).collect();
        let scores = labels.iter().map(|&label| {
            let noise = draws.uniform();
            ((noise + if label { 0.2 } else { 0.0 }) * 20.0).round() / 25.0
        });
        let scores = scores.collect();
        let subjects = (0..count).map(|stay| format!("p{}", stay - usize::from(stay % 3 == 1)));
        (labels, scores, subjects.collect())
    }

    fn settings(resamples: usize) -> BootstrapSettings {
        BootstrapSettings {
            resamples,
            level: 0.9,
        }
    }

    /// The resample as a list of stays, each as often as its subject was drawn, and the metric of that list.
    fn by_repetition(bootstrap: &Bootstrap, labels: &[bool], scores: &[f64]) -> Vec<f64> {
        let values = (0..bootstrap.settings().resamples).map(|resample| {
            let weights = bootstrap.weights(resample);
            let (mut y, mut s) = (Vec::new(), Vec::new());
            for stay in 0..labels.len() {
                for _ in 0..weights[stay] as usize {
                    y.push(labels[stay]);
                    s.push(scores[stay]);
                }
            }
            crate::auroc(&y, &s).unwrap().unwrap()
        });
        values.collect()
    }

    #[test]
    fn an_interval_is_that_of_the_repeated_stays() {
        let (labels, scores, subjects) = stays(90);
        let bootstrap = Bootstrap::new(settings(200), 3, &subjects);
        let ranking = Ranking::new(&labels, &scores).unwrap();
        let ours = bootstrap.intervals(|weights| vec![ranking.auroc(weights).ok()]);
        let mut naive = by_repetition(&bootstrap, &labels, &scores);
        naive.sort_by(f64::total_cmp);
        // 5 % of 199 steps is 9.95.
        let expected = naive[9] + 0.95 * (naive[10] - naive[9]);
        let ours = ours[0].unwrap();
        assert!((ours.lower - expected).abs() < 1e-12);
        assert!(ours.lower < ours.upper && ours.undefined == 0);
    }

    #[test]
    fn stays_of_a_subject_are_drawn_together_and_as_many_subjects_as_there_are() {
        let (_, _, subjects) = stays(90);
        let bootstrap = Bootstrap::new(settings(20), 3, &subjects);
        assert_eq!(bootstrap.subjects(), 60);
        for resample in 0..20 {
            let weights = bootstrap.weights(resample);
            let mut drawn = BTreeMap::new();
            for (subject, weight) in subjects.iter().zip(&weights) {
                assert_eq!(*drawn.entry(subject).or_insert(*weight), *weight);
            }
            assert_eq!(drawn.values().sum::<f64>(), 60.0);
        }
        assert_ne!(bootstrap.weights(0), bootstrap.weights(1));
        let other = Bootstrap::new(settings(20), 4, &subjects);
        assert_ne!(bootstrap.weights(0), other.weights(0));
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let (labels, scores, subjects) = stays(60);
        let ranking = Ranking::new(&labels, &scores).unwrap();
        let drawn = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let bootstrap = Bootstrap::new(settings(64), 1, &subjects);
            let values =
                || bootstrap.distribution(|w| ranking.average_precision(w).map(f64::to_bits));
            pool.build().unwrap().install(values)
        };
        assert_eq!(drawn(1), drawn(3));
    }

    #[test]
    fn a_model_does_not_differ_from_itself_and_a_better_one_is_larger_everywhere() {
        let (labels, scores, subjects) = stays(60);
        let bootstrap = Bootstrap::new(settings(100), 1, &subjects);
        let ranking = Ranking::new(&labels, &scores).unwrap();
        let perfect: Vec<f64> = labels.iter().map(|y| f64::from(u8::from(*y))).collect();
        let perfect = Ranking::new(&labels, &perfect).unwrap();
        let own = |weights: &[f64]| vec![ranking.auroc(weights).ok(), None];
        let same = bootstrap.paired(own, own);
        let first = same[0].unwrap();
        assert_eq!((first.difference, first.share_larger), (0.0, Some(0.0)));
        assert_eq!(same[1], None);
        let better = bootstrap.paired(|w| vec![perfect.auroc(w).ok()], own);
        let better = better[0].unwrap();
        assert_eq!(better.share_larger, Some(1.0));
        assert!(better.interval.unwrap().lower > 0.0);
    }

    #[test]
    fn without_resamples_there_are_no_intervals() {
        let bootstrap = Bootstrap::new(settings(0), 1, &["a", "b"]);
        assert_eq!(bootstrap.intervals(|_| vec![Some(1.0)]), [None]);
    }
}
