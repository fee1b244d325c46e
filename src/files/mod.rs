//! Which files a path means: one, those below a folder, or those that fit a pattern.

mod listing;
mod pattern;

pub use listing::{ListingError, files_below};
pub use pattern::FilePattern;
