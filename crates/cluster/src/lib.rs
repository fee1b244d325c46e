//! Jobs of Slurm, without Slurm: which stages become which jobs, the scripts of these, and how they stand by what the
//! queue and their workers say. Nothing is started here, and nothing is read but `cluster.toml`.
//!
//! ```
//! use pipeline_cluster::{Resources, TimeLimit};
//!
//! let stated = Resources { time: TimeLimit::parse("90m"), ..Resources::default() };
//! let by_kind = Resources { cpus: Some(4), ..Resources::default() };
//! let both = stated.over(&by_kind);
//! assert_eq!((both.cpus, both.time.unwrap().to_string()), (Some(4), "0-01:30:00".into()));
//! ```

mod arrange;
mod config;
mod ledger;
mod memory_limit;
mod pack;
mod queue;
mod resources;
mod retry;
mod script;
mod state;
mod time_limit;

pub use arrange::{After, Draft, Limits, Open, Situation, arrange, within};
pub use config::{Cluster, Flag, Retry, Word, published_schema};
pub use ledger::{Entry, JobRecord, Ledger};
pub use memory_limit::MemoryLimit;
pub use queue::{FORMAT, QueueRow, QueueState, parse};
pub use resources::{MOST_PACKED, Resources};
pub use retry::{Tries, tries};
pub use script::{Script, array_of, label};
pub use state::{End, Note, Seen, Stopped, TaskState, state};
pub use time_limit::TimeLimit;
