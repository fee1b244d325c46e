//! What a simple model reaches: every evaluation may say so beside its own numbers.

mod kind;
mod logistic_regression;
mod summary_features;

pub use kind::Baseline;
pub use logistic_regression::{LabelledRows, LogisticRegression, fit_on_validation};
pub use summary_features::SummaryFeatures;
