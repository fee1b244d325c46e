use std::cmp::Ordering;

use super::input;
use crate::error::Error;

/// Positives and negatives that share one score.
struct Tie {
    positives: u64,
    negatives: u64,
}

/// The ties in descending order of their score. 0.0 and -0.0 are one score.
fn ties(labels: &[bool], scores: &[f64]) -> Vec<Tie> {
    let mut items: Vec<(f64, bool)> = scores.iter().copied().zip(labels.iter().copied()).collect();
    items.sort_unstable_by(|a, b| b.0.partial_cmp(&a.0).unwrap_or(Ordering::Equal));
    items
        .chunk_by(|a, b| a.0 == b.0)
        .map(|tie| {
            let positives = tie.iter().filter(|(_, label)| *label).count() as u64;
            Tie {
                positives,
                negatives: tie.len() as u64 - positives,
            }
        })
        .collect()
}

/// Area under the ROC curve: the chance that a positive scores above a negative, ties
/// counting half (the Mann–Whitney statistic with average ranks). `None` when one class is absent.
pub fn auroc(labels: &[bool], scores: &[f64]) -> Result<Option<f64>, Error> {
    input::scores("auroc", labels, scores)?;
    let (mut positives, mut negatives) = (0_u64, 0_u64);
    // Twice the number of won pairs, so that half a win is an integer and the sum exact.
    let mut doubled_wins = 0_u128;
    for tie in ties(labels, scores) {
        let won = 2 * u128::from(positives) + u128::from(tie.positives);
        doubled_wins += won * u128::from(tie.negatives);
        positives += tie.positives;
        negatives += tie.negatives;
    }
    let pairs = u128::from(positives) * u128::from(negatives);
    Ok((pairs > 0).then(|| doubled_wins as f64 / (2 * pairs) as f64))
}

/// Average precision, sum of (R_n − R_{n−1}) P_n over the distinct thresholds, as scikit-learn's
/// `average_precision_score`: no interpolation. `None` without positives.
pub fn average_precision(labels: &[bool], scores: &[f64]) -> Result<Option<f64>, Error> {
    input::scores("average_precision", labels, scores)?;
    let (mut positives, mut retrieved) = (0_u64, 0_u64);
    let mut sum = 0.0;
    for tie in ties(labels, scores) {
        positives += tie.positives;
        retrieved += tie.positives + tie.negatives;
        sum += tie.positives as f64 * (positives as f64 / retrieved as f64);
    }
    Ok((positives > 0).then(|| sum / positives as f64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::assert_close;

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
