use super::block::LANES;
use super::bootstrap::Bootstrap;
use super::calibration::{self, BINS, CalibrationBin, CalibrationStart};
use super::confusion::Confusion;
use super::input;
use super::logit_line::logit;
use super::probability::{log_loss_term, target};
use super::ranked_block::divided;
use super::ranking::Ranking;
use super::resampled::Resampled;
use super::tie::{Tie, area_under_roc, precision_sum};
use super::undefined::{Undefined, share};
use pipeline_error::Error;

/// Labels and probabilities of the positive class, prepared so that every metric is a linear pass
/// under any weights: those of a bootstrap resample, or of a subgroup (0 for who is not in it).
#[derive(Clone, Debug)]
pub struct BinaryScores {
    labels: Vec<bool>,
    pub(super) targets: Vec<f64>,
    probabilities: Vec<f64>,
    pub(super) logits: Vec<f64>,
    pub(super) squares: Vec<f64>,
    pub(super) log_losses: Vec<f64>,
    pub(super) calibration: CalibrationStart,
    /// The items of every bin of equal width.
    pub(super) width_bins: [Vec<u32>; BINS],
    ranking: Ranking,
}

/// What is measured without a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinaryMetrics {
    /// Area under the ROC curve.
    pub auroc: Result<f64, Undefined>,
    /// Average precision.
    pub average_precision: Result<f64, Undefined>,
    /// Mean squared error of the probabilities.
    pub brier: Result<f64, Undefined>,
    /// Mean negative log likelihood, in nats.
    pub log_loss: Result<f64, Undefined>,
    /// See [`super::LogisticCalibration`].
    pub calibration_slope: Result<f64, Undefined>,
    /// See [`super::LogisticCalibration`].
    pub calibration_intercept: Result<f64, Undefined>,
    /// Expected calibration error, ten bins of equal width.
    pub ece: Result<f64, Undefined>,
    /// Expected calibration error, ten bins of equal weight.
    pub ece_equal_mass: Result<f64, Undefined>,
}

impl BinaryMetrics {
    /// The metrics' names, in the order of [`BinaryMetrics::results`].
    pub const NAMES: [&'static str; 8] = [
        "auroc",
        "average_precision",
        "brier",
        "log_loss",
        "calibration_slope",
        "calibration_intercept",
        "ece",
        "ece_equal_mass",
    ];

    /// Every metric, or why it has no value.
    pub fn results(&self) -> [Result<f64, Undefined>; 8] {
        [
            self.auroc,
            self.average_precision,
            self.brier,
            self.log_loss,
            self.calibration_slope,
            self.calibration_intercept,
            self.ece,
            self.ece_equal_mass,
        ]
    }

    /// Every metric that has a value, as [`super::Bootstrap`] takes them.
    pub fn values(&self) -> Vec<Option<f64>> {
        self.results().into_iter().map(Result::ok).collect()
    }
}

impl BinaryScores {
    /// Sorts. Errors: lengths that differ, what is no probability.
    pub fn new(labels: Vec<bool>, probabilities: Vec<f64>) -> Result<Self, Error> {
        input::probabilities("scores", &labels, &probabilities)?;
        let items = labels.iter().zip(&probabilities);
        let targets: Vec<f64> = labels.iter().map(|label| target(*label)).collect();
        let logits: Vec<f64> = probabilities.iter().map(|p| logit(*p)).collect();
        let errors = targets.iter().zip(&probabilities);
        let ranking = Ranking::new(&labels, &probabilities)?;
        Ok(Self {
            calibration: CalibrationStart::near(&logits, &targets),
            squares: errors.map(|(target, p)| (p - target).powi(2)).collect(),
            width_bins: calibration::by_bin(&probabilities),
            targets,
            logits,
            log_losses: items
                .map(|(label, p)| log_loss_term(if *label { *p } else { 1.0 - p }))
                .collect(),
            ranking,
            labels,
            probabilities,
        })
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Whether these are the same labels and probabilities, in the same order.
    pub fn says_as(&self, other: &Self) -> bool {
        self.labels == other.labels && self.probabilities == other.probabilities
    }

    /// Whether each item is positive.
    pub fn labels(&self) -> &[bool] {
        &self.labels
    }

    /// The probability of each item.
    pub fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    /// The items by probability: what [`super::curves`] are drawn from.
    pub fn ranking(&self) -> &Ranking {
        &self.ranking
    }

    /// Measures under weights, one an item. They are checked by [`BinaryScores::check_weights`].
    pub fn measure(&self, weights: &[f64]) -> BinaryMetrics {
        let total: f64 = weights.iter().sum();
        let mean = |terms: &mut dyn Iterator<Item = f64>| -> Result<f64, Undefined> {
            let sum = terms.zip(weights).map(|(term, weight)| term * weight).sum();
            share(sum, total, Undefined::NoStays)
        };
        let (calibration, _) = self.calibration.fit(&self.logits, &self.targets, weights);
        let ties: Vec<Tie> = self.ranking.ties(weights).collect();
        BinaryMetrics {
            auroc: area_under_roc(ties.iter().copied()),
            average_precision: precision_sum(ties.iter().copied()),
            brier: mean(&mut self.squares.iter().copied()),
            log_loss: mean(&mut self.log_losses.iter().copied()),
            calibration_slope: calibration.slope,
            calibration_intercept: calibration.intercept,
            ece: calibration::expected_calibration_error(
                &self.labels,
                &self.probabilities,
                weights,
            ),
            ece_equal_mass: calibration::equal_mass_error(&ties),
        }
    }

    /// Measures the items that are `members`, or all, and does so in every resample of the bootstrap, whose stays must be
    /// the items.
    pub fn resample(
        &self,
        members: Option<&[bool]>,
        bootstrap: &Bootstrap,
    ) -> (BinaryMetrics, Resampled) {
        let mut once = bootstrap.unit_weights();
        for (weight, is_member) in once.iter_mut().zip(members.into_iter().flatten()) {
            *weight = f64::from(u8::from(*is_member));
        }
        let whole = self.measure(&once);
        let resampled = bootstrap.resample_blocks(whole.values(), |block| {
            let measured = self.measure_block(&block.of(members));
            measured.map(|metrics| metrics.values())
        });
        (whole, resampled)
    }

    /// `statistic` of what a threshold makes of the classes, of all items and in every resample.
    pub fn resample_confusion(
        &self,
        threshold: f64,
        bootstrap: &Bootstrap,
        statistic: impl Fn(&Confusion) -> Vec<Option<f64>> + Sync,
    ) -> Resampled {
        let whole = self.confusion(threshold, &bootstrap.unit_weights());
        bootstrap.resample_blocks(statistic(&whole), |block| {
            let [above, below] = divided(&self.ranking, block, threshold);
            std::array::from_fn::<_, LANES, _>(|lane| {
                statistic(&Confusion {
                    true_positives: above.positives[lane],
                    false_positives: above.negatives[lane],
                    true_negatives: below.negatives[lane],
                    false_negatives: below.positives[lane],
                })
            })
        })
    }

    /// What a threshold makes of the classes.
    pub fn confusion(&self, threshold: f64, weights: &[f64]) -> Confusion {
        Confusion::at(threshold, &self.labels, &self.probabilities, weights)
    }

    /// The calibration curve.
    pub fn calibration_bins(&self, weights: &[f64]) -> Vec<CalibrationBin> {
        calibration::calibration_bins(&self.labels, &self.probabilities, weights)
    }

    /// Refuses weights of another number, negative ones and those that are not finite.
    pub fn check_weights(&self, weights: &[f64]) -> Result<(), Error> {
        input::weights("scores", self.len(), weights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [bool; 6] = [true, false, true, false, true, false];
    const PROBABILITIES: [f64; 6] = [0.9, 0.2, 0.4, 0.5, 0.7, 0.1];

    #[test]
    fn weights_measure_what_repetition_would() {
        let weights = [2.0, 1.0, 0.0, 3.0, 1.0, 1.0];
        let (mut labels, mut probabilities) = (Vec::new(), Vec::new());
        for item in 0..6 {
            for _ in 0..weights[item] as usize {
                labels.push(LABELS[item]);
                probabilities.push(PROBABILITIES[item]);
            }
        }
        let scores = BinaryScores::new(LABELS.to_vec(), PROBABILITIES.to_vec()).unwrap();
        let repeated = BinaryScores::new(labels.clone(), probabilities.clone()).unwrap();
        let (ours, expected) = (scores.measure(&weights), repeated.measure(&[1.0; 8]));
        for ((name, ours), expected) in BinaryMetrics::NAMES
            .iter()
            .zip(ours.results())
            .zip(expected.results())
        {
            match (ours, expected) {
                (Ok(ours), Ok(expected)) => assert!((ours - expected).abs() < 1e-9, "{name}"),
                (ours, expected) => assert_eq!(ours, expected, "{name}"),
            }
        }
        let unweighted = crate::brier(&labels, &probabilities).unwrap().unwrap();
        assert!((expected.brier.unwrap() - unweighted).abs() < 1e-15);
    }

    #[test]
    fn weights_that_are_none_are_named() {
        let scores = BinaryScores::new(LABELS.to_vec(), PROBABILITIES.to_vec()).unwrap();
        let error = |weights: &[f64]| scores.check_weights(weights).unwrap_err().to_string();
        assert!(error(&[1.0]).contains("6 items but 1 weights"));
        let negative = error(&[1.0, 1.0, -0.5, 1.0, 1.0, 1.0]);
        assert!(negative.contains("weight 2 (counting from 0) is -0.5"));
        assert!(BinaryScores::new(vec![true], vec![1.5]).is_err());
    }
}
