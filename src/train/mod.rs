//! Training: optimizer, losses' schedules, the loop over batches, and its records.

pub mod config;
