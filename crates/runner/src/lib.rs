//! The scheduler: decides what is out of date, runs it, and tells what happens as events.
//!
//! ```
//! use pipeline_runner::{RunOptions, survey};
//! use pipeline_store::Store;
//!
//! # fn main() -> Result<(), pipeline_error::Error> {
//! # let folder = tempfile::tempdir().unwrap();
//! let store = Store::open(folder.path().join(".pipeline"))?;
//! let nothing = survey(&[], &RunOptions::default(), &store)?;
//! assert!(nothing.is_empty());
//! # Ok(())
//! # }
//! ```

mod devices;
pub mod environment;
pub mod event;
mod execute;
pub mod explain;
mod fingerprints;
pub mod history;
mod journal;
mod lock;
mod locking;
pub mod options;
mod past_document;
pub mod plan;
mod reasons;
pub mod record;
mod recorded_event;
mod revision;
pub mod run;
mod scheduler;
mod selection;
mod sharing;
pub mod sweep;
#[cfg(test)]
mod tests;
mod threads;

pub use execute::thread_pool;
pub use explain::explain;
pub use lock::{Lock, LockedStage, Metric, Undefined};
pub use locking::lock_of;
pub use options::RunOptions;
pub use plan::{Surveyed, survey};
pub use recorded_event::{RecordedEvent, recorded_events};
pub use revision::Revision;
pub use run::{Documents, RunOutcome, RunSummary, run};
