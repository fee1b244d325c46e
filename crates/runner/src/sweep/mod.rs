//! What came of the variants of a sweep, and which setting is the best.

mod failures;
mod halving;
pub mod learning_curve;
mod node_result;
mod ranking;
pub mod record;

pub use failures::known_failures;
pub use halving::promoted;
pub use node_result::{NodeResult, NodeState};
pub use ranking::{check_objective, rank};
