//! What a data stage counted.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::dataset::Split;

/// Counts of a data stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataReport {
    /// Rows of the source, headers not counted.
    pub source_rows: u64,
    /// Stays of the source.
    pub source_stays: u64,
    /// Stays, sets, events and positives of the training split.
    pub train: SplitCounts,
    /// The same of the validation split.
    pub validation: SplitCounts,
    /// The same of the test split.
    pub test: SplitCounts,
    /// Variables in the artifacts.
    pub variables: u64,
    /// Variables that never vary in the training split: they count as presence.
    pub constant_variables: u64,
    /// Stays dropped because they have no event (in the window).
    pub stays_without_events: u64,
    /// Stays dropped because they have no label.
    pub stays_without_label: u64,
    /// Stays kept that have descriptors, but no series.
    pub stays_without_series: u64,
    /// Labels of stays that the source does not hold.
    pub unused_labels: u64,
    /// Lines of the split file whose stay is not among those kept.
    pub unused_splits: u64,
    /// Events after the window.
    pub events_outside_window: u64,
    /// Events that went into the mean of another of the same variable and time.
    pub duplicates_merged: u64,
    /// Rows that say "missing".
    pub missing_markers: u64,
    /// Events of variables that the training split never shows.
    pub events_of_unseen_variables: u64,
    /// Z-scores that were clipped.
    pub clipped_values: u64,
}

/// Counts of a split.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SplitCounts {
    /// Stays.
    pub stays: u64,
    /// Sets.
    pub sets: u64,
    /// Events.
    pub events: u64,
    /// Stays whose label is not 0.
    pub positives: u64,
}

impl DataReport {
    /// The counts of `split`.
    pub fn of(&self, split: Split) -> &SplitCounts {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }

    pub(super) fn of_mut(&mut self, split: Split) -> &mut SplitCounts {
        match split {
            Split::Train => &mut self.train,
            Split::Validation => &mut self.validation,
            Split::Test => &mut self.test,
        }
    }

    /// Every count by name, those of a split as `train.stays`.
    pub fn metrics(&self) -> BTreeMap<String, Value> {
        let mut metrics = BTreeMap::new();
        for split in [Split::Train, Split::Validation, Split::Test] {
            let counts = self.of(split);
            for (name, count) in [
                ("stays", counts.stays),
                ("sets", counts.sets),
                ("events", counts.events),
                ("positives", counts.positives),
            ] {
                metrics.insert(format!("{}.{name}", split.name()), json!(count));
            }
        }
        for (name, count) in [
            ("source_rows", self.source_rows),
            ("source_stays", self.source_stays),
            ("variables", self.variables),
            ("constant_variables", self.constant_variables),
            ("stays_without_events", self.stays_without_events),
            ("stays_without_label", self.stays_without_label),
            ("stays_without_series", self.stays_without_series),
            ("unused_labels", self.unused_labels),
            ("unused_splits", self.unused_splits),
            ("events_outside_window", self.events_outside_window),
            ("duplicates_merged", self.duplicates_merged),
            ("missing_markers", self.missing_markers),
            (
                "events_of_unseen_variables",
                self.events_of_unseen_variables,
            ),
            ("clipped_values", self.clipped_values),
        ] {
            metrics.insert(name.to_string(), json!(count));
        }
        metrics
    }
}
