//! The stage `data`: a source of clinical time series → events, stays, variables.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json::as_json;
use super::stage::{ExternalInput, Stage, StageContext, StageInput, StageOutput};
use crate::data;
use crate::data::config::{DataConfig, Embeddings, InputPath, Source, SplitRule};
use crate::data::dataset::Dataset;
use crate::error::Error;

/// Reads a source.
pub struct DataStage {
    /// What is read, and how.
    pub config: DataConfig,
    /// The stage's own seed, or the recipe's.
    pub seed: u64,
}

impl DataStage {
    fn draws_random_numbers(&self) -> bool {
        matches!(self.config.source, Source::Synthetic(_))
            || matches!(self.config.split, SplitRule::Ratio(_))
            || matches!(self.config.embeddings, Embeddings::Orthonormal(_))
    }
}

impl Stage for DataStage {
    fn kind(&self) -> &'static str {
        "data"
    }

    fn code_version(&self) -> u32 {
        2
    }

    fn fields(&self) -> Value {
        let mut config = self.config.clone();
        config.seed = None;
        let mut fields = as_json(&config);
        // Contents, not places: a path is an input, and a cohort that was moved is the same one.
        for input in self.external_inputs() {
            let pointer = format!("/{}", input.field.replace('.', "/"));
            if let Some(path) = fields.pointer_mut(&pointer) {
                *path = Value::Null;
            }
        }
        fields
    }

    fn seed(&self) -> Option<u64> {
        self.draws_random_numbers().then_some(self.seed)
    }

    fn inputs(&self) -> Vec<StageInput> {
        Vec::new()
    }

    fn external_inputs(&self) -> Vec<ExternalInput> {
        let mut inputs = Vec::new();
        let mut add = |field: String, path: &InputPath| {
            inputs.push(ExternalInput {
                field,
                path: path.0.clone(),
            });
        };
        match &self.config.source {
            Source::Synthetic(_) => {}
            Source::Physionet2012(source) => {
                for (index, path) in source.records.iter().enumerate() {
                    add(format!("source.records.{index}"), path);
                }
                for (index, path) in source.outcomes.iter().enumerate() {
                    add(format!("source.outcomes.{index}"), path);
                }
            }
            Source::PatientParquet(source) => {
                add("source.path".into(), &source.path);
                add("source.labels.path".into(), &source.labels.path);
            }
        }
        if let SplitRule::File(path) = &self.config.split {
            add("split.file".into(), path);
        }
        if let Some(statistics) = &self.config.statistics {
            add("statistics.path".into(), &statistics.path);
        }
        if let Embeddings::Table(path) = &self.config.embeddings {
            add("embeddings.table".into(), path);
        }
        inputs
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let mut notes = |line: String| context.reporter.note(&line);
        let report = data::build(
            &self.config,
            self.seed,
            context.work,
            context.interrupted,
            &mut notes,
        )?;
        let artifacts = ["events", "stays", "variables"]
            .into_iter()
            .map(|name| (name.to_string(), format!("{name}.parquet").into()))
            .collect::<BTreeMap<_, _>>();
        Ok(StageOutput {
            artifacts,
            metrics: report.metrics(),
        })
    }
}

/// The artifacts that [`load_dataset`] needs under the role `data`.
pub const DATASET_ARTIFACTS: &[&str] = &["events", "stays", "variables"];

/// Loads the data artifacts that the stage declared under the role `data`.
pub fn load_dataset(context: &StageContext) -> Result<Dataset, Error> {
    Dataset::load(
        context.input("data", "events")?,
        context.input("data", "stays")?,
        context.input("data", "variables")?,
    )
}
