//! The settings of a data stage.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::input_path::InputPath;

/// What a data stage reads and how it turns it into tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Seed of this stage; left out: the recipe's.
    #[serde(default)]
    pub seed: Option<u64>,
    /// Where the events and labels come from.
    pub source: Source,
    /// Which stay belongs to which split.
    pub split: SplitRule,
    /// Mean and standard deviation of every variable; left out: computed on the training split.
    #[serde(default)]
    pub statistics: Option<StatisticsFile>,
    /// The embedding of every variable; a recipe that leaves it out gets orthonormal ones of the model's `input_dim`.
    #[schemars(with = "Option<Embeddings>")]
    pub embeddings: Embeddings,
    /// Only events in the first `hours` of a stay are read; left out: all of them.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub hours: Option<f64>,
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
}

impl DataConfig {
    /// Everything the stage reads from disk: the setting that names it (`source.records.0`), and its place.
    pub fn paths(&mut self) -> Vec<(String, &mut InputPath)> {
        let mut paths: Vec<(String, &mut InputPath)> = Vec::new();
        match &mut self.source {
            Source::Synthetic(_) => {}
            Source::Physionet2012(source) => {
                for (index, path) in source.records.iter_mut().enumerate() {
                    paths.push((format!("source.records.{index}"), path));
                }
                for (index, path) in source.outcomes.iter_mut().enumerate() {
                    paths.push((format!("source.outcomes.{index}"), path));
                }
            }
            Source::PatientParquet(source) => {
                paths.push(("source.path".into(), &mut source.path));
                paths.push(("source.labels.path".into(), &mut source.labels.path));
            }
        }
        if let SplitRule::File(path) = &mut self.split {
            paths.push(("split.file".into(), path));
        }
        if let Some(statistics) = &mut self.statistics {
            paths.push(("statistics.path".into(), &mut statistics.path));
        }
        if let Embeddings::Table(path) = &mut self.embeddings {
            paths.push(("embeddings.table".into(), path));
        }
        paths
    }
}

/// Where the events and labels come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "format", rename_all = "kebab-case")]
pub enum Source {
    /// An ICU-like cohort from a seeded generator.
    Synthetic(SyntheticSource),
    /// The text files of the PhysioNet/CinC Challenge 2012.
    #[serde(rename = "physionet-2012")]
    Physionet2012(Physionet2012Source),
    /// One Parquet file a stay, in one folder a split: the reference's layout.
    PatientParquet(PatientParquetSource),
}

/// An ICU-like cohort from a seeded generator, whose label depends on the trajectories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SyntheticSource {
    /// Number of stays.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub stays: usize,
}

/// The text files of the PhysioNet/CinC Challenge 2012.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Physionet2012Source {
    /// Folders of `ID.txt` files (set-a, set-b).
    #[schemars(length(min = 1))]
    pub records: Vec<InputPath>,
    /// The outcome files of those folders.
    #[schemars(length(min = 1))]
    pub outcomes: Vec<InputPath>,
    /// The outcome that is the label.
    #[serde(default = "in_hospital_death")]
    pub label: String,
}

fn in_hospital_death() -> String {
    "In-hospital_death".into()
}

/// One Parquet file a stay: `PATH/{train,valid,test}/ID.parquet` with columns variable, value, minute and optionally set_index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PatientParquetSource {
    /// The folder that holds one folder a split.
    pub path: InputPath,
    /// The label table.
    pub labels: LabelTable,
}

/// A CSV file with one label a stay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabelTable {
    /// The CSV file.
    pub path: InputPath,
    /// The column of stay ids. Ids are compared as integers: `200001.0` is 200001.
    pub id: String,
    /// The column of labels: 0, 1, ….
    pub column: String,
}

/// Which stay belongs to which split.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitRule {
    /// A CSV file: stay id, split name (train; validation, valid, val or tuning; test or held_out).
    File(InputPath),
    /// The source's own folders by split.
    Folders(SplitFolders),
    /// Shares of train, validation and test that sum to 1; drawn from the seed and the stay's id.
    Ratio([f64; 3]),
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

/// A CSV or Parquet file with the columns variable, mean, std, or a pickled dict `{variable: {"mean": …, "std": …}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatisticsFile {
    /// The file; its contents tell its format, not its name.
    pub path: InputPath,
}

/// The embedding of every variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Embeddings {
    /// A CSV file: the column `Key` holds the variable's name, the other columns its numbers.
    Table(InputPath),
    /// Seeded orthonormal rows of this many numbers (as far as there are no more variables than numbers).
    Orthonormal(usize),
}

/// What to do where one stay has several values of a variable at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// One event with their mean.
    #[default]
    Mean,
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
