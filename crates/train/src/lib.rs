//! Training: losses, optimizers, schedules, the loops over batches, and their records.
//!
//! ```
//! use pipeline_train::schedule::Schedule;
//!
//! let constant = Schedule::default();
//! assert_eq!(constant.warmup_steps(), 0);
//! ```

pub mod baseline;
mod bits;
pub mod class_balance;
pub mod config;
pub mod course;
pub mod early_stopping;
pub mod gradients;
pub mod head;
pub mod head_input;
pub mod history;
pub mod linear_head;
mod logistic;
pub mod loss;
pub mod memory;
pub mod monitor;
pub mod monitored;
pub mod number_scale;
mod one_outcome;
pub mod open_backbone;
pub mod optimizer;
pub mod options;
pub mod pretrain;
pub mod replay;
pub mod resume;
pub mod schedule;
pub mod snapshot;
mod task_sums;
pub mod validation;
pub mod watch;
