//! The scheduler: decides what is out of date, runs it, and tells what happens as events.

pub mod event;
mod execute;
mod fingerprints;
mod journal;
pub mod lock;
pub mod options;
pub mod plan;
mod reasons;
pub mod record;
pub mod run;
mod scheduler;
mod selection;
#[cfg(test)]
mod tests;

pub use lock::Lock;
pub use options::RunOptions;
pub use plan::{Surveyed, plan, survey};
pub use run::{RunOutcome, RunSummary, run};
