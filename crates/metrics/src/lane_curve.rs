//! Places of curves of one resample in a block, from what the highest scores hold: a curve is never drawn.

use super::block::LANES;
use super::calibration::{BINS, bin_of};
use super::ranked_block::Top;
use super::ranking::Ranking;

/// Where thresholds and bins cut a ranking: the number of different scores that are at least so high.
pub(super) struct Cuts {
    /// Of each bin of equal width, from the lowest: where it begins and ends.
    pub(super) bins: [[usize; 2]; BINS],
    /// Of each threshold.
    pub(super) thresholds: Vec<Cut>,
}

/// A threshold.
pub(super) struct Cut {
    above: usize,
    /// How many positives a negative is worth.
    odds: f64,
}

impl Cuts {
    pub(super) fn of(ranking: &Ranking, thresholds: &[f64]) -> Self {
        let ties = &ranking.ties;
        let thresholds = thresholds.iter().map(|threshold| Cut {
            above: ties.partition_point(|tie| tie.0 >= *threshold),
            odds: threshold / (1.0 - threshold),
        });
        Self {
            bins: std::array::from_fn(|bin| {
                [
                    ties.partition_point(|tie| bin_of(tie.0) > bin),
                    ties.partition_point(|tie| bin_of(tie.0) >= bin),
                ]
            }),
            thresholds: thresholds.collect(),
        }
    }
}

/// The curves of one lane.
pub(super) struct LaneCurve<'a> {
    /// Of the highest 0, 1, … different scores. Scores that the resample does not hold repeat what is before them.
    pub(super) tops: &'a [Top],
    pub(super) lane: usize,
}

impl LaneCurve<'_> {
    fn positives(&self, at: usize) -> f64 {
        self.tops[at].positives[self.lane]
    }

    fn negatives(&self, at: usize) -> f64 {
        self.tops[at].negatives[self.lane]
    }

    fn last(&self) -> usize {
        self.tops.len() - 1
    }

    /// The first of the places from `first` on that is not before what is looked for.
    fn first_after(&self, first: usize, is_before: impl Fn(usize) -> bool) -> usize {
        let (mut start, mut end) = (first, self.tops.len());
        while start < end {
            let middle = (start + end) / 2;
            if is_before(middle) {
                start = middle + 1;
            } else {
                end = middle;
            }
        }
        start
    }

    /// The ROC curve's sensitivity at a false positive rate, linear between points; at a jump its upper end. `None`
    /// where a class is absent.
    pub(super) fn sensitivity_at(&self, false_positive_rate: f64) -> Option<f64> {
        let (positives, negatives) = (self.positives(self.last()), self.negatives(self.last()));
        if positives == 0.0 || negatives == 0.0 {
            return None;
        }
        let rate = |at: usize| self.negatives(at) / negatives;
        let sensitivity = |at: usize| self.positives(at) / positives;
        let after = self.first_after(0, |at| rate(at) <= false_positive_rate);
        let before = after.checked_sub(1)?;
        if after > self.last() {
            return Some(sensitivity(before));
        }
        let step = rate(after) - rate(before);
        let part = (false_positive_rate - rate(before)) / step;
        Some(sensitivity(before) + part * (sensitivity(after) - sensitivity(before)))
    }

    /// The precision at the highest threshold that finds this share of the positives, which is more than 0. `None`
    /// without positives.
    pub(super) fn precision_at(&self, recall: f64) -> Option<f64> {
        let positives = self.positives(self.last());
        if positives == 0.0 {
            return None;
        }
        let at = self.first_after(1, |at| self.positives(at) / positives < recall);
        let at = at.min(self.last());
        Some(self.positives(at) / self.tops[at].weight(self.lane))
    }

    /// Share of positives among the scores of a bin; `None` where there is none.
    pub(super) fn observed(&self, [start, end]: [usize; 2]) -> Option<f64> {
        let weight = self.tops[end].weight(self.lane) - self.tops[start].weight(self.lane);
        let positives = self.positives(end) - self.positives(start);
        (weight > 0.0).then(|| positives / weight)
    }

    /// Net benefit of acting on the model from a threshold on.
    pub(super) fn net_benefit(&self, cut: &Cut) -> Option<f64> {
        let total = self.tops[self.last()].weight(self.lane);
        let benefit = self.positives(cut.above) - self.negatives(cut.above) * cut.odds;
        (total > 0.0).then(|| benefit / total)
    }
}

/// All curves of a block.
pub(super) fn lanes(tops: &[Top]) -> [LaneCurve<'_>; LANES] {
    std::array::from_fn(|lane| LaneCurve { tops, lane })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::calibration_bins;
    use crate::curves::{decision, precision_at, precision_recall, roc, sensitivity_at};
    use crate::ranked_block::RankedBlock;
    use crate::{Bootstrap, BootstrapSettings};
    use pipeline_random::Stream;

    /// Every place of every curve of 21 resamples has the bits of the curve that is drawn.
    fn check(count: usize, steps: f64, positives: f64) {
        let mut draws = Stream::new(3, "test").at(&[]);
        let scores: Vec<f64> = (0..count)
            .map(|_| (draws.uniform().powi(2) * steps).round() / steps)
            .collect();
        let labels: Vec<bool> = (scores.iter().map(|p| draws.uniform() < p * positives)).collect();
        let ranking = Ranking::new(&labels, &scores).unwrap();
        let subjects: Vec<String> = (0..count).map(|item| item.to_string()).collect();
        let settings = BootstrapSettings {
            resamples: 21,
            level: 0.9,
        };
        let bootstrap = Bootstrap::new(settings, 1, &subjects);
        let thresholds: Vec<f64> = (1..100).map(|number| f64::from(number) / 100.0).collect();
        let cuts = Cuts::of(&ranking, &thresholds);
        let shares: Vec<f64> = (1..=50).map(|step| f64::from(step) / 50.0).collect();
        let bits = |value: Option<f64>| value.map(f64::to_bits);
        let ours = bootstrap.resample_blocks(Vec::new(), |block| {
            let ranked = RankedBlock::of(&ranking, block);
            lanes(&ranked.tops).map(|curve| {
                let rates = shares.iter().map(|at| curve.sensitivity_at(*at));
                let recalls = shares.iter().map(|at| curve.precision_at(*at));
                let bins = cuts.bins.iter().map(|bin| curve.observed(*bin));
                let benefits = cuts.thresholds.iter().map(|cut| curve.net_benefit(cut));
                rates.chain(recalls).chain(bins).chain(benefits).collect()
            })
        });
        let drawn = bootstrap.distribution(|weights| {
            let (roc, precisions) = (roc(&ranking, weights), precision_recall(&ranking, weights));
            let bins = calibration_bins(&labels, &scores, weights);
            let decision = decision(&ranking, weights);
            let rates = shares.iter().map(|at| sensitivity_at(&roc, *at));
            let recalls = shares.iter().map(|at| precision_at(&precisions, *at));
            let bins = bins.iter().map(|bin| bin.observed);
            let benefits = decision.iter().map(|point| Some(point.model));
            let all = rates.chain(recalls).chain(bins).chain(benefits);
            all.map(bits).collect::<Vec<_>>()
        });
        for (ours, drawn) in ours.drawn().iter().zip(drawn) {
            let ours: Vec<_> = ours.iter().copied().map(bits).collect();
            assert_eq!(ours, drawn, "{count} items, {positives}");
        }
    }

    #[test]
    fn places_have_the_bits_of_drawn_curves() {
        check(1, 10.0, 1.0);
        check(40, 1.0, 0.5);
        check(40, 7.0, 1.0);
        check(300, 100.0, 0.01);
        check(300, 100.0, 0.0);
        check(900, 1e9, 0.8);
    }
}
