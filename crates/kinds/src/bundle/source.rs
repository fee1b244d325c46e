//! The document that says where the stays of a prediction come from: as the table `source` of a data stage.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::Value as Json;

use crate::document::format_version;
use crate::kind::StageCheck;
use pipeline_data::config::{
    CleaningRule, DataConfig, Labels, MemorySize, Source, SplitRule, StayPolicy,
};
use pipeline_error::Error;
use pipeline_files::files_meant;
use pipeline_recipe::tree::Node;
use pipeline_recipe::{self as recipe, Compared, Experiment, Mistake};

/// Where the stays of a prediction come from. The settings that say what an input means are the model's.
///
/// Editors find this schema by a first line `#:schema PATH/source.schema.json` in the document.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[schemars(rename = "source")]
#[serde(deny_unknown_fields)]
pub struct PredictionSource {
    /// Version of the format of this document: 1.
    #[schemars(schema_with = "format_version")]
    #[allow(dead_code, reason = "its schema has looked at it")]
    format: u64,
    /// Documents this one extends, relative to this file: merged in order, tables deep, arrays replaced, this file last.
    #[serde(default)]
    #[allow(dead_code, reason = "the loader has followed them")]
    extends: Vec<String>,
    /// Seed of a synthetic source.
    #[serde(default)]
    pub seed: u64,
    /// Values for `${vars.NAME}`; they may use `${env:NAME}`, `${env:NAME:-default}` and each other.
    #[serde(default)]
    #[allow(dead_code, reason = "the loader has put them in")]
    vars: BTreeMap<String, Json>,
    /// Where the events come from. No label is read.
    source: Source,
    /// How this source writes the values of single variables, by name.
    #[serde(default)]
    cleaning: BTreeMap<String, SourceValues>,
    /// What to do with a stay that has no event (in the window).
    #[serde(default)]
    without_events: StayPolicy,
    /// About how much memory reading may take for events, e.g. `"512MB"`; what does not fit waits on the disk. No result depends on it.
    #[serde(default = "PredictionSource::default_memory")]
    memory: MemorySize,
    /// This file and those that it extends.
    #[serde(skip)]
    documents: Vec<PathBuf>,
}

/// How a source writes the values of a variable.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct SourceValues {
    /// Values that say that there is none, in the unit of the source.
    #[serde(default)]
    missing: Vec<f64>,
    /// What a value is multiplied by, to have the unit that the model knows.
    #[serde(default)]
    factor: Option<f64>,
}

static SCHEMA: LazyLock<Json> = LazyLock::new(|| {
    let generator = SchemaSettings::draft2020_12().into_generator();
    generator.into_root_schema_for::<PredictionSource>().into()
});

/// The schema of such documents as they are written: before references are replaced.
pub fn published_source_schema() -> Json {
    recipe::published(SCHEMA.clone())
}

impl PredictionSource {
    fn default_memory() -> MemorySize {
        MemorySize(200_000_000)
    }

    /// Reads the document.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let read: recipe::Recipe<Self> = recipe::load(path, &[])?;
        Ok(Self {
            documents: read.files,
            ..read.experiment
        })
    }

    /// The files of the document, and those that the stays are read from. What cannot be listed is complained about when
    /// it is read.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut config = self.config();
        let paths = config.paths().into_iter();
        let tables = paths.flat_map(|(_, path)| files_meant((*path).as_ref(), true));
        self.documents.iter().cloned().chain(tables).collect()
    }

    /// As a data stage, all of whose meaning comes from a model.
    pub(super) fn config(&self) -> DataConfig {
        let rules = self.cleaning.iter().map(|(name, values)| {
            let rule = CleaningRule {
                missing: values.missing.clone(),
                factor: values.factor,
                ..CleaningRule::default()
            };
            (name.clone(), rule)
        });
        DataConfig {
            seed: None,
            source: self.source.clone(),
            labels: Labels::None,
            targets: Default::default(),
            attributes: None,
            split: SplitRule::All,
            statistics: None,
            like: Some("bundle".into()),
            embeddings: None,
            hours: None,
            last_hours: None,
            gap_hours: None,
            set_minutes: None,
            max_sets: None,
            max_events: None,
            variables: Default::default(),
            cleaning: rules.collect(),
            categorical: Vec::new(),
            duplicates: Default::default(),
            clip: None,
            without_events: self.without_events,
            without_label: StayPolicy::Error,
            without_split: StayPolicy::Error,
            memory: self.memory,
        }
    }
}

impl Experiment for PredictionSource {
    const DOCUMENT: &'static str = "source document";

    fn schema() -> &'static Json {
        &SCHEMA
    }

    fn complete(_: &mut Node) {}

    fn read(tree: &Node, broken: &BTreeSet<String>, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        if !broken.is_empty() {
            return None;
        }
        let source = recipe::read::<Self>("the document", tree, mistakes)?;
        StageCheck {
            tree,
            path: &[],
            model: None,
            stages: &[],
            mistakes,
        }
        .source_of_prediction(&source.config());
        Some(source)
    }

    fn tables(&self) -> Vec<(Vec<String>, Json)> {
        Vec::new()
    }

    fn objective_mistake(&self, _: &Compared) -> Option<Mistake> {
        None
    }
}
