//! What every source format is read into.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use super::stay_id::StayId;
use crate::error::Error;

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RawEvent {
    /// Minutes since the stay began: finite, not negative.
    pub(super) minute: f64,
    /// In the source's unit: finite.
    pub(super) value: f64,
    /// Index into the names of its batch or cohort.
    pub(super) variable: u32,
    /// The source's set index, 0 where it has none; after `timeline::arrange` the set's place in its stay.
    pub(super) set: u32,
}

/// One stay as a source tells it.
#[derive(Clone, Debug)]
pub(super) struct RawStay {
    pub(super) id: StayId,
    /// The file it was read from; empty for generated stays.
    pub(super) origin: PathBuf,
    /// Its class, where it has one.
    pub(super) label: Option<u32>,
    /// Whether the source says which events form a set.
    pub(super) has_set_index: bool,
    pub(super) events: Vec<RawEvent>,
}

impl RawStay {
    /// A stay without events, whose id is the stem of its file's name.
    pub(super) fn of_file(path: &Path) -> Result<Self, Error> {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let id = stem
            .and_then(StayId::parse)
            .ok_or_else(|| Error::file(path, "the file's name holds no stay id"))?;
        Ok(Self {
            id,
            origin: path.to_path_buf(),
            label: None,
            has_set_index: false,
            events: Vec::new(),
        })
    }

    /// The stay for messages: its id, and its file where it has one.
    pub(super) fn title(&self) -> String {
        if self.origin.as_os_str().is_empty() {
            format!("stay {}", self.id)
        } else {
            format!("stay {} ({})", self.id, self.origin.display())
        }
    }
}

/// Numbers the variables of a batch in order of appearance.
#[derive(Default)]
pub(super) struct VariableNames {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl VariableNames {
    /// The number of `name`; a heap string is made only for a name not seen before.
    pub(super) fn number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.push(name.to_string());
        self.numbers.insert(name.to_string(), number);
        number
    }
}

/// Some stays of a source, read by one thread.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) names: VariableNames,
    pub(super) stays: Vec<RawStay>,
    /// Rows read, headers not counted.
    pub(super) rows: u64,
    /// Rows that say "missing".
    pub(super) missing: u64,
    /// Stays that have descriptors, but no series.
    pub(super) without_series: Vec<StayId>,
}

/// All stays of a source.
#[derive(Default)]
pub(super) struct Cohort {
    /// Names of the variables, sorted; an event's variable is an index into them.
    pub(super) variables: Vec<String>,
    /// By id.
    pub(super) stays: Vec<RawStay>,
    pub(super) rows: u64,
    pub(super) missing: u64,
    pub(super) without_series: Vec<StayId>,
    /// Labels in the source whose stay is not there.
    pub(super) unused_labels: u64,
}

/// [`Error::Interrupted`] once the user has asked to stop.
pub(super) fn go_on(interrupted: &AtomicBool) -> Result<(), Error> {
    match interrupted.load(Ordering::Relaxed) {
        true => Err(Error::Interrupted),
        false => Ok(()),
    }
}

/// Files one thread reads before it looks for more work.
const FILES_IN_BATCH: usize = 16;

impl Cohort {
    /// Reads one stay from each file, spread over the current pool. Of several bad files,
    /// the first is the one complained about.
    pub(super) fn from_files(
        files: &[PathBuf],
        interrupted: &AtomicBool,
        read: impl Fn(&Path, &mut Batch) -> Result<RawStay, Error> + Sync,
    ) -> Result<Self, Error> {
        let batches: Vec<Result<Batch, Error>> = files
            .par_chunks(FILES_IN_BATCH)
            .map(|chunk| {
                go_on(interrupted)?;
                let mut batch = Batch::default();
                for file in chunk {
                    let stay = read(file, &mut batch)?;
                    batch.stays.push(stay);
                }
                Ok(batch)
            })
            .collect();
        Self::from_batches(batches.into_iter().collect::<Result<_, _>>()?)
    }

    /// Joins batches: variables by name, stays by id. A stay in two files is an error.
    pub(super) fn from_batches(batches: Vec<Batch>) -> Result<Self, Error> {
        let names: BTreeSet<&String> = batches.iter().flat_map(|b| &b.names.names).collect();
        let variables: Vec<String> = names.into_iter().cloned().collect();
        let mut cohort = Cohort::default();
        for mut batch in batches {
            let numbers: Vec<u32> = batch
                .names
                .names
                .iter()
                .map(|name| variables.partition_point(|other| other < name) as u32)
                .collect();
            for event in batch.stays.iter_mut().flat_map(|stay| &mut stay.events) {
                event.variable = numbers[event.variable as usize];
            }
            cohort.rows += batch.rows;
            cohort.missing += batch.missing;
            cohort.without_series.append(&mut batch.without_series);
            cohort.stays.append(&mut batch.stays);
        }
        cohort.variables = variables;
        cohort.without_series.sort();
        cohort.stays.sort_by(|a, b| a.id.cmp(&b.id));
        match cohort
            .stays
            .windows(2)
            .find(|pair| pair[0].id == pair[1].id)
        {
            Some(pair) => Err(Error::stage(format!(
                "stay {} is there twice: {} and {}",
                pair[0].id,
                pair[0].origin.display(),
                pair[1].origin.display()
            ))
            .with_hint("one file is one stay; a stay in two splits would leak the answer")),
            None => Ok(cohort),
        }
    }
}
