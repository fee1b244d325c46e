//! Scores of binary predictions: pure functions over slices, in `f64`, O(n log n) at most.
//!
//! Every function answers `Ok(None)` where the metric is undefined (no item, or a class
//! without members) and an error where the input is wrong: a metric of NaN never gets out.

mod input;
mod probability;
mod ranking;

pub use probability::{accuracy, brier, log_loss};
pub use ranking::{auroc, average_precision};

#[cfg(test)]
fn assert_close(found: Option<f64>, expected: f64) {
    let found = found.expect("the metric is defined");
    assert!(
        (found - expected).abs() < 1e-12,
        "{found} is not {expected}"
    );
}
