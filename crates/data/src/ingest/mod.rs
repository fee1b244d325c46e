//! From a source to one place where every stay's events can be read again, whatever their number.
//!
//! Sources are read in parts, in parallel. Events go to a log on disk as they come; what is kept in
//! memory is where each stay's are. So the memory needed depends on the number of stays, not of events.

mod event;
mod event_log;
mod ingested;
mod origins;
mod part;
mod part_writer;
mod scattered;
mod series_table;

pub(super) use event::{
    MICROSECONDS_OF_A_MINUTE, RawEvent, STATIC, minutes_to_time, time_to_minutes,
};
pub(super) use ingested::{Ingested, Series};
pub(super) use part_writer::{PartWriter, variable_of_category};

/// What a source counted while it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SourceCounts {
    /// Rows read, headers not counted.
    pub(super) rows: u64,
    /// Rows or cells that say "missing".
    pub(super) missing: u64,
    /// Rows that name no variable.
    pub(super) unnamed: u64,
    /// Local times that a clock showed twice, when it was set back: the earlier is taken.
    pub(super) folded: u64,
    /// Rows of stays that are not of the cohort.
    pub(super) of_others: u64,
}
