//! Two-class metrics of a block of resamples: of each the same bits as [`BinaryScores::measure`] gives.

use pipeline_vector::vectorized;

use super::binary_scores::{BinaryMetrics, BinaryScores};
use super::block::{Block, LANES, Lanes};
use super::calibration::{Bin, Span, weighted_error};
use super::logit_line::Items;
use super::ranked_block::RankedBlock;
use super::undefined::{Undefined, share};

impl BinaryScores {
    /// Measures every resample of a block.
    pub(super) fn measure_block(&self, block: &Block) -> [BinaryMetrics; LANES] {
        let ranked = RankedBlock::of(self.ranking(), block);
        let [aurocs, average_precisions] = ranked.areas();
        let equal_mass = ranked.equal_mass_errors();
        let [weights, squares, log_losses] =
            sum_terms(&self.squares, &self.log_losses, &block.counts);
        let bins = self
            .width_bins
            .each_ref()
            .map(|items| sum_bin(items, self.labels(), self.probabilities(), &block.counts));
        let spans = spans(&self.logits, self.labels(), &block.counts);
        let mut items = Items::default();
        std::array::from_fn(|lane| {
            let mean = |sums: &Lanes| share(sums[lane], weights[lane], Undefined::NoStays);
            items.take_lane(&self.logits, &self.targets, &block.counts, lane);
            let span = spans.each_ref().map(|ends| ends.map(|end| end[lane]));
            let (calibration, _) = self.calibration.fit_items(&items, &Span(span));
            let bins = bins.each_ref().map(|[weight, probability, positives]| Bin {
                weight: weight[lane],
                probability: probability[lane],
                positives: positives[lane],
            });
            BinaryMetrics {
                auroc: aurocs[lane],
                average_precision: average_precisions[lane],
                brier: mean(&squares),
                log_loss: mean(&log_losses),
                calibration_slope: calibration.slope,
                calibration_intercept: calibration.intercept,
                ece: weighted_error(&bins),
                ece_equal_mass: equal_mass[lane],
            }
        })
    }
}

vectorized! {
    /// Weights, and what they make of two terms of every item.
    fn sum_terms(squares: &[f64], log_losses: &[f64], counts: &[[u32; LANES]]) -> [Lanes; 3] {
        let mut sums = [[0.0; LANES]; 3];
        for ((square, log_loss), row) in squares.iter().zip(log_losses).zip(counts) {
            for lane in 0..LANES {
                let weight = f64::from(row[lane]);
                sums[0][lane] += weight;
                sums[1][lane] += square * weight;
                sums[2][lane] += log_loss * weight;
            }
        }
        sums
    }
}

vectorized! {
    /// Weight, weighted probabilities and weight of the positives of some items.
    fn sum_bin(items: &[u32], labels: &[bool], probabilities: &[f64], counts: &[[u32; LANES]]) -> [Lanes; 3] {
        let mut sums = [[0.0; LANES]; 3];
        for item in items {
            let item = *item as usize;
            let (row, probability) = (&counts[item], probabilities[item]);
            let share = f64::from(u8::from(labels[item]));
            for lane in 0..LANES {
                let weight = f64::from(row[lane]);
                sums[0][lane] += weight;
                sums[1][lane] += weight * probability;
                sums[2][lane] += weight * share;
            }
        }
        sums
    }
}

vectorized! {
    /// The lowest and the highest logit of the negatives, then of the positives.
    fn spans(logits: &[f64], labels: &[bool], counts: &[[u32; LANES]]) -> [[Lanes; 2]; 2] {
        let mut spans = [[[f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]]; 2];
        for ((logit, label), row) in logits.iter().zip(labels).zip(counts) {
            let [low, high] = &mut spans[usize::from(*label)];
            for lane in 0..LANES {
                let is_there = row[lane] != 0;
                let (above, below) = (*logit > high[lane], *logit < low[lane]);
                high[lane] = if is_there & above { *logit } else { high[lane] };
                low[lane] = if is_there & below { *logit } else { low[lane] };
            }
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bootstrap, BootstrapSettings};
    use pipeline_random::Stream;

    /// The bits of every metric of every resample, side by side and one by one.
    fn both(scores: &BinaryScores, members: Option<&[bool]>) -> [Vec<Vec<Option<u64>>>; 2] {
        let subjects: Vec<String> = (0..scores.len())
            .map(|item| (item / 2).to_string())
            .collect();
        let settings = BootstrapSettings {
            resamples: 21,
            level: 0.9,
        };
        let bits = |values: Vec<Option<f64>>| -> Vec<Option<u64>> {
            values
                .into_iter()
                .map(|value| value.map(f64::to_bits))
                .collect()
        };
        let bootstrap = Bootstrap::new(settings, 4, &subjects);
        let (_, side_by_side) = scores.resample(members, &bootstrap);
        let one_by_one = bootstrap.distribution(|weights| {
            let masked: Vec<f64> = weights
                .iter()
                .enumerate()
                .map(|(item, weight)| match members {
                    Some(members) if !members[item] => 0.0,
                    _ => *weight,
                })
                .collect();
            bits(scores.measure(&masked).values())
        });
        let side_by_side = side_by_side.drawn().iter().map(|row| bits(row.clone()));
        [side_by_side.collect(), one_by_one]
    }

    fn scores(count: usize, steps: f64, positives: f64) -> BinaryScores {
        let mut draws = Stream::new(9, "test").at(&[]);
        let probabilities: Vec<f64> = (0..count)
            .map(|_| (draws.uniform().powi(3) * steps).round() / steps)
            .collect();
        let labels = probabilities
            .iter()
            .map(|p| draws.uniform() < p * positives);
        BinaryScores::new(labels.collect(), probabilities).unwrap()
    }

    #[test]
    fn side_by_side_gives_the_bits_of_one_by_one() {
        for (count, steps, positives) in [
            (0, 10.0, 1.0),
            (3, 10.0, 1.0),
            (40, 1.0, 0.5),
            (40, 5.0, 1.0),
            (200, 20.0, 0.02),
            (200, 20.0, 0.0),
            (1001, 1e9, 0.7),
        ] {
            let scores = scores(count, steps, positives);
            let [ours, expected] = both(&scores, None);
            assert_eq!(ours, expected, "{count} items");
            let members: Vec<bool> = (0..count).map(|item| item % 3 == 1).collect();
            let [ours, expected] = both(&scores, Some(&members));
            assert_eq!(ours, expected, "a third of {count} items");
            let [ours, expected] = both(&scores, Some(&vec![false; count]));
            assert_eq!(ours, expected, "none of {count} items");
        }
    }

    #[test]
    fn confusions_are_those_of_each_resample() {
        let scores = scores(300, 50.0, 0.8);
        let subjects: Vec<String> = (0..300).map(|item| (item / 2).to_string()).collect();
        let bootstrap = Bootstrap::new(BootstrapSettings::default(), 4, &subjects);
        for threshold in [0.0, 0.02, 0.5, 0.51, 1.0, 1.5] {
            let list = |table: &crate::Confusion| {
                vec![
                    Some(table.true_positives),
                    Some(table.false_positives),
                    Some(table.true_negatives),
                    Some(table.false_negatives),
                ]
            };
            let ours = scores.resample_confusion(threshold, &bootstrap, list);
            let expected =
                bootstrap.resample(|weights| list(&scores.confusion(threshold, weights)));
            assert_eq!(ours, expected, "at {threshold}");
        }
    }
}
