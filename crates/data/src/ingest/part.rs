//! What is known of a part of a source once it has been read.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::SourceCounts;

/// Events of one series that lie together in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// The series' number in the table of all.
    pub(super) series: u32,
    /// Which write of its part it is of.
    pub(super) flush: u32,
    pub(super) start: u64,
    pub(super) events: u32,
}

/// What is known of a part once it has been read.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) files: Vec<PathBuf>,
    pub(super) variables: Vec<String>,
    /// By variable: the one of whose categories it is, or itself where the source names it.
    pub(super) origins: Vec<u32>,
    /// Variables that have another origin, too, and that.
    pub(super) second_origins: BTreeSet<(u32, u32)>,
    /// In the order of the writes.
    pub(super) blocks: Vec<Block>,
    /// Of writes whose rows were in no order of series, in the order of the writes.
    pub(super) scattered: Vec<ScatteredBlock>,
    pub(super) counts: SourceCounts,
}

/// Events of the series of one bucket that lie together in the log, in the order of their rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScatteredBlock {
    pub(super) bucket: u32,
    /// Which write of its part it is of.
    pub(super) flush: u32,
    pub(super) start: u64,
    pub(super) events: u32,
}
