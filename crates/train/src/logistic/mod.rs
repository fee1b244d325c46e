//! Linear models with an L2 penalty, solved exactly: a baseline's, and a linear head's.

mod lbfgs;
mod outcomes;
mod path;
mod problem;

pub use outcomes::Outcomes;
pub use path::{Fit, Path};
pub use problem::{Linear, Problem, Scaling};
