use rayon::prelude::*;

use super::input;
use super::score_key::{SortedClasses, descending_key};
use super::tie::{Tie, area_under_roc, precision_sum};
use super::undefined::Undefined;
use pipeline_error::Error;

/// Area under the ROC curve: the chance that a positive scores above a negative, ties
/// counting half (the Mann–Whitney statistic with average ranks). `None` when one class is absent.
pub fn auroc(labels: &[bool], scores: &[f64]) -> Result<Option<f64>, Error> {
    input::scores("auroc", labels, scores)?;
    let sorted = SortedClasses::new(labels, scores);
    Ok(area_under_roc(sorted.ties()).ok())
}

/// Average precision, sum of (R_n − R_{n−1}) P_n over the distinct thresholds, as scikit-learn's
/// `average_precision_score`: no interpolation. `None` without positives.
pub fn average_precision(labels: &[bool], scores: &[f64]) -> Result<Option<f64>, Error> {
    input::scores("average_precision", labels, scores)?;
    let sorted = SortedClasses::new(labels, scores);
    Ok(precision_sum(sorted.ties()).ok())
}

/// Items sorted by their score once, to be measured under many weights: each costs one linear
/// pass. That is what makes a bootstrap resample cheap.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Items in descending order of their score.
    pub(super) order: Vec<u32>,
    /// Their labels, in that order.
    pub(super) labels: Vec<bool>,
    /// For every distinct score, in descending order, itself and where its items end in `order`.
    pub(super) ties: Vec<(f64, u32)>,
}

impl Ranking {
    /// Sorts. Errors: lengths that differ, a score that is not finite.
    pub fn new(labels: &[bool], scores: &[f64]) -> Result<Self, Error> {
        input::scores("ranking", labels, scores)?;
        let items = u32::try_from(labels.len())
            .map_err(|_| Error::stage("ranking: more than 4,294,967,295 items"))?;
        let mut keyed: Vec<(u64, u32)> = (0..items)
            .map(|item| (descending_key(scores[item as usize]), item))
            .collect();
        keyed.par_sort_unstable();
        let order: Vec<u32> = keyed.iter().map(|(_, item)| *item).collect();
        let mut ties = Vec::new();
        let mut end = 0;
        for tie in keyed.chunk_by(|a, b| a.0 == b.0) {
            end += tie.len() as u32;
            ties.push((scores[tie[0].1 as usize], end));
        }
        Ok(Self {
            labels: order.iter().map(|item| labels[*item as usize]).collect(),
            order,
            ties,
        })
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// The distinct scores in descending order, with the weights of their items; `weights` is by
    /// item. Ties without weight are left out.
    pub fn ties<'a>(&'a self, weights: &'a [f64]) -> impl Iterator<Item = Tie> + 'a {
        let mut start = 0;
        let ties = self.ties.iter().map(move |&(score, end)| {
            let mut tie = Tie {
                score,
                positives: 0.0,
                negatives: 0.0,
            };
            for rank in start..end as usize {
                let weight = weights[self.order[rank] as usize];
                // Without a branch, which would be guessed wrong; either sum is exact.
                let positive = weight * f64::from(u8::from(self.labels[rank]));
                tie.positives += positive;
                tie.negatives += weight - positive;
            }
            start = end as usize;
            tie
        });
        ties.filter(|tie| tie.weight() > 0.0)
    }

    /// Area under the ROC curve of weighted items: scikit-learn's `roc_auc_score` with `sample_weight`.
    pub fn auroc(&self, weights: &[f64]) -> Result<f64, Undefined> {
        area_under_roc(self.ties(weights))
    }

    /// Average precision of weighted items: scikit-learn's `average_precision_score` with `sample_weight`.
    pub fn average_precision(&self, weights: &[f64]) -> Result<f64, Undefined> {
        precision_sum(self.ties(weights))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::assert_close;

    fn labels(bits: &[u8]) -> Vec<bool> {
        bits.iter().map(|bit| *bit == 1).collect()
    }

    #[test]
    fn the_example_of_scikit_learn_has_its_values() {
        // roc_auc_score and average_precision_score of the scikit-learn documentation: 0.75 and 0.83.
        // Descending: 0.8+ 0.4- 0.35+ 0.1-. Pairs won: 2 + 1 of 4. AP: 1/2 · 1/1 + 1/2 · 2/3 = 5/6.
        let y = labels(&[0, 0, 1, 1]);
        let s = [0.1, 0.4, 0.35, 0.8];
        assert_close(auroc(&y, &s).unwrap(), 0.75);
        assert_close(average_precision(&y, &s).unwrap(), 5.0 / 6.0);
    }

    #[test]
    fn ties_count_half_and_share_one_threshold() {
        // Descending: 0.9+ | 0.5+ 0.5+ 0.5- | 0.2- 0.2+.  P = 4, N = 2.
        // Negative at 0.5: 1 win + 2 halves = 2. Negative at 0.2: 3 wins + 1 half = 3.5. 5.5 / 8.
        // AP: 1/4 · 1/1 + 2/4 · 3/4 + 1/4 · 4/6 = 1/4 + 3/8 + 1/6 = 19/24.
        let y = labels(&[1, 0, 1, 0, 1, 1]);
        let s = [0.5, 0.5, 0.9, 0.2, 0.2, 0.5];
        assert_close(auroc(&y, &s).unwrap(), 5.5 / 8.0);
        assert_close(average_precision(&y, &s).unwrap(), 19.0 / 24.0);
    }

    #[test]
    fn a_constant_score_is_worth_a_half_and_the_prevalence() {
        let y = labels(&[1, 0, 0, 0]);
        assert_close(auroc(&y, &[0.3; 4]).unwrap(), 0.5);
        assert_close(average_precision(&y, &[0.3; 4]).unwrap(), 0.25);
        assert_close(auroc(&labels(&[1, 0]), &[0.0, -0.0]).unwrap(), 0.5);
    }

    #[test]
    fn a_missing_class_leaves_the_metric_undefined() {
        assert_eq!(auroc(&labels(&[1, 1]), &[0.1, 0.2]).unwrap(), None);
        assert_eq!(auroc(&labels(&[0, 0]), &[0.1, 0.2]).unwrap(), None);
        assert_eq!(
            average_precision(&labels(&[0, 0]), &[0.1, 0.2]).unwrap(),
            None
        );
        assert_eq!(
            average_precision(&labels(&[1, 1]), &[0.1, 0.2]).unwrap(),
            Some(1.0)
        );
        assert_eq!(auroc(&[], &[]).unwrap(), None);
    }

    #[test]
    fn a_score_that_is_not_finite_is_named() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = auroc(&labels(&[1, 0]), &[0.5, bad]).unwrap_err();
            assert!(error.to_string().contains("score 1"), "{error}");
            assert!(average_precision(&labels(&[1, 0]), &[bad, 0.5]).is_err());
        }
        let error = auroc(&labels(&[1, 0]), &[0.5]).unwrap_err();
        assert!(
            error.to_string().contains("2 labels but 1 scores"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn auroc_is_the_share_of_won_pairs(items in prop::collection::vec((any::<bool>(), 0_u8..6), 0..40)) {
            let y: Vec<bool> = items.iter().map(|item| item.0).collect();
            let s: Vec<f64> = items.iter().map(|item| f64::from(item.1) / 7.0).collect();
            let (mut wins, mut pairs) = (0.0, 0.0);
            for i in (0..y.len()).filter(|i| y[*i]) {
                for j in (0..y.len()).filter(|j| !y[*j]) {
                    pairs += 1.0;
                    wins += if s[i] > s[j] { 1.0 } else if s[i] == s[j] { 0.5 } else { 0.0 };
                }
            }
            match auroc(&y, &s).unwrap() {
                None => prop_assert_eq!(pairs, 0.0),
                Some(area) => prop_assert!((area - wins / pairs).abs() < 1e-12),
            }
        }
    }
}
