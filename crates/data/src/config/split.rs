use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input_path::InputPath;

/// Which stay belongs to which split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitRule {
    /// A column of the source's own table: `split` in `metadata/subject_splits.parquet` of MEDS, any column of `stays` in `long` and `wide`.
    Column(String),
    /// A CSV or Parquet file: stay id, split name (train; validation, valid, val or tuning; test or held_out).
    File(InputPath),
    /// A file a split, with one id of a stay or patient on each line and nothing else.
    Lists(SplitLists),
    /// The source's own folders by split.
    Folders(SplitFolders),
    /// Shares of train, validation and test that sum to 1, of the patients of every class: each part has, of each, less than
    /// one patient more or less than its share. Without labels as `independent`.
    Ratio([f64; 3]),
    /// The same shares, but each patient is drawn by himself: no other one can move him.
    Independent([f64; 3]),
    /// Cross-validation: one fold of the patients tests, the next validates, all others train.
    Folds(Folds),
    /// Every stay belongs to the test split. The statistics are those of other data: `statistics` names a file of them.
    All,
}

/// A division of the patients into folds that differ by at most one patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Folds {
    /// How many.
    #[schemars(range(min = 3, max = 1000))]
    pub count: u32,
    /// The one that tests, from 0.
    #[serde(default)]
    pub fold: u32,
    /// Which division: another one draws anew.
    #[serde(default)]
    pub repeat: u32,
    /// Whether the patients of every class are divided by themselves.
    #[serde(default = "Folds::default_stratified")]
    pub stratified: bool,
}

impl Folds {
    fn default_stratified() -> bool {
        true
    }
}

/// The source's own folders by split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitFolders {
    /// The training folder's name.
    pub train: String,
    /// The validation folder's name.
    pub validation: String,
    /// The test folder's name.
    pub test: String,
}

/// A file a split, with one id of a stay or patient on each line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitLists {
    /// The list of the training split.
    pub train: InputPath,
    /// The list of the validation split.
    pub validation: InputPath,
    /// The list of the test split.
    pub test: InputPath,
}

impl SplitRule {
    /// Whether it may know nothing of a stay: it is told, and not drawn.
    pub fn may_miss_stays(&self) -> bool {
        matches!(self, Self::Column(_) | Self::File(_) | Self::Lists(_))
    }
}
