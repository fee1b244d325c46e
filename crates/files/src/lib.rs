//! Which files a path means: one, those below a folder, or those that fit a pattern; and the hash of one; and
//! JSON objects in which no key stands twice.
//!
//! ```
//! use pipeline_files::FilePattern;
//!
//! # fn main() -> Result<(), String> {
//! assert!(FilePattern::of("charts/a.csv".as_ref())?.is_none());
//! let pattern = FilePattern::of("charts/*.csv".as_ref())?.expect("a pattern");
//! assert!(pattern.fits("a.csv".as_ref()));
//! # Ok(())
//! # }
//! ```

pub mod glob;
mod listing;
mod meant;
mod pattern;
mod regular;
mod tree_hash;
mod unique_map;
mod written;

pub use listing::{DataFile, DataFiles, ListingError, data_files_below, files_below, is_hidden};
pub use meant::files_meant;
pub use pattern::FilePattern;
pub use regular::{open, read_at_most, refuse_special, special};
pub use tree_hash::hash_file;
pub use unique_map::UniqueMap;
pub use written::{Written, write_parts};
