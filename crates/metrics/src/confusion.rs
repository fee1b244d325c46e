use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::undefined::{Undefined, share};

/// What a threshold makes of the classes; an item with a score of at least the threshold is
/// predicted positive. Counts, or sums of weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Confusion {
    /// Positives that are predicted positive.
    pub true_positives: f64,
    /// Negatives that are predicted positive.
    pub false_positives: f64,
    /// Negatives that are predicted negative.
    pub true_negatives: f64,
    /// Positives that are predicted negative.
    pub false_negatives: f64,
}

impl Confusion {
    /// Of items of the same number.
    pub fn at(threshold: f64, labels: &[bool], scores: &[f64], weights: &[f64]) -> Self {
        let mut table = Self::default();
        for ((label, score), weight) in labels.iter().zip(scores).zip(weights) {
            *match (*score >= threshold, *label) {
                (true, true) => &mut table.true_positives,
                (true, false) => &mut table.false_positives,
                (false, false) => &mut table.true_negatives,
                (false, true) => &mut table.false_negatives,
            } += weight;
        }
        table
    }

    fn total(&self) -> f64 {
        self.true_positives + self.false_positives + self.true_negatives + self.false_negatives
    }

    /// Share of all that are predicted right.
    pub fn accuracy(&self) -> Result<f64, Undefined> {
        let right = self.true_positives + self.true_negatives;
        share(right, self.total(), Undefined::NoStays)
    }

    /// Share of the positives that are predicted positive (recall).
    pub fn sensitivity(&self) -> Result<f64, Undefined> {
        let positives = self.true_positives + self.false_negatives;
        share(self.true_positives, positives, Undefined::NoPositives)
    }

    /// Share of the negatives that are predicted negative.
    pub fn specificity(&self) -> Result<f64, Undefined> {
        let negatives = self.true_negatives + self.false_positives;
        share(self.true_negatives, negatives, Undefined::NoNegatives)
    }

    /// Positive predictive value (precision): share of those predicted positive that are.
    pub fn ppv(&self) -> Result<f64, Undefined> {
        let predicted = self.true_positives + self.false_positives;
        share(
            self.true_positives,
            predicted,
            Undefined::NonePredictedPositive,
        )
    }

    /// Negative predictive value: share of those predicted negative that are.
    pub fn npv(&self) -> Result<f64, Undefined> {
        let predicted = self.true_negatives + self.false_negatives;
        share(
            self.true_negatives,
            predicted,
            Undefined::NonePredictedNegative,
        )
    }

    /// F1, the harmonic mean of sensitivity and positive predictive value: 2 TP / (2 TP + FP + FN).
    pub fn f1(&self) -> Result<f64, Undefined> {
        let twice = 2.0 * self.true_positives;
        let whole = twice + self.false_positives + self.false_negatives;
        share(twice, whole, Undefined::NoPositives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_counts_from_the_threshold_on_and_weighs() {
        let labels = [true, true, false, false, false];
        let scores = [0.9, 0.4, 0.5, 0.1, 0.2];
        let table = Confusion::at(0.5, &labels, &scores, &[1.0, 1.0, 1.0, 1.0, 2.0]);
        let expected = Confusion {
            true_positives: 1.0,
            false_positives: 1.0,
            true_negatives: 3.0,
            false_negatives: 1.0,
        };
        assert_eq!(table, expected);
        assert_eq!(table.accuracy(), Ok(4.0 / 6.0));
        assert_eq!(table.sensitivity(), Ok(0.5));
        assert_eq!(table.specificity(), Ok(0.75));
        assert_eq!(table.ppv(), Ok(0.5));
        assert_eq!(table.npv(), Ok(0.75));
        assert_eq!(table.f1(), Ok(0.5));
    }

    #[test]
    fn a_share_of_nothing_has_a_reason_and_no_value() {
        let none = Confusion::default();
        assert_eq!(none.accuracy(), Err(Undefined::NoStays));
        assert_eq!(none.sensitivity(), Err(Undefined::NoPositives));
        assert_eq!(none.specificity(), Err(Undefined::NoNegatives));
        assert_eq!(none.ppv(), Err(Undefined::NonePredictedPositive));
        assert_eq!(none.npv(), Err(Undefined::NonePredictedNegative));
        assert_eq!(none.f1(), Err(Undefined::NoPositives));
        // A positive that nobody finds: F1 is 0 by its formula, the predictive value is undefined.
        let missed = Confusion::at(0.5, &[true], &[0.1], &[1.0]);
        assert_eq!(missed.f1(), Ok(0.0));
        assert_eq!(missed.ppv(), Err(Undefined::NonePredictedPositive));
    }
}
