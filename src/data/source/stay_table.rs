//! The stays that a source makes of its series.

use std::collections::BTreeSet;

use crate::data::dataset::Split;
use crate::data::ingest::Ingested;
use crate::data::stay_id::StayId;

/// When a stay begins on the clock of its series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data) enum Start {
    /// At this time, in microseconds.
    At(i64),
    /// With its first event that has a time.
    FirstEvent,
}

/// One stay: a span of one series, with a label.
#[derive(Clone, Debug)]
pub(in crate::data) struct StayRow {
    pub(in crate::data) id: StayId,
    /// The patient, where the source says who that is.
    pub(in crate::data) subject: Option<StayId>,
    /// Index into the series that were read.
    pub(in crate::data) series: usize,
    /// Its class, where it has one.
    pub(in crate::data) label: Option<u32>,
    pub(in crate::data) start: Start,
    /// The time of prediction, in microseconds on the series' clock: nothing later is known then.
    pub(in crate::data) prediction: Option<i64>,
    /// The split that the source itself names.
    pub(in crate::data) split: Option<Split>,
}

/// Every stay of a source.
#[derive(Debug, Default)]
pub(in crate::data) struct StayTable {
    /// By id.
    pub(in crate::data) rows: Vec<StayRow>,
    /// Labels whose stay is not among the series.
    pub(in crate::data) unused_labels: u64,
    /// What is worth reading of the stays.
    pub(in crate::data) notes: Vec<String>,
    /// Names that no variable may have: what they tell is not known when the prediction is made.
    pub(in crate::data) outcomes: BTreeSet<String>,
    /// Whether clocks show the date: microseconds since 1970.
    pub(in crate::data) is_dated: bool,
    /// Stays that have descriptors, but no series.
    pub(in crate::data) without_series: u64,
}

impl StayTable {
    /// A stay for each series, which begins at time 0 of its series' clock.
    pub(in crate::data) fn one_for_each_series(ingested: &Ingested) -> Self {
        let rows = (ingested.series.iter().enumerate()).map(|(series, found)| StayRow {
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
