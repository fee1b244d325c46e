//! Ranked items under the weights of a block of resamples. Counts are whole numbers, whose sums are exact in any order;
//! all else is summed in the order that one resample has by itself.

use pipeline_vector::vectorized;

use super::block::{Block, LANES, Lanes};
use super::calibration::{BINS, Bin, weighted_error};
use super::ranking::Ranking;
use super::undefined::{Undefined, share};

/// How many items of each class the highest scores hold.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Top {
    pub(super) positives: Lanes,
    pub(super) negatives: Lanes,
}

impl Top {
    pub(super) fn weight(&self, lane: usize) -> f64 {
        self.positives[lane] + self.negatives[lane]
    }

    #[inline(always)]
    fn add(&mut self, is_positive: bool, row: &[u32; LANES]) {
        let share = f64::from(u8::from(is_positive));
        for (lane, count) in row.iter().enumerate() {
            let weight = f64::from(*count);
            let positive = weight * share;
            self.positives[lane] += positive;
            self.negatives[lane] += weight - positive;
        }
    }
}

/// A ranking under the weights of a block.
pub(super) struct RankedBlock<'a> {
    ranking: &'a Ranking,
    /// Of the highest 0, 1, … different scores.
    pub(super) tops: Vec<Top>,
}

impl<'a> RankedBlock<'a> {
    pub(super) fn of(ranking: &'a Ranking, block: &Block) -> Self {
        let mut tops = vec![Top::default(); ranking.ties.len() + 1];
        count_ties(ranking, &block.counts, &mut tops);
        Self { ranking, tops }
    }

    /// All items.
    pub(super) fn all(&self) -> &Top {
        &self.tops[self.tops.len() - 1]
    }

    /// Area under the ROC curve and average precision.
    pub(super) fn areas(&self) -> [[Result<f64, Undefined>; LANES]; 2] {
        let [wins, precisions] = sum_areas(&self.tops);
        let Top {
            positives,
            negatives,
        } = self.all();
        [
            std::array::from_fn(|lane| {
                let pairs = positives[lane] * negatives[lane];
                share(wins[lane], pairs, Undefined::OneClass)
            }),
            std::array::from_fn(|lane| {
                share(precisions[lane], positives[lane], Undefined::NoPositives)
            }),
        ]
    }

    /// See [`super::equal_mass_calibration_error`].
    pub(super) fn equal_mass_errors(&self) -> [Result<f64, Undefined>; LANES] {
        // By lane and bin: the first tie that lies in it or in one after it.
        let starts: [[usize; BINS + 1]; LANES] =
            std::array::from_fn(|lane| std::array::from_fn(|bin| self.bin_start(lane, bin)));
        let sums = sum_segments(&self.ranking.ties, &self.tops, &starts);
        std::array::from_fn(|lane| {
            let bins: [Bin; BINS] = std::array::from_fn(|bin| {
                let [start, end] = [bin, bin + 1].map(|at| &self.tops[starts[lane][at]]);
                Bin {
                    weight: end.weight(lane) - start.weight(lane),
                    probability: sums[bin][lane],
                    positives: end.positives[lane] - start.positives[lane],
                }
            });
            weighted_error(&bins)
        })
    }

    fn bin_start(&self, lane: usize, bin: usize) -> usize {
        let ties = self.ranking.ties.len();
        if bin == BINS {
            return ties;
        }
        let total = self.all().weight(lane);
        let (mut start, mut end) = (0, ties);
        while start < end {
            let tie = (start + end) / 2;
            let before = self.tops[tie].weight(lane);
            let middle = before + (self.tops[tie + 1].weight(lane) - before) / 2.0;
            if (middle / total * BINS as f64) as usize >= bin {
                end = tie;
            } else {
                start = tie + 1;
            }
        }
        start
    }
}

vectorized! {
    fn count_ties(ranking: &Ranking, counts: &[[u32; LANES]], tops: &mut [Top]) -> () {
        let (mut top, mut start) = (Top::default(), 0);
        for ((_, end), after) in ranking.ties.iter().zip(&mut tops[1..]) {
            let end = *end as usize;
            for (item, is_positive) in ranking.order[start..end].iter().zip(&ranking.labels[start..end]) {
                top.add(*is_positive, &counts[*item as usize]);
            }
            *after = top;
            start = end;
        }
    }
}

vectorized! {
    /// The items of these ranks.
    fn count_ranks(ranking: &Ranking, counts: &[[u32; LANES]], first: usize, end: usize) -> Top {
        let mut top = Top::default();
        for (item, is_positive) in ranking.order[first..end].iter().zip(&ranking.labels[first..end]) {
            top.add(*is_positive, &counts[*item as usize]);
        }
        top
    }
}

/// The items with a score of at least the threshold, and those below it.
pub(super) fn divided(ranking: &Ranking, block: &Block, threshold: f64) -> [Top; 2] {
    let above = ranking.ties.partition_point(|tie| tie.0 >= threshold);
    let end = above.checked_sub(1).map_or(0, |last| ranking.ties[last].1);
    let (end, items) = (end as usize, ranking.order.len());
    [
        count_ranks(ranking, &block.counts, 0, end),
        count_ranks(ranking, &block.counts, end, items),
    ]
}

vectorized! {
    /// Pairs won, and positives times the precision that finds them.
    fn sum_areas(tops: &[Top]) -> [Lanes; 2] {
        let (mut wins, mut precisions) = ([0.0; LANES], [0.0; LANES]);
        for pair in tops.windows(2) {
            let (before, after) = (&pair[0], &pair[1]);
            for lane in 0..LANES {
                let positives = after.positives[lane] - before.positives[lane];
                let negatives = after.negatives[lane] - before.negatives[lane];
                wins[lane] += (before.positives[lane] + positives / 2.0) * negatives;
                let retrieved = after.positives[lane] + after.negatives[lane];
                let found = positives * (after.positives[lane] / retrieved);
                // Nothing is retrieved yet where nothing was drawn.
                precisions[lane] += if positives > 0.0 { found } else { 0.0 };
            }
        }
        [wins, precisions]
    }
}

vectorized! {
    /// Σ weight · score of the ties of each bin.
    fn sum_segments(ties: &[(f64, u32)], tops: &[Top], starts: &[[usize; BINS + 1]; LANES]) -> [Lanes; BINS] {
        let mut sums = [[0.0; LANES]; BINS];
        let (mut bins, mut sum) = ([0; LANES], [0.0; LANES]);
        let mut from = 0;
        while from < ties.len() {
            let mut until = ties.len();
            for lane in 0..LANES {
                while bins[lane] + 1 < BINS && starts[lane][bins[lane] + 1] <= from {
                    sums[bins[lane]][lane] = sum[lane];
                    sum[lane] = 0.0;
                    bins[lane] += 1;
                }
                if bins[lane] + 1 < BINS {
                    until = until.min(starts[lane][bins[lane] + 1]);
                }
            }
            for (tie, pair) in ties[from..until].iter().zip(tops[from..].windows(2)) {
                for (lane, sum) in sum.iter_mut().enumerate() {
                    let before = pair[0].positives[lane] + pair[0].negatives[lane];
                    let after = pair[1].positives[lane] + pair[1].negatives[lane];
                    *sum += (after - before) * tie.0;
                }
            }
            from = until;
        }
        for lane in 0..LANES {
            sums[bins[lane]][lane] = sum[lane];
        }
        sums
    }
}
