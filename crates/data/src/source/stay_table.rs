//! The stays that a source makes of its series.

use std::collections::BTreeSet;

use super::zones::Zones;
use crate::dataset::Split;
use crate::ingest::Ingested;
use crate::missing::MissingText;
use crate::stay_id::StayId;

/// When a stay begins on the clock of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At this time, in microseconds.
    At(i64),
    /// With its first event that has a time.
    FirstEvent,
}

/// One stay: a span of one series, with a label.
#[derive(Clone, Debug)]
pub(crate) struct StayRow {
    pub(crate) id: StayId,
    /// The stay of the source that it is a landmark of.
    pub(crate) landmark_of: Option<StayId>,
    /// The patient, where the source says who that is.
    pub(crate) subject: Option<StayId>,
    /// Index into the series that were read.
    pub(crate) series: usize,
    /// Its class, where it has one.
    pub(crate) label: Option<u32>,
    pub(crate) start: Start,
    /// The time of prediction, in microseconds on the series' clock: nothing later is known then.
    pub(crate) prediction: Option<i64>,
    /// The split that the source itself names.
    pub(crate) split: Option<Split>,
}

/// A file that a folder holds and that is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SkippedFile {
    /// Its path below the folder.
    pub(crate) name: String,
    /// What tells it from other files, whatever it is called.
    pub(crate) identity: (u64, u64),
}

/// Every stay of a source.
#[derive(Debug, Default)]
pub(crate) struct StayTable {
    /// By id.
    pub(crate) rows: Vec<StayRow>,
    /// Labels whose stay is not among the series.
    pub(crate) unused_labels: u64,
    /// What is worth reading of the stays.
    pub(crate) notes: Vec<String>,
    /// Names that no variable may have: what they tell is not known when the prediction is made.
    pub(crate) outcomes: BTreeSet<String>,
    /// Whether clocks show the date: microseconds since 1970.
    pub(crate) is_dated: bool,
    /// What times say of their zones.
    pub(crate) zones: Zones,
    /// Texts that say that there is nothing, and whether a cell has said so.
    pub(crate) missing: Vec<MissingText>,
    /// What else was counted, by the name of the count.
    pub(crate) counts: Vec<(&'static str, u64)>,
    /// Stays that have descriptors, but no series.
    pub(crate) without_series: u64,
    /// Files in the source's folders that are not read, hidden ones apart.
    pub(crate) skipped_files: Vec<SkippedFile>,
    /// Lines inside quotes that look like rows.
    pub(crate) lines_in_quotes: u64,
}

impl StayTable {
    /// A stay for each series, which begins at time 0 of its series' clock.
    pub(crate) fn one_for_each_series(ingested: &Ingested) -> Self {
        let rows = (ingested.series.iter().enumerate()).map(|(series, found)| StayRow {
            landmark_of: None,
            id: found.id.clone(),
            subject: None,
            series,
            label: None,
            start: Start::At(0),
            prediction: None,
            split: None,
        });
        Self {
            rows: rows.collect(),
            ..Self::default()
        }
    }
}
