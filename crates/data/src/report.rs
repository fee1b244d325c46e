//! What a data stage counted.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::dataset::Split;

/// Counts of a data stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataReport {
    /// Stays, sets, events and positives of the training split.
    pub train: SplitCounts,
    /// The same of the validation split.
    pub validation: SplitCounts,
    /// The same of the test split.
    pub test: SplitCounts,
    /// Files in the source's folders that are not read, by path below the folder.
    pub skipped_files: Vec<String>,
    /// All others, by name.
    pub counts: BTreeMap<&'static str, u64>,
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
    /// Stays whose label is not 0; none where stays have no labels.
    pub positives: Option<u64>,
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

    /// Sets the count `name`.
    pub(super) fn set(&mut self, name: &'static str, count: u64) {
        self.counts.insert(name, count);
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
            let positives = counts.positives.map(|count| ("positives", count));
            let counts = [
                ("stays", counts.stays),
                ("sets", counts.sets),
                ("events", counts.events),
            ];
            for (name, count) in counts.into_iter().chain(positives) {
                metrics.insert(format!("{}.{name}", split.name()), json!(count));
            }
        }
        for (name, count) in &self.counts {
            metrics.insert(name.to_string(), json!(count));
        }
        metrics
    }
}
