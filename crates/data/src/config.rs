//! The settings of a data stage.

mod attributes;
mod cleaning;
pub mod embeddings;
mod labels;
mod paths;
mod predictions;
mod row_label;
mod source;
mod split;
mod table;
mod targets;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::input_path::InputPath;
pub use super::memory_size::MemorySize;
pub use attributes::AttributeTable;
pub use cleaning::{CleaningRule, Logarithm, Outside, VariableSelection};
pub use embeddings::{Embeddings, MissingDescription, TextEmbeddings, TextPooling};
pub use labels::Labels;
pub use predictions::{PredictionKey, PredictionTable, PredictionValues};
pub use row_label::{Landmarks, Negatives, Unfinished};
pub use source::{MedsSource, PatientParquetSource, Physionet2012Source, Source, SyntheticSource};
pub use split::{Folds, SplitFolders, SplitLists, SplitRule};
pub use table::{
    Ids, LabelTable, LongSource, Physionet2019Source, StaysTable, TimeColumn, TimeUnit, WideSource,
};
pub use targets::{TargetTable, Task};

/// What a data stage reads and how it turns it into tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Seed of this stage; left out: the recipe's.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Where the events and labels come from.
    pub source: Source,
    /// Whether stays have labels.
    #[serde(default, skip_serializing_if = "Labels::is_default")]
    pub labels: Labels,
    /// What else is to be predicted of stays, by name: a finetune stage names its `target`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, TargetTable>,
    /// What stays are, for subgroups: columns of a table that become columns of `stays`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<AttributeTable>,
    /// Which stay belongs to which split.
    pub split: SplitRule,
    /// Mean and standard deviation of every variable; left out: computed on the training split.
    #[serde(default)]
    pub statistics: Option<StatisticsFile>,
    /// Another data stage, or a stage of weights: this stage makes the same inputs from its own source. Variables, statistics, embeddings, categories, cleaning, window and sets are taken from there and cannot be stated here; only `missing` and `factor` of `cleaning` can, because they describe how this source writes values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub like: Option<String>,
    /// The embedding of every variable; a recipe that leaves it out gets orthonormal ones of the model's `input_dim`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub embeddings: Option<Embeddings>,
    /// Only events in the first `hours` of a stay are read: 24 holds minute 0, but not minute 1440. Left out: all of them.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub hours: Option<f64>,
    /// Only events in the last `last_hours` before the time of prediction, or where the source tells none, up to the stay's
    /// last event; the stay's clock begins there. The end is part of it, its begin is not. Left out: all of them.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub last_hours: Option<f64>,
    /// Hours between the last event that is seen and the time of prediction.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub gap_hours: Option<f64>,
    /// Events of the same `set_minutes` minutes form a set; left out: events of exactly the same time.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub set_minutes: Option<f64>,
    /// A stay with more sets keeps its most recent ones.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_sets: Option<u32>,
    /// A stay with more events keeps as many of its most recent sets as fit, whole.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub max_events: Option<u32>,
    /// Which variables are read; left out: all of them.
    #[serde(default)]
    pub variables: VariableSelection,
    /// What is done to the values of single variables, by name.
    #[serde(default)]
    pub cleaning: BTreeMap<String, CleaningRule>,
    /// Variables whose values are categories, not amounts: the value `x` of `name` is the presence of the variable `name=x`.
    #[serde(default)]
    pub categorical: Vec<String>,
    /// What to do where one stay has several values of a variable at one time.
    #[serde(default)]
    pub duplicates: Duplicates,
    /// Z-scores are clipped to ±`clip`; left out: not at all. Clipped values are counted.
    #[serde(default)]
    #[schemars(extend("exclusiveMinimum" = 0.0))]
    pub clip: Option<f64>,
    /// What to do with a stay that has no event (in the window).
    #[serde(default)]
    pub without_events: StayPolicy,
    /// What to do with a stay that has no label.
    #[serde(default)]
    pub without_label: StayPolicy,
    /// What to do with a stay that a table, a list or a column tells no split of.
    #[serde(default, skip_serializing_if = "StayPolicy::is_error")]
    pub without_split: StayPolicy,
    /// About how much memory reading may take for events, e.g. `"512MB"`; what does not fit waits on the disk. No result depends on it.
    #[serde(default)]
    pub memory: MemorySize,
}

/// A CSV or Parquet file with the columns variable, mean, std, or a pickled dict `{variable: {"mean": …, "std": …}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatisticsFile {
    /// The file; its contents tell its format, not its name.
    pub path: InputPath,
}

/// What to do where one stay has several values of a variable at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// One event with their mean.
    #[default]
    Mean,
    /// The first in time; of the same time, the first in the source.
    First,
    /// The last in time; of the same time, the last in the source.
    Last,
    /// Every one stays an event.
    Keep,
}

/// What to do with a stay that lacks something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StayPolicy {
    /// Stop and name the stay.
    #[default]
    Error,
    /// Leave it out and count it.
    Drop,
}

impl StayPolicy {
    /// Left out of keys and tables then, where results from before there was a choice are to keep their keys.
    fn is_error(&self) -> bool {
        *self == Self::Error
    }
}
