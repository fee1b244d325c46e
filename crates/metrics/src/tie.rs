use super::undefined::Undefined;

/// What shares one score: the weight of its positives and of its negatives.
///
/// Without weights these are counts. Sums of whole numbers below 2^53 are exact, so the order
/// of items inside a tie changes no bit of what is computed from them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tie {
    /// The score.
    pub score: f64,
    /// Weight of the positives.
    pub positives: f64,
    /// Weight of the negatives.
    pub negatives: f64,
}

impl Tie {
    /// Weight of both classes.
    pub fn weight(&self) -> f64 {
        self.positives + self.negatives
    }
}

/// Area under the ROC curve of ties in descending order of their score: the chance that a
/// positive scores above a negative, ties counting half (the Mann–Whitney statistic).
pub(super) fn area_under_roc(ties: impl Iterator<Item = Tie>) -> Result<f64, Undefined> {
    let (mut positives, mut negatives, mut wins) = (0.0, 0.0, 0.0);
    for tie in ties {
        wins += (positives + tie.positives / 2.0) * tie.negatives;
        positives += tie.positives;
        negatives += tie.negatives;
    }
    super::undefined::share(wins, positives * negatives, Undefined::OneClass)
}

/// Average precision of ties in descending order: sum of (R_n − R_{n−1}) P_n over the distinct
/// thresholds, as scikit-learn's `average_precision_score`, without interpolation.
pub(super) fn precision_sum(ties: impl Iterator<Item = Tie>) -> Result<f64, Undefined> {
    let (mut positives, mut retrieved, mut sum) = (0.0, 0.0, 0.0);
    for tie in ties {
        positives += tie.positives;
        retrieved += tie.weight();
        if tie.positives > 0.0 {
            sum += tie.positives * (positives / retrieved);
        }
    }
    super::undefined::share(sum, positives, Undefined::NoPositives)
}
