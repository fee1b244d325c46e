//! The data stage as a whole: fixtures, refusals, reproduction.

mod cleaning;
mod meds;
mod meds_columns;
mod meds_labels;
mod meds_times;
mod patient_layout;
mod patient_values;
mod physionet;
mod property;
mod stage;
mod tables;
mod unlabelled;
mod unsorted;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use rayon::ThreadPoolBuilder;
use tempfile::TempDir;

use super::config::*;
use super::dataset::Dataset;
use super::input_path::InputPath;
use super::{DataReport, build};
use pipeline_error::Error;

pub(super) fn synthetic(stays: usize) -> DataConfig {
    DataConfig {
        seed: None,
        source: Source::Synthetic(SyntheticSource { stays }),
        labels: Labels::Source,
        targets: Default::default(),
        attributes: None,
        split: SplitRule::Ratio([0.7, 0.15, 0.15]),
        statistics: None,
        like: None,
        embeddings: Some(Embeddings::Orthonormal(16)),
        hours: None,
        last_hours: None,
        gap_hours: None,
        set_minutes: None,
        max_sets: None,
        max_events: None,
        variables: VariableSelection::default(),
        cleaning: BTreeMap::new(),
        categorical: Vec::new(),
        memory: MemorySize::default(),
        duplicates: Duplicates::Mean,
        clip: None,
        without_events: StayPolicy::Error,
        without_label: StayPolicy::Error,
        without_split: StayPolicy::Error,
    }
}

/// Rows of `id,minute,name,value`, whose labels are in `labels`: `id` and `y`.
fn plain_long(files: InputPath, labels: InputPath) -> LongSource {
    LongSource {
        delimiter: None,
        files: vec![files],
        id: Some("id".into()),
        time: TimeColumn {
            format: None,
            zone: None,
            column: "minute".into(),
            unit: TimeUnit::Minutes,
            negative: StayPolicy::Error,
        },
        variable: "name".into(),
        value: "value".into(),
        stays: None,
        labels: Some(LabelTable {
            delimiter: None,
            path: labels,
            id: "id".into(),
            column: "y".into(),
        }),
        ids: None,
        missing: Vec::new(),
    }
}

struct Built {
    report: DataReport,
    notes: Vec<String>,
    folder: TempDir,
}

impl Built {
    fn of(config: &DataConfig, threads: usize) -> Result<Self, Error> {
        let folder = tempfile::tempdir().unwrap();
        let mut notes = Vec::new();
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        let report = pool.unwrap().install(|| {
            let interrupted = AtomicBool::new(false);
            let mut keep = |note| notes.push(note);
            build(config, 7, folder.path(), &interrupted, &mut keep)
        })?;
        Ok(Self {
            report,
            notes,
            folder,
        })
    }

    fn path(&self, table: &str) -> PathBuf {
        self.folder.path().join(format!("{table}.parquet"))
    }

    fn load(&self) -> Dataset {
        let paths = ["events", "stays", "variables"].map(|table| self.path(table));
        Dataset::load(&paths[0], &paths[1], &paths[2]).unwrap()
    }

    fn digests(&self) -> [blake3::Hash; 3] {
        ["events", "stays", "variables"]
            .map(|table| blake3::hash(&std::fs::read(self.path(table)).unwrap()))
    }
}

fn refusal(config: &DataConfig) -> String {
    let error = Built::of(config, 2).err().expect("a refusal");
    assert_eq!(error.exit_code(), 3);
    error.to_string()
}
