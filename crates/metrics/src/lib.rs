//! Scores of predictions: pure functions over slices, in `f64`, O(n log n) at most.
//!
//! What is undefined for the items at hand (the AUROC of one class) is `Ok(None)` or an
//! [`Undefined`] that says why, never a number; wrong input is an error. A metric of NaN never
//! gets out.
//!
//! A [`Ranking`] sorts once; metrics and [`curves`] are then one pass under any weights, and a
//! [`Bootstrap`] draws such weights.
//!
//! ```
//! let labels = [true, false, true, false];
//! let scores = [0.9, 0.8, 0.7, 0.1];
//! assert_eq!(pipeline_metrics::auroc(&labels, &scores)?, Some(0.75));
//! assert_eq!(pipeline_metrics::auroc(&[true], &[0.5])?, None);
//! # Ok::<(), pipeline_error::Error>(())
//! ```

mod binary_block;
mod binary_scores;
mod block;
mod bootstrap;
mod calibration;
mod confusion;
mod curve_set;
pub mod curves;
mod exponential;
mod input;
mod interval;
mod isotonic;
mod lane_curve;
mod logit_line;
mod multi_label;
mod multiclass;
mod probability;
mod ranked_block;
mod ranking;
mod recalibration;
mod regression;
mod resampled;
mod score_key;
mod threshold;
mod tie;
mod undefined;

pub use binary_scores::{BinaryMetrics, BinaryScores};
pub use bootstrap::{Bootstrap, BootstrapSettings};
pub use calibration::{
    BINS, CalibrationBin, LogisticCalibration, calibration_bins, equal_mass_calibration_error,
    expected_calibration_error,
};
pub use confusion::Confusion;
pub use curve_set::{BandPoint, CurveSet};
pub use interval::Interval;
pub use isotonic::Isotonic;
pub use multi_label::{MultiLabelMetrics, MultiLabelScores};
pub use multiclass::{ClassMetrics, ClassScores};
pub use probability::{accuracy, brier, log_loss, softmax};
pub use ranking::{Ranking, auroc, average_precision};
pub use recalibration::{Recalibration, RecalibrationMethod};
pub use regression::{MeanBin, RegressionMetrics, RegressionScores};
pub use resampled::{PairedDifference, Resampled};
pub use threshold::ThresholdRule;
pub use tie::Tie;
pub use undefined::Undefined;

#[cfg(test)]
fn assert_close(found: Option<f64>, expected: f64) {
    let found = found.expect("the metric is defined");
    assert!(
        (found - expected).abs() < 1e-12,
        "{found} is not {expected}"
    );
}
