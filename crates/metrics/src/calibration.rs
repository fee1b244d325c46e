//! Whether a probability of 0.3 means three in ten.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::logit_line::{Free, Items, LogitLine};
use super::ranking::Ranking;
use super::tie::Tie;
use super::undefined::{Undefined, share};

/// Bins of the expected calibration error and of the calibration curve.
pub const BINS: usize = 10;

/// Items whose probabilities lie in one tenth of [0, 1]; the last bin holds 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CalibrationBin {
    /// Where the bin begins.
    pub lower: f64,
    /// Where it ends.
    pub upper: f64,
    /// The items in it, or their weight.
    pub n: f64,
    /// Their mean probability; null in an empty bin.
    pub mean_probability: Option<f64>,
    /// Share of them that are positive; null in an empty bin.
    pub observed: Option<f64>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Bin {
    pub(super) weight: f64,
    pub(super) probability: f64,
    pub(super) positives: f64,
}

impl Bin {
    fn error(&self) -> f64 {
        (self.probability - self.positives).abs()
    }
}

/// Of the bin [b / 10, (b + 1) / 10) that `probability` lies in: the edges are the numbers nearest to
/// tenths, so that 0.3 begins a bin though 0.3 · 10 is less than 3 for some neighbours.
pub(super) fn bin_of(probability: f64) -> usize {
    let guess = ((probability * BINS as f64) as usize).min(BINS - 1);
    if probability < edge(guess) {
        guess - 1
    } else if guess + 1 < BINS && probability >= edge(guess + 1) {
        guess + 1
    } else {
        guess
    }
}

fn edge(bin: usize) -> f64 {
    bin as f64 / BINS as f64
}

/// The items of each bin of equal width, in their order.
pub(super) fn by_bin(probabilities: &[f64]) -> [Vec<u32>; BINS] {
    let mut bins: [Vec<u32>; BINS] = Default::default();
    for (probability, item) in probabilities.iter().zip(0..) {
        bins[bin_of(*probability)].push(item);
    }
    bins
}

fn equal_width(labels: &[bool], probabilities: &[f64], weights: &[f64]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    for ((label, probability), weight) in labels.iter().zip(probabilities).zip(weights) {
        let bin = &mut bins[bin_of(*probability)];
        bin.weight += weight;
        bin.probability += weight * probability;
        bin.positives += if *label { *weight } else { 0.0 };
    }
    bins
}

pub(super) fn weighted_error(bins: &[Bin]) -> Result<f64, Undefined> {
    let total = bins.iter().map(|bin| bin.weight).sum();
    let error = bins.iter().map(Bin::error).sum();
    share(error, total, Undefined::NoStays)
}

/// Expected calibration error: the distance between mean probability and share of positives in ten
/// bins of equal width, each counting by its weight (Naeini et al. 2015, Guo et al. 2017).
pub fn expected_calibration_error(
    labels: &[bool],
    probabilities: &[f64],
    weights: &[f64],
) -> Result<f64, Undefined> {
    weighted_error(&equal_width(labels, probabilities, weights))
}

/// The same with ten bins of equal weight, by rank (Nguyen and O'Connor 2015). Items that share a
/// probability share a bin: that of their middle rank.
pub fn equal_mass_calibration_error(ranking: &Ranking, weights: &[f64]) -> Result<f64, Undefined> {
    equal_mass_error(&ranking.ties(weights).collect::<Vec<Tie>>())
}

pub(super) fn equal_mass_error(ties: &[Tie]) -> Result<f64, Undefined> {
    let total: f64 = ties.iter().map(Tie::weight).sum();
    let mut bins = [Bin::default(); BINS];
    let mut before = 0.0;
    for tie in ties {
        let middle = before + tie.weight() / 2.0;
        let bin = &mut bins[((middle / total * BINS as f64) as usize).min(BINS - 1)];
        bin.weight += tie.weight();
        bin.probability += tie.weight() * tie.score;
        bin.positives += tie.positives;
        before += tie.weight();
    }
    weighted_error(&bins)
}

/// The calibration curve: mean probability and share of positives in ten bins of equal width.
pub fn calibration_bins(
    labels: &[bool],
    probabilities: &[f64],
    weights: &[f64],
) -> Vec<CalibrationBin> {
    let bins = equal_width(labels, probabilities, weights);
    let bins = bins.iter().enumerate().map(|(at, bin)| {
        let mean = |sum: f64| (bin.weight > 0.0).then(|| sum / bin.weight);
        CalibrationBin {
            lower: edge(at),
            upper: edge(at + 1),
            n: bin.weight,
            mean_probability: mean(bin.probability),
            observed: mean(bin.positives),
        }
    });
    bins.collect()
}

/// Logistic recalibration of labels on the logits of their probabilities (Cox 1958; as reported by
/// Van Calster et al. 2019): what a perfectly calibrated model has is slope 1 and intercept 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogisticCalibration {
    /// Of logit(P(y = 1)) = a + slope · logit(p). Below 1: the probabilities are too extreme.
    pub slope: Result<f64, Undefined>,
    /// Of logit(P(y = 1)) = intercept + logit(p), calibration in the large. Below 0: the
    /// probabilities are too high.
    pub intercept: Result<f64, Undefined>,
}

impl LogisticCalibration {
    /// `targets` are 0 or 1, `logits` those of the probabilities.
    pub fn fit(logits: &[f64], targets: &[f64], weights: &[f64]) -> Self {
        CalibrationStart::PERFECT.fit(logits, targets, weights).0
    }
}

/// Where the search for a calibration begins: near its end it takes half the steps.
#[derive(Clone, Copy, Debug)]
pub(super) struct CalibrationStart {
    both: LogitLine,
    intercept: LogitLine,
}

impl CalibrationStart {
    const PERFECT: Self = {
        let line = LogitLine {
            intercept: 0.0,
            slope: 1.0,
        };
        Self {
            both: line,
            intercept: line,
        }
    };

    /// The calibration of all items: where that of a resample is near.
    pub(super) fn near(logits: &[f64], targets: &[f64]) -> Self {
        let weights = vec![1.0; logits.len()];
        Self::PERFECT.fit(logits, targets, &weights).1
    }

    /// The calibration, and its lines as a start for another search.
    pub(super) fn fit(
        &self,
        logits: &[f64],
        targets: &[f64],
        weights: &[f64],
    ) -> (LogisticCalibration, Self) {
        let items = Items::of(logits, targets, weights);
        self.fit_items(&items, &Span::of(&items))
    }

    /// The same of items that lie in `span`.
    pub(super) fn fit_items(&self, items: &Items, span: &Span) -> (LogisticCalibration, Self) {
        let fit = |start, free| match span.fittable(free) {
            Err(undefined) => Err(undefined),
            Ok(()) => LogitLine::fit(start, free, items),
        };
        let both = fit(self.both, Free::Both);
        let intercept = fit(self.intercept, Free::Intercept);
        let calibration = LogisticCalibration {
            slope: both.map(|line| line.slope),
            intercept: intercept.map(|line| line.intercept),
        };
        let lines = Self {
            both: both.unwrap_or(self.both),
            intercept: intercept.unwrap_or(self.intercept),
        };
        (calibration, lines)
    }
}

/// The lowest and the highest logit of the negatives, then of the positives; the wrong way round where there is none.
pub(super) struct Span(pub(super) [[f64; 2]; 2]);

impl Span {
    const NOTHING: [f64; 2] = [f64::INFINITY, f64::NEG_INFINITY];

    fn of(items: &Items) -> Self {
        let mut span = [Self::NOTHING; 2];
        for (logit, target, _) in items.each() {
            let [low, high] = &mut span[usize::from(target > 0.5)];
            *low = low.min(logit);
            *high = high.max(logit);
        }
        Self(span)
    }

    /// Whether there is a finite line: both classes, and for a slope two different logits, and no
    /// logit that has all positives on one side and all negatives on the other (Albert and Anderson 1984).
    fn fittable(&self, free: Free) -> Result<(), Undefined> {
        let [negatives, positives] = self.0;
        if negatives == Self::NOTHING && positives == Self::NOTHING {
            return Err(Undefined::NoStays);
        }
        if negatives == Self::NOTHING || positives == Self::NOTHING {
            return Err(Undefined::OneClass);
        }
        if free == Free::Intercept {
            return Ok(());
        }
        if negatives[0].min(positives[0]) == negatives[1].max(positives[1]) {
            return Err(Undefined::ConstantScores);
        }
        if negatives[1] <= positives[0] || positives[1] <= negatives[0] {
            return Err(Undefined::Separated);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_of_bins_are_tenths() {
        for tenth in 0..10 {
            assert_eq!(bin_of(f64::from(tenth) / 10.0), tenth as usize);
        }
        assert_eq!(bin_of(1.0), 9);
        assert_eq!(bin_of(0.3_f64.next_down()), 2);
        assert_eq!(bin_of(0.7_f64.next_down()), 6);
    }

    #[test]
    fn the_error_is_the_distance_of_bins_by_their_size() {
        let labels = [false, true, true, true];
        let probabilities = [0.1, 0.15, 0.9, 0.8];
        // Bin 1: |0.25 − 1|, bin 8: |0.8 − 1|, bin 9: |0.9 − 1|; over 4.
        let error = expected_calibration_error(&labels, &probabilities, &[1.0; 4]).unwrap();
        assert!((error - 1.05 / 4.0).abs() < 1e-12);
        let bins = calibration_bins(&labels, &probabilities, &[1.0; 4]);
        assert_eq!((bins[1].n, bins[1].observed), (2.0, Some(0.5)));
        assert_eq!((bins[0].n, bins[0].observed), (0.0, None));
        let none = expected_calibration_error(&[], &[], &[]);
        assert_eq!(none, Err(Undefined::NoStays));
    }

    #[test]
    fn bins_of_equal_mass_keep_ties_together() {
        let labels: Vec<bool> = (0..20).map(|item| item % 2 == 0).collect();
        let probabilities: Vec<f64> = (0..20).map(|item| f64::from(item / 2) / 10.0).collect();
        let ranking = Ranking::new(&labels, &probabilities).unwrap();
        let error = equal_mass_calibration_error(&ranking, &[1.0; 20]).unwrap();
        let expected: f64 = (0..10).map(|bin| (f64::from(bin) / 10.0 - 0.5).abs()).sum();
        assert!((error - expected / 10.0).abs() < 1e-12);
    }

    #[test]
    fn calibrated_groups_have_slope_one_and_intercept_zero() {
        let mut logits = Vec::new();
        let mut targets = Vec::new();
        for (probability, positives) in [(0.25_f64, 1), (0.75, 3)] {
            for item in 0..4 {
                logits.push((probability / (1.0 - probability)).ln());
                targets.push(f64::from(u8::from(item < positives)));
            }
        }
        let perfect = LogisticCalibration::fit(&logits, &targets, &[1.0; 8]);
        assert!((perfect.slope.unwrap() - 1.0).abs() < 1e-9);
        assert!(perfect.intercept.unwrap().abs() < 1e-9);
        let extreme: Vec<f64> = logits.iter().map(|logit| 2.0 * logit + 0.3).collect();
        let extreme = LogisticCalibration::fit(&extreme, &targets, &[1.0; 8]);
        assert!((extreme.slope.unwrap() - 0.5).abs() < 1e-9);
        assert!(extreme.intercept.unwrap() < 0.0);
    }

    #[test]
    fn what_has_no_finite_line_has_a_reason() {
        let slope = |logits: &[f64], targets: &[f64]| {
            LogisticCalibration::fit(logits, targets, &vec![1.0; logits.len()]).slope
        };
        assert_eq!(slope(&[], &[]), Err(Undefined::NoStays));
        assert_eq!(slope(&[1.0, 2.0], &[1.0, 1.0]), Err(Undefined::OneClass));
        assert_eq!(
            slope(&[1.0, 1.0], &[0.0, 1.0]),
            Err(Undefined::ConstantScores)
        );
        assert_eq!(
            slope(&[1.0, 2.0, 2.0], &[0.0, 0.0, 1.0]),
            Err(Undefined::Separated)
        );
        assert_eq!(slope(&[2.0, 1.0], &[0.0, 1.0]), Err(Undefined::Separated));
        // A stay that a resample leaves out is not there.
        let fit = LogisticCalibration::fit(&[1.0, 2.0, 0.0], &[0.0, 1.0, 1.0], &[1.0, 1.0, 0.0]);
        assert_eq!(fit.slope, Err(Undefined::Separated));
        assert!(fit.intercept.is_ok());
    }
}
