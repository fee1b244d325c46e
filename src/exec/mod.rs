//! The scheduler: decides what is out of date, runs it, and tells what happens as events.

pub mod comparison;
pub mod environment;
pub mod event;
mod execute;
pub mod explain;
mod fingerprints;
pub mod history;
mod journal;
pub mod lock;
pub mod options;
pub mod plan;
mod reasons;
pub mod record;
pub mod run;
mod scheduler;
mod selection;
pub mod sweep;
#[cfg(test)]
mod tests;

pub use explain::explain;
pub use lock::Lock;
pub use options::RunOptions;
pub use plan::{Surveyed, survey};
pub use run::{RunOutcome, RunSummary, run};
