//! Logistic regression with an L2 penalty, solved exactly: a baseline's, and a linear head's.

mod lbfgs;
mod path;
mod problem;

pub use path::{Fit, Path};
pub use problem::{Linear, Problem, Scaling, loss_and_slopes};
