//! One file a command: its arguments, and what it does.

pub mod bundle;
pub mod cache;
pub mod check;
pub mod compare;
pub mod completions;
pub mod diagnose;
pub mod explain;
pub mod export;
pub mod export_tensorboard;
pub mod graph;
pub mod help;
pub mod init;
pub mod inspect;
pub mod lock;
pub mod man;
pub mod mlflow;
pub mod outputs;
pub mod plan;
pub mod predict;
pub mod report;
pub mod run;
pub mod runs;
pub mod schema;
pub mod selftest;
pub mod sweep;
pub mod watch_serve;
