//! What models train on: the data artifacts, in columns.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use pipeline_error::Error;

/// Every stay of a data artifact. Stays are sorted by id; the events of a stay by set, then variable.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// Names of the variables; an event's variable is an index into them.
    pub variables: Vec<String>,
    /// Numbers in an embedding.
    pub embedding_dim: usize,
    /// Embeddings of the variables, row-major [variables, embedding_dim].
    pub embeddings: Vec<f32>,
    /// The stays.
    pub stays: Vec<Stay>,
    /// Minute of every set since the stay began, over all stays.
    pub set_minute: Vec<f64>,
    /// First event of every set, and the number of events at the end: sets + 1 entries.
    pub set_start: Vec<u32>,
    /// Variable of every event.
    pub event_variable: Vec<u32>,
    /// Z-score of every event.
    pub event_value: Vec<f32>,
}

/// One stay of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Stay {
    /// The stay's id.
    pub id: String,
    /// The split it belongs to.
    pub split: Split,
    /// Its class; none where the data stage has no labels.
    pub label: Option<u32>,
    /// Its sets, as a range of `Dataset::set_minute`.
    pub sets: Range<usize>,
}

impl Stay {
    /// Its class, for what cannot do without one.
    pub fn class(&self) -> Result<u32, Error> {
        self.label.ok_or_else(|| without_label(&self.id))
    }
}

/// What is wrong with a stay that has no label where one is needed.
pub fn without_label(id: &str) -> Error {
    Error::stage(format!("stay {id} has no label"))
        .with_hint("its data stage says labels = \"none\": only what needs no label, as pretraining, can read it")
}

/// The three splits, by the names used everywhere.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Parameters and statistics are fitted on it.
    #[serde(rename = "train")]
    Train,
    /// Epochs and thresholds are chosen on it.
    #[serde(alias = "valid", alias = "val", alias = "tuning")]
    Validation,
    /// Touched by evaluate alone.
    #[serde(alias = "held_out")]
    Test,
}

impl Split {
    /// The split's canonical name.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Validation => "validation",
            Split::Test => "test",
        }
    }

    /// Reads a split's name or one of its aliases.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "train" => Some(Split::Train),
            "validation" | "valid" | "val" | "tuning" => Some(Split::Validation),
            "test" | "held_out" => Some(Split::Test),
            _ => None,
        }
    }
}

impl Dataset {
    /// Indices of the stays of a split, in order of their ids.
    pub fn stays_of(&self, split: Split) -> Vec<usize> {
        (0..self.stays.len())
            .filter(|&stay| self.stays[stay].split == split)
            .collect()
    }

    /// Events of a set.
    pub fn events_of(&self, set: usize) -> Range<usize> {
        self.set_start[set] as usize..self.set_start[set + 1] as usize
    }
}
