use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::block::{Block, LANES};
use super::interval::Interval;
use super::resampled::Resampled;
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
    /// How often each resample holds each subject, block after block of resamples, once it was asked for and if that is
    /// not too much to keep.
    drawn: OnceLock<Counts>,
}

/// [blocks · subjects][resamples of a block].
type Counts = Arc<Vec<[u32; LANES]>>;

/// Numbers of draws that are kept at most: 32 MB.
const MOST_KEPT: usize = 8 << 20;

/// The counts that were drawn last, with all that they are a function of: evaluations of a sweep draw the same ones.
static LAST_DRAWN: Mutex<Option<(Stream, u32, usize, Counts)>> = Mutex::new(None);

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
            drawn: OnceLock::new(),
        }
    }

    /// Whether every resample is the same of the same stays, and intervals are.
    pub fn draws_as(&self, other: &Self) -> bool {
        self.settings == other.settings
            && self.draws == other.draws
            && self.subject_of == other.subject_of
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
        let subjects = self.subjects();
        let (block, lane) = (resample / LANES, resample % LANES);
        let kept = self
            .drawn
            .get()
            .filter(|_| resample < self.settings.resamples);
        let kept = kept.and_then(|drawn| drawn.get(block * subjects..(block + 1) * subjects));
        match kept {
            Some(rows) => self.of_stays(&rows.iter().map(|row| row[lane]).collect::<Vec<u32>>()),
            None => self.of_stays(&self.draw(resample)),
        }
    }

    /// Draws every resample, for all statistics that are to come.
    fn keep(&self) {
        let count = self.subjects().saturating_mul(self.settings.resamples);
        if count > MOST_KEPT || self.drawn.get().is_some() {
            return;
        }
        let last = || LAST_DRAWN.lock().unwrap_or_else(PoisonError::into_inner);
        let found = last()
            .as_ref()
            .and_then(|(draws, subjects, resamples, counts)| {
                let is_same = (draws, *subjects, *resamples)
                    == (&self.draws, self.subjects, self.settings.resamples);
                is_same.then(|| Arc::clone(counts))
            });
        // Not within `get_or_init`, nor under the lock: a thread that waits for others here may take up work that asks
        // for the same.
        let counts = found.unwrap_or_else(|| {
            let blocks = (0..self.blocks()).into_par_iter();
            let counts: Counts = Arc::new(blocks.flat_map_iter(|at| self.draw_block(at)).collect());
            let drawn = (
                self.draws.clone(),
                self.subjects,
                self.settings.resamples,
                Arc::clone(&counts),
            );
            *last() = Some(drawn);
            counts
        });
        // Whoever else drew them drew the same.
        let _ = self.drawn.set(counts);
    }

    fn blocks(&self) -> usize {
        self.settings.resamples.div_ceil(LANES)
    }

    /// How often a resample holds each subject.
    fn draw(&self, resample: usize) -> Vec<u32> {
        let mut counts = vec![0; self.subjects()];
        let mut draws = self.draws.at(&[resample as u64]);
        for _ in 0..self.subjects {
            counts[draws.below(u64::from(self.subjects)) as usize] += 1;
        }
        counts
    }

    /// The same of a block of resamples.
    fn draw_block(&self, block: usize) -> Vec<[u32; LANES]> {
        let mut rows = vec![[0; LANES]; self.subjects()];
        for lane in 0..LANES.min(self.settings.resamples - block * LANES) {
            for (row, count) in rows.iter_mut().zip(self.draw(block * LANES + lane)) {
                row[lane] = count;
            }
        }
        rows
    }

    /// How often the resamples of a block hold each stay.
    fn block(&self, block: usize) -> Block<'_> {
        let subjects = self.subjects();
        let kept = self.drawn.get();
        let kept = kept.and_then(|drawn| drawn.get(block * subjects..(block + 1) * subjects));
        let of_subjects = kept.map_or_else(|| Cow::Owned(self.draw_block(block)), Cow::Borrowed);
        // Subjects are numbered by first appearance: as many as stays are one each.
        if subjects == self.subject_of.len() {
            return Block {
                counts: of_subjects,
            };
        }
        let of_stays = self.subject_of.iter();
        let of_stays = of_stays.map(|&subject| of_subjects[subject as usize]);
        Block {
            counts: of_stays.collect(),
        }
    }

    fn of_stays(&self, counts: &[u32]) -> Vec<f64> {
        let of_stays = self.subject_of.iter();
        of_stays
            .map(|&subject| f64::from(counts[subject as usize]))
            .collect()
    }

    /// Every stay once: what is measured itself, not a resample.
    pub fn unit_weights(&self) -> Vec<f64> {
        vec![1.0; self.subject_of.len()]
    }

    /// What `statistic` makes of every resample's weights, in order of the resamples.
    pub fn distribution<T: Send>(&self, statistic: impl Fn(&[f64]) -> T + Sync) -> Vec<T> {
        self.keep();
        (0..self.settings.resamples)
            .into_par_iter()
            .map(|resample| statistic(&self.weights(resample)))
            .collect()
    }

    /// The same where `statistic` measures the resamples of a block side by side; `whole` is that of all stays.
    pub(super) fn resample_blocks(
        &self,
        whole: Vec<Option<f64>>,
        statistic: impl Fn(&Block) -> [Vec<Option<f64>>; LANES] + Sync,
    ) -> Resampled {
        self.keep();
        let blocks = (0..self.blocks()).into_par_iter();
        let mut drawn: Vec<_> = blocks
            .flat_map_iter(|block| statistic(&self.block(block)))
            .collect();
        drawn.truncate(self.settings.resamples);
        Resampled {
            whole,
            drawn,
            level: self.settings.level,
        }
    }

    /// `statistic` of all stays and of every resample; it gives its numbers in a fixed order.
    pub fn resample(&self, statistic: impl Fn(&[f64]) -> Vec<Option<f64>> + Sync) -> Resampled {
        Resampled {
            whole: statistic(&self.unit_weights()),
            drawn: self.distribution(statistic),
            level: self.settings.level,
        }
    }

    /// Intervals of several numbers at once, as [`Resampled::intervals`].
    pub fn intervals(
        &self,
        statistic: impl Fn(&[f64]) -> Vec<Option<f64>> + Sync,
    ) -> Vec<Option<Interval>> {
        self.resample(statistic).intervals()
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
    fn resamples_that_are_kept_are_those_that_are_drawn_again() {
        let (_, _, subjects) = stays(90);
        let bootstrap = Bootstrap::new(settings(20), 3, &subjects);
        bootstrap.keep();
        assert!(bootstrap.drawn.get().is_some());
        let afresh = Bootstrap::new(settings(20), 3, &subjects);
        for resample in [0, 7, 19, 20, 1000] {
            let drawn = bootstrap.of_stays(&bootstrap.draw(resample));
            assert_eq!(bootstrap.weights(resample), drawn);
            if resample < 20 {
                for block in [
                    bootstrap.block(resample / LANES),
                    afresh.block(resample / LANES),
                ] {
                    let lane = block
                        .counts
                        .iter()
                        .map(|row| f64::from(row[resample % LANES]));
                    assert_eq!(lane.collect::<Vec<f64>>(), drawn);
                }
            }
        }
        // The last block is not full: its other lanes hold nothing.
        assert!(
            bootstrap
                .block(2)
                .counts
                .iter()
                .all(|row| row[4..] == [0; 4])
        );
        let counts = |bootstrap: &Bootstrap| bootstrap.drawn.get().map(Arc::as_ptr);
        afresh.keep();
        let other = Bootstrap::new(settings(20), 4, &subjects);
        other.keep();
        assert_ne!(counts(&bootstrap), counts(&other));
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
        let ours = bootstrap.resample(own);
        let same = ours.minus(&ours);
        let first = same[0].unwrap();
        assert_eq!((first.difference, first.share_larger), (0.0, Some(0.0)));
        assert_eq!(same[1], None);
        let better = bootstrap.resample(|w| vec![perfect.auroc(w).ok(), None]);
        let better = better.minus(&ours);
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
