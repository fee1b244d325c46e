use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::calibration::BINS;
use super::undefined::{Undefined, finite, share};
use pipeline_error::Error;

/// Numbers that are true and numbers that are predicted, prepared so that every metric is a linear pass under any weights.
#[derive(Clone, Debug)]
pub struct RegressionScores {
    observed: Vec<f64>,
    predicted: Vec<f64>,
}

/// What is measured of predicted numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegressionMetrics {
    /// Mean absolute error, in the unit of the numbers.
    pub mae: Result<f64, Undefined>,
    /// Root of the mean squared error, in the unit of the numbers.
    pub rmse: Result<f64, Undefined>,
    /// 1 − squared errors / squared distances from the mean; 0: no better than the mean.
    pub r2: Result<f64, Undefined>,
    /// Mean of predicted − observed, in the unit of the numbers: more than 0 is too high.
    pub bias: Result<f64, Undefined>,
    /// Slope of the least-squares line observed = intercept + slope · predicted: 1 is perfect, less: too extreme.
    pub calibration_slope: Result<f64, Undefined>,
    /// Its intercept, in the unit of the numbers.
    pub calibration_intercept: Result<f64, Undefined>,
}

/// Items whose predictions are neighbours: a tenth of them.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MeanBin {
    /// Items in it.
    pub n: usize,
    /// Mean of what is predicted of them.
    pub mean_predicted: f64,
    /// Mean of what is observed of them.
    pub mean_observed: f64,
}

impl RegressionMetrics {
    /// The metrics' names, in the order of [`RegressionMetrics::results`].
    pub const NAMES: [&'static str; 6] = [
        "mae",
        "rmse",
        "r2",
        "bias",
        "calibration_slope",
        "calibration_intercept",
    ];

    /// Every metric, or why it has no value.
    pub fn results(&self) -> [Result<f64, Undefined>; 6] {
        [
            self.mae,
            self.rmse,
            self.r2,
            self.bias,
            self.calibration_slope,
            self.calibration_intercept,
        ]
    }

    /// Every metric that has a value, as [`super::Bootstrap`] takes them.
    pub fn values(&self) -> Vec<Option<f64>> {
        self.results().into_iter().map(Result::ok).collect()
    }
}

impl RegressionScores {
    /// Errors: lengths that differ, what is no finite number.
    pub fn new(observed: Vec<f64>, predicted: Vec<f64>) -> Result<Self, Error> {
        if observed.len() != predicted.len() {
            return Err(Error::stage(format!(
                "regression scores: {} observed numbers but {} predicted ones",
                observed.len(),
                predicted.len()
            )));
        }
        for (what, numbers) in [("observed", &observed), ("predicted", &predicted)] {
            if let Some(at) = numbers.iter().position(|number| !number.is_finite()) {
                return Err(Error::stage(format!(
                    "regression scores: {what} number {at} (counting from 0) is {}",
                    numbers[at]
                )));
            }
        }
        Ok(Self {
            observed,
            predicted,
        })
    }

    /// The number of items.
    pub fn len(&self) -> usize {
        self.observed.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.observed.is_empty()
    }

    /// What is true of each.
    pub fn observed(&self) -> &[f64] {
        &self.observed
    }

    /// What is predicted of each.
    pub fn predicted(&self) -> &[f64] {
        &self.predicted
    }

    /// Measures under weights, one an item.
    pub fn measure(&self, weights: &[f64]) -> RegressionMetrics {
        let items = || (self.observed.iter().zip(&self.predicted)).zip(weights);
        let total: f64 = weights.iter().sum();
        let mean = |of: &dyn Fn(f64, f64) -> f64| {
            let sum: f64 = items().map(|((o, p), weight)| weight * of(*o, *p)).sum();
            share(sum, total, Undefined::NoStays).and_then(finite)
        };
        // Means are those of the distances from the first item: of numbers that are all the same they are that number, and not
        // a rounded neighbour of it, which would have a variance.
        let first = items().find(|(_, weight)| **weight > 0.0);
        let (first_o, first_p) = first.map_or((0.0, 0.0), |((o, p), _)| (*o, *p));
        let observed = mean(&|o, _| o - first_o).map(|distance| first_o + distance);
        let predicted = mean(&|_, p| p - first_p).map(|distance| first_p + distance);
        let (mean_o, mean_p) = (observed.unwrap_or(0.0), predicted.unwrap_or(0.0));
        // Around the means: sums of squares of large numbers would cancel.
        let variance = mean(&|o, _| (o - mean_o).powi(2));
        let spread = mean(&|_, p| (p - mean_p).powi(2));
        let together = mean(&|o, p| (o - mean_o) * (p - mean_p));
        let squared = mean(&|o, p| (p - o).powi(2));
        // Without a sum of squares, numbers are the same, or too close for their squares.
        let same = |is_other: &dyn Fn(f64, f64) -> bool, reason| {
            let mut held = items().filter(|(_, weight)| **weight > 0.0);
            match held.any(|((o, p), _)| is_other(*o, *p)) {
                true => Undefined::OutOfRange,
                false => reason,
            }
        };
        let slope = || {
            let constant = same(&|_, p| p != first_p, Undefined::ConstantScores);
            share(together?, spread?, constant).and_then(finite)
        };
        let r2 = || {
            let constant = same(&|o, _| o != first_o, Undefined::ConstantOutcome);
            finite(1.0 - share(squared?, variance?, constant)?)
        };
        let slope = slope();
        let intercept = || finite(observed? - slope? * predicted?);
        RegressionMetrics {
            mae: mean(&|o, p| (p - o).abs()),
            rmse: squared.map(f64::sqrt),
            r2: r2(),
            bias: mean(&|o, p| p - o),
            calibration_slope: slope,
            calibration_intercept: intercept(),
        }
    }

    /// Observed and predicted means of tenths of the items, by what is predicted of them; fewer where there are fewer items.
    pub fn calibration_bins(&self) -> Vec<MeanBin> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|a, b| {
            self.predicted[*a]
                .total_cmp(&self.predicted[*b])
                .then(a.cmp(b))
        });
        let bins = BINS.min(self.len());
        let bin = |bin: usize| {
            let items = &order[self.len() * bin / bins..self.len() * (bin + 1) / bins];
            let mean = |numbers: &[f64]| {
                items.iter().map(|item| numbers[*item]).sum::<f64>() / items.len() as f64
            };
            MeanBin {
                n: items.len(),
                mean_predicted: mean(&self.predicted),
                mean_observed: mean(&self.observed),
            }
        };
        (0..bins).map(bin).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores() -> RegressionScores {
        let observed = vec![3.0, -0.5, 2.0, 7.0];
        RegressionScores::new(observed, vec![2.5, 0.0, 2.0, 8.0]).unwrap()
    }

    /// The example of scikit-learn's own documentation of these metrics.
    #[test]
    fn metrics_are_those_of_scikit_learn() {
        let metrics = scores().measure(&[1.0; 4]);
        assert_eq!(metrics.mae, Ok(0.5));
        assert!((metrics.rmse.unwrap() - 0.612_372_435_695_794_5).abs() < 1e-15);
        assert!((metrics.r2.unwrap() - 0.948_608_137_044_967_9).abs() < 1e-15);
        assert_eq!(metrics.bias, Ok(0.25));
    }

    #[test]
    fn a_weight_counts_as_copies_do() {
        let twice = RegressionScores::new(vec![3.0, 3.0, -0.5, 7.0], vec![2.5, 2.5, 0.0, 8.0]);
        let copied = twice.unwrap().measure(&[1.0; 4]).results();
        let weighted = scores().measure(&[2.0, 1.0, 0.0, 1.0]).results();
        for (one, other) in copied.into_iter().zip(weighted) {
            assert!((one.unwrap() - other.unwrap()).abs() < 1e-12);
        }
    }

    #[test]
    fn what_has_no_value_says_why() {
        let same = RegressionScores::new(vec![2.0, 2.0], vec![1.0, 1.0]).unwrap();
        let metrics = same.measure(&[1.0, 1.0]);
        assert_eq!(metrics.r2, Err(Undefined::ConstantOutcome));
        assert_eq!(metrics.calibration_slope, Err(Undefined::ConstantScores));
        assert_eq!(same.measure(&[0.0, 0.0]).mae, Err(Undefined::NoStays));
        assert!(RegressionScores::new(vec![1.0], vec![f64::NAN]).is_err());
        assert!(RegressionScores::new(vec![1.0], vec![]).is_err());
    }

    /// Sums of 3.7 and 0.1 are rounded, and a mean of them lies beside them.
    #[test]
    fn constants_are_known_through_rounding() {
        let observed: Vec<f64> = (0..12).map(|item| f64::from(item) * 0.37).collect();
        let same = |number: f64| vec![number; 12];
        let weights: Vec<f64> = (0..12).map(|item| f64::from(item % 3)).collect();
        for weights in [vec![1.0; 12], weights] {
            let scores = RegressionScores::new(observed.clone(), same(3.7)).unwrap();
            let metrics = scores.measure(&weights);
            let constant = Err(Undefined::ConstantScores);
            assert_eq!(metrics.calibration_slope, constant);
            assert_eq!(metrics.calibration_intercept, constant);
            let scores = RegressionScores::new(same(0.1), observed.clone()).unwrap();
            let metrics = scores.measure(&weights);
            assert_eq!(metrics.r2, Err(Undefined::ConstantOutcome));
            assert_eq!(metrics.calibration_slope, Ok(0.0));
            assert_eq!(metrics.calibration_intercept, Ok(0.1));
        }
    }

    /// An item without weight is not in the resample, whatever is said of it.
    #[test]
    fn what_has_no_weight_varies_nothing() {
        let scores = RegressionScores::new(vec![1.0, 0.1, 0.1, 0.1], vec![9.0, 3.7, 3.7, 3.7]);
        let metrics = scores.unwrap().measure(&[0.0, 2.0, 1.0, 3.0]);
        assert_eq!(metrics.r2, Err(Undefined::ConstantOutcome));
        assert_eq!(metrics.calibration_slope, Err(Undefined::ConstantScores));
    }

    #[test]
    fn numbers_whose_squares_are_beyond_floats_say_so() {
        let scores = RegressionScores::new(vec![1.0, 2.0], vec![1e200, -1e200]).unwrap();
        let metrics = scores.measure(&[1.0, 1.0]);
        let beyond = Err(Undefined::OutOfRange);
        let squares = [
            metrics.rmse,
            metrics.r2,
            metrics.calibration_slope,
            metrics.calibration_intercept,
        ];
        assert_eq!(squares, [beyond; 4]);
        assert_eq!(metrics.mae, Ok(1e200));
        let close = RegressionScores::new(vec![0.0, 1e-200], vec![0.0, 1e-200]).unwrap();
        let metrics = close.measure(&[1.0, 1.0]);
        assert_eq!((metrics.r2, metrics.calibration_slope), (beyond, beyond));
        assert_eq!(metrics.mae, Ok(0.0));
    }

    #[test]
    fn bins_hold_all_items_in_the_order_of_their_predictions() {
        let observed: Vec<f64> = (0..25).map(|item| f64::from(item) + 1.0).collect();
        let predicted: Vec<f64> = (0..25).map(f64::from).collect();
        let bins = RegressionScores::new(observed, predicted)
            .unwrap()
            .calibration_bins();
        assert_eq!(bins.len(), BINS);
        assert_eq!(bins.iter().map(|bin| bin.n).sum::<usize>(), 25);
        assert!(
            bins.iter()
                .all(|bin| (bin.mean_observed - bin.mean_predicted - 1.0).abs() < 1e-12)
        );
        assert!(
            bins.windows(2)
                .all(|pair| pair[0].mean_predicted < pair[1].mean_predicted)
        );
    }
}
