//! What people see: progress on standard error, tables on standard output.

pub mod artifact_table;
mod bars;
pub mod bundle;
pub mod comparison;
pub mod diagnosis_table;
mod evaluation_tables;
pub mod explanation;
pub mod inspection;
pub mod lines;
mod live;
mod pace;
pub mod plan_table;
pub mod profile_table;
pub mod progress;
pub mod run_summary;
pub mod run_table;
pub mod selftest_table;
pub mod submission;
pub mod sweep_plan_table;
pub mod sweep_table;
pub mod table;
