use rayon::prelude::*;

use super::tie::Tie;

const SIGN: u64 = 1 << 63;

/// An integer that is smaller, the larger the finite score is. 0.0 and -0.0 have the same.
/// Integers sort several times faster than `f64` by `partial_cmp`.
pub(super) fn descending_key(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    let ascending = if bits & SIGN == 0 { bits | SIGN } else { !bits };
    !ascending
}

fn score_of(key: u64) -> f64 {
    let ascending = !key;
    f64::from_bits(if ascending & SIGN == 0 {
        !ascending
    } else {
        ascending & !SIGN
    })
}

/// The scores of either class in descending order: all that unweighted rankings need, in eight
/// bytes an item.
pub(super) struct SortedClasses {
    positives: Vec<u64>,
    negatives: Vec<u64>,
}

impl SortedClasses {
    pub(super) fn new(labels: &[bool], scores: &[f64]) -> Self {
        let keys_of = |class: bool| -> Vec<u64> {
            let items = labels.iter().zip(scores);
            let of_class = items.filter(|(label, _)| **label == class);
            let mut keys: Vec<u64> = of_class.map(|(_, score)| descending_key(*score)).collect();
            keys.par_sort_unstable();
            keys
        };
        let (positives, negatives) = rayon::join(|| keys_of(true), || keys_of(false));
        Self {
            positives,
            negatives,
        }
    }

    /// In descending order of the score.
    pub(super) fn ties(&self) -> impl Iterator<Item = Tie> {
        let (mut positives, mut negatives) = (&*self.positives, &*self.negatives);
        std::iter::from_fn(move || {
            let key = match (positives.first(), negatives.first()) {
                (Some(positive), Some(negative)) => *positive.min(negative),
                (Some(key), None) | (None, Some(key)) => *key,
                (None, None) => return None,
            };
            Some(Tie {
                score: score_of(key),
                positives: take_run(&mut positives, key),
                negatives: take_run(&mut negatives, key),
            })
        })
    }
}

/// Takes the items of `key` off the front; how many they were.
fn take_run(keys: &mut &[u64], key: u64) -> f64 {
    let count = keys.iter().take_while(|other| **other == key).count();
    *keys = &keys[count..];
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_scores_downwards_and_read_back() {
        let descending = [
            f64::MAX,
            1.5,
            1.0,
            f64::MIN_POSITIVE,
            0.0,
            -1e-300,
            -2.0,
            f64::MIN,
        ];
        for pair in descending.windows(2) {
            assert!(
                descending_key(pair[0]) < descending_key(pair[1]),
                "{pair:?}"
            );
        }
        for score in descending {
            assert_eq!(score_of(descending_key(score)), score);
        }
        assert_eq!(descending_key(0.0), descending_key(-0.0));
    }
}
