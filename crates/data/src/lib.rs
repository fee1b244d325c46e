//! Clinical time series: formats in, three Parquet tables out.
//!
//! [`build()`] reads a source and writes, sorted by stay id (numeric ids by number, before all
//! others), so that the bytes depend on the contents of the source, the settings and the seed only:
//!
//! | table | a row | columns |
//! |---|---|---|
//! | `stays` | a stay | `stay_id` utf8 · `subject_id` utf8 · `split` utf8 (train, validation, test) · `label` i64, null where the stage has no labels · `sets` u32 · `events` u32 · `prediction_time` timestamp (µs), where the source tells dates and times of prediction · the columns of the stage's `attributes`, utf8 or f64, null where they say nothing |
//! | `events` | an event, by stay, set, variable | `stay` u32 (row of `stays`) · `set` u32 (0, 1, … in its stay) · `minute` f64 since the stay began · `variable` u32 (row of `variables`) · `raw` f64, in the source's unit · `value` f32, z-score |
//! | `variables` | a variable, by name; beside the columns, as the text `inputs`, the settings of the [contract](contract) | `name` utf8 · `mean` f64 · `std` f64 · `constant` bool · `numeric` bool (events of it without a value are left out) · `train_events` u64 · `embedding` fixed-size list of f32 |
//!
//! [`dataset::Dataset::load`] reads them back. A stage with [targets](target) writes a fourth table, `targets`: `stay_id` utf8, and of every
//! target its columns, u32, of a regression f64, null where a stay has no value. So a new target leaves the other tables as they are.
//!
//! What is done to the events, in this order: only those inside the window (`hours`) are kept;
//! they are sorted by time and grouped into sets, one for each minute (or each `set_index`);
//! several values of a variable in one set become their mean (`duplicates`); stays without a
//! label (unless the stage has none) or without an event are refused or dropped; stays get their split; statistics are taken
//! from the training split (or from a file); values become z-scores and are clipped. A variable
//! that never varies in the training split counts as presence: each of its z-scores is 1. A
//! variable that the training split never shows has no statistics: its events are dropped,
//! counted and named.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use pipeline_data::{build, config::DataConfig, dataset::Dataset};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let config: DataConfig = serde_json::from_value(serde_json::json!({
//!     "source": { "format": "synthetic", "stays": 20 },
//!     "split": { "ratio": [0.6, 0.2, 0.2] },
//!     "embeddings": { "orthonormal": 16 },
//! }))?;
//! # let work = tempfile::tempdir()?;
//! build(&config, 1, work.path(), &AtomicBool::new(false), &mut |note| println!("{note}"))?;
//! let path = |name: &str| work.path().join(name);
//! let (events, stays, variables) = ("events.parquet", "stays.parquet", "variables.parquet");
//! let dataset = Dataset::load(&path(events), &path(stays), &path(variables))?;
//! assert_eq!(dataset.stays.len(), 20);
//! # Ok(())
//! # }
//! ```

mod address;
mod assemble;
mod attribute_column;
mod attributes;
mod build;
mod chunks;
pub mod config;
pub mod contract;
pub mod dataset;
mod decimal_text;
pub mod delimiter;
mod division;
mod embedding;
pub mod feature_table;
mod fit;
mod foreign_file;
pub mod given_predictions;
mod id_names;
mod ingest;
pub mod input_path;
mod join_columns;
mod leaks;
mod like;
mod load;
mod long_stays;
mod matched;
mod memory_size;
mod missing;
mod names;
mod notes;
pub mod parquet_file;
mod parquet_footer;
mod parquet_types;
pub mod plain_table;
pub mod preview;
mod profile;
mod records;
mod report;
mod score;
mod settings;
pub mod shard_names;
mod shift;
mod small_table;
mod source;
mod spelling_check;
mod spellings;
mod split;
mod split_table;
mod statistics;
mod statistics_file;
pub mod stay_chunks;
pub mod stay_columns;
mod stay_id;
mod stay_join;
pub mod subsample;
mod tables;
pub mod target;
mod target_values;
#[cfg(test)]
mod tests;
mod text_file;
mod time_zone;
mod typed_column;
mod warnings;

use std::sync::atomic::{AtomicBool, Ordering};

pub use build::{build, build_like};
pub use embedding::embedding_width;
pub use like::Like;
use pipeline_error::Error;
pub use report::{DataReport, SplitCounts};

/// [`Error::Interrupted`] once the user has asked to stop.
fn go_on(interrupted: &AtomicBool) -> Result<(), Error> {
    match interrupted.load(Ordering::Relaxed) {
        true => Err(Error::Interrupted),
        false => Ok(()),
    }
}
