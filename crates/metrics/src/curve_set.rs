use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::binary_scores::BinaryScores;
use super::bootstrap::Bootstrap;
use super::calibration::CalibrationBin;
use super::curves::{
    self, DecisionPoint, LiftPoint, MAX_POINTS, PrecisionRecallPoint, RocPoint, thin,
};
use super::interval::Interval;
use super::lane_curve::{Cuts, lanes};
use super::ranked_block::RankedBlock;

/// Steps of the grids that bands of ROC and precision-recall curves are computed at.
const BAND_STEPS: usize = 50;

/// Where a curve lies in resamples, at one place of its horizontal axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BandPoint {
    /// The place: a false positive rate, a recall, a threshold, the middle of a bin.
    pub at: f64,
    /// The interval there; null where the curve is undefined in every resample, or nothing was resampled.
    pub interval: Option<Interval>,
}

/// Every curve of two-class probabilities, thinned for storage, with pointwise bands of the
/// bootstrap. Curves that are undefined are empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CurveSet {
    /// Receiver operating characteristic.
    pub roc: Vec<RocPoint>,
    /// Sensitivity by false positive rate.
    pub roc_band: Vec<BandPoint>,
    /// Precision by recall.
    pub precision_recall: Vec<PrecisionRecallPoint>,
    /// Precision by recall.
    pub precision_recall_band: Vec<BandPoint>,
    /// Ten bins of equal width.
    pub calibration: Vec<CalibrationBin>,
    /// Share of positives by bin.
    pub calibration_band: Vec<BandPoint>,
    /// Net benefit by threshold.
    pub decision: Vec<DecisionPoint>,
    /// Net benefit of acting on the model, by threshold.
    pub decision_band: Vec<BandPoint>,
    /// Lift by decile of the score.
    pub lift: Vec<LiftPoint>,
}

impl CurveSet {
    /// Draws the curves of `scores`, and their bands where the bootstrap has resamples. The
    /// bootstrap's stays must be those of the scores.
    pub fn draw(scores: &BinaryScores, bootstrap: &Bootstrap) -> Self {
        let once = bootstrap.unit_weights();
        let ranking = scores.ranking();
        let mut set = Self {
            roc: thin(&curves::roc(ranking, &once), MAX_POINTS, |point| {
                (point.false_positive_rate, point.sensitivity)
            }),
            precision_recall: thin(
                &curves::precision_recall(ranking, &once),
                MAX_POINTS,
                |point| (point.recall, point.precision),
            ),
            calibration: scores.calibration_bins(&once),
            decision: curves::decision(ranking, &once),
            lift: curves::lift(ranking, &once),
            ..Self::default()
        };
        if bootstrap.settings().resamples > 0 {
            set.draw_bands(scores, bootstrap);
        }
        set
    }

    fn draw_bands(&mut self, scores: &BinaryScores, bootstrap: &Bootstrap) {
        let ranking = scores.ranking();
        let grid: Vec<f64> = (0..=BAND_STEPS)
            .map(|step| step as f64 / BAND_STEPS as f64)
            .collect();
        let middles: Vec<f64> = (self.calibration.iter())
            .map(|bin| (bin.lower + bin.upper) / 2.0)
            .collect();
        let thresholds: Vec<f64> = self.decision.iter().map(|point| point.threshold).collect();
        // At recall 0 any precision is one of no stay.
        let places = [
            if self.roc.is_empty() { &[] } else { &grid[..] },
            if self.precision_recall.is_empty() {
                &[]
            } else {
                &grid[1..]
            },
            &middles,
            &thresholds,
        ];
        let [rates, recalls, ..] = places;
        let cuts = Cuts::of(ranking, &thresholds);
        // Of all items nothing is asked here.
        let count = places.iter().map(|places| places.len()).sum();
        let resampled = bootstrap.resample_blocks(vec![None; count], |block| {
            let ranked = RankedBlock::of(ranking, block);
            lanes(&ranked.tops).map(|curve| {
                let rates = rates.iter().map(|rate| curve.sensitivity_at(*rate));
                let recalls = recalls.iter().map(|recall| curve.precision_at(*recall));
                let bins = cuts.bins.iter().map(|bin| curve.observed(*bin));
                let decision = cuts.thresholds.iter().map(|cut| curve.net_benefit(cut));
                rates.chain(recalls).chain(bins).chain(decision).collect()
            })
        });
        let mut intervals = resampled.intervals().into_iter();
        let bands = places.map(|places| {
            let points = places.iter().zip(intervals.by_ref().take(places.len()));
            points
                .map(|(&at, interval)| BandPoint { at, interval })
                .collect()
        });
        [
            self.roc_band,
            self.precision_recall_band,
            self.calibration_band,
            self.decision_band,
        ] = bands;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BootstrapSettings;
    use pipeline_random::Stream;

    fn scores(count: usize) -> BinaryScores {
        let mut draws = Stream::new(2, "test").at(&[]);
        let probabilities: Vec<f64> = (0..count).map(|_| draws.uniform()).collect();
        let labels = probabilities.iter().map(|p| draws.uniform() < *p);
        BinaryScores::new(labels.collect(), probabilities).unwrap()
    }

    fn bootstrap(count: usize, resamples: usize) -> Bootstrap {
        let subjects: Vec<String> = (0..count).map(|stay| stay.to_string()).collect();
        let settings = BootstrapSettings {
            resamples,
            level: 0.95,
        };
        Bootstrap::new(settings, 1, &subjects)
    }

    #[test]
    fn bands_hold_their_curves_and_curves_are_short() {
        let scores = scores(600);
        let set = CurveSet::draw(&scores, &bootstrap(600, 200));
        assert!(set.roc.len() <= MAX_POINTS && set.roc.len() > 100);
        assert_eq!((set.roc_band.len(), set.decision_band.len()), (51, 99));
        let whole = curves::roc(scores.ranking(), &[1.0; 600]);
        for point in &set.roc_band {
            let interval = point.interval.unwrap();
            let sensitivity = curves::sensitivity_at(&whole, point.at).unwrap();
            assert!(interval.lower <= sensitivity && sensitivity <= interval.upper);
        }
        for (bin, point) in set.calibration.iter().zip(&set.calibration_band) {
            let interval = point.interval.unwrap();
            assert!(interval.lower <= bin.observed.unwrap());
            assert!(bin.observed.unwrap() <= interval.upper);
        }
    }

    #[test]
    fn without_resamples_there_are_no_bands() {
        let set = CurveSet::draw(&scores(30), &bootstrap(30, 0));
        assert!(!set.roc.is_empty());
        assert!(set.roc_band.is_empty() && set.calibration_band.is_empty());
    }

    #[test]
    fn a_class_alone_has_no_roc_curve() {
        let scores = BinaryScores::new(vec![false; 3], vec![0.1, 0.2, 0.3]).unwrap();
        let set = CurveSet::draw(&scores, &bootstrap(3, 10));
        assert!(set.roc.is_empty() && set.roc_band.is_empty());
        assert!(set.precision_recall.is_empty() && set.lift.is_empty());
        assert_eq!(set.calibration.len(), 10);
    }
}
