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
    /// `subjects`: the subject of every stay. Of fewer than two there are no resamples: all would be the same, and an
    /// interval without width would pass for certainty.
    pub fn new<S: AsRef<str>>(settings: BootstrapSettings, seed: u64, subjects: &[S]) -> Self {
        let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
        let subject_of = subjects.iter().map(|subject| {
            let next = numbers.len() as u32;
            *numbers.entry(subject.as_ref()).or_insert(next)
        });
        let subject_of = subject_of.collect();
        let resamples = match numbers.len() {
            0 | 1 => 0,
            _ => settings.resamples,
        };
        Self {
            settings: BootstrapSettings {
                resamples,
                ..settings
            },
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

    /// The number of resamples, which is 0 of fewer than two subjects, and the share that an interval holds.
    pub fn settings(&self) -> BootstrapSettings {
        self.settings
    }

    /// The number of different subjects.
    pub fn subjects(&self) -> usize {
        self.subjects as usize
    }

    /// Where each number of the stays that are `members`, or of all, lies in the resamples. `None` for all where the
    /// members are of fewer than two subjects, as [`Self::new`] says.
    pub fn intervals_of(
        &self,
        resampled: &Resampled,
        members: Option<&[bool]>,
    ) -> Vec<Option<Interval>> {
        let stays = self.subject_of.iter().zip(members.unwrap_or_default());
        let mut subjects = stays.filter_map(|(subject, is_member)| is_member.then_some(subject));
        let first = subjects.next();
        match members.is_none() || subjects.any(|subject| Some(subject) != first) {
            true => resampled.intervals(),
            false => vec![None; resampled.whole.len()],
        }
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
mod tests;
