//! What a simple model reaches: every evaluation may say so beside its own numbers.

mod kind;
mod linear_baseline;
mod summary_features;

pub use kind::Baseline;
pub use linear_baseline::{LinearBaseline, TrueRows, fit_on_validation};
pub use summary_features::SummaryFeatures;
