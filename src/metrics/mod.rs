//! Scores of binary predictions: pure functions over slices, in `f64`, O(n log n) at most.
//!
//! Every function answers `Ok(None)` where the metric is undefined (no item, or a class
//! without members) and an error where the input is wrong: a metric of NaN never gets out.

mod input;
mod probability;
mod ranking;

pub use probability::{accuracy, brier, log_loss};
pub use ranking::{auroc, average_precision};
