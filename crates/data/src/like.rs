//! A data stage that makes the inputs of another one from a source of its own: what it takes from there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::UInt64Array;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::config::{CleaningRule, DataConfig};
use super::contract::{CLEANING, CUT, InputContract, cut_setting, cut_warnings, cuts_in, cuts_of};
use super::embedding::EmbeddingRows;
use super::parquet_file::{StreamedRows, column};
use super::statistics::Variable;
use super::tables;
use pipeline_error::Error;

/// What is taken for a model: a data stage, or what weights know of their inputs.
pub struct Like {
    /// The table of variables of the data stage.
    table: Option<PathBuf>,
    contract: InputContract,
    /// What the training split of the data stage holds: stays, and by variable events and the stays that have any.
    pub(super) training: Option<Training>,
}

/// What a training split holds.
pub(super) struct Training {
    pub(super) stays: u64,
    pub(super) by_variable: BTreeMap<String, Held>,
}

/// What there is of a variable.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Held {
    pub(super) events: u64,
    pub(super) stays: u64,
}

impl Like {
    /// Reads the artifacts `variables` and `profile`. Errors name the file.
    pub fn read(variables: &Path, profile: &Path) -> Result<Self, Error> {
        Ok(Self {
            table: Some(variables.to_path_buf()),
            contract: InputContract::read(variables)?,
            training: Some(Training::read(profile)?),
        })
    }

    /// What weights know of their inputs: nothing of how often anything was measured.
    pub fn of_weights(contract: InputContract) -> Self {
        Self {
            table: None,
            contract,
            training: None,
        }
    }

    /// The settings of a stage that is like it: its own, but for all that changes what an input means.
    pub(super) fn settings(&self, config: &DataConfig) -> Result<DataConfig, Error> {
        let mut config = config.clone();
        config.hours = self.setting("hours")?;
        config.last_hours = self.setting("last_hours")?;
        config.gap_hours = self.setting("gap_hours")?;
        config.set_minutes = self.setting("set_minutes")?;
        config.max_sets = self.setting("max_sets")?;
        config.max_events = self.setting("max_events")?;
        config.duplicates = self.setting("duplicates")?;
        config.categorical = self.setting("categorical")?;
        config.clip = self.setting("clip")?;
        for (setting, text) in &self.contract.settings {
            if let Some(variable) = setting.strip_prefix(CLEANING) {
                let theirs: CleaningRule = self.parsed(setting, text)?;
                let rule = config.cleaning.entry(variable.to_string()).or_default();
                (rule.range, rule.outside, rule.log) = (theirs.range, theirs.outside, theirs.log);
            }
        }
        Ok(config)
    }

    fn setting<T: DeserializeOwned + Default>(&self, name: &str) -> Result<T, Error> {
        let text = self.contract.settings.get(name);
        text.map_or(Ok(T::default()), |text| self.parsed(name, text))
    }

    fn parsed<T: DeserializeOwned>(&self, name: &str, text: &str) -> Result<T, Error> {
        serde_json::from_str(text).map_err(|error| {
            Error::stage(format!(
                "the setting {name} that is taken over, {text}, cannot be read: {error}"
            ))
        })
    }

    /// Its variables, in order of their names.
    pub(super) fn variables(&self) -> Vec<Variable> {
        self.contract.variables.iter().map(Variable::from).collect()
    }

    /// The names of its variables.
    pub(super) fn names(&self) -> Vec<&str> {
        let variables = self.contract.variables.iter();
        variables.map(|variable| variable.name.as_str()).collect()
    }

    /// Tells what the stays of `config` lack of the cuts that those of the model had.
    pub(super) fn tell_cuts(&self, config: &DataConfig, notes: &mut dyn FnMut(String)) {
        let lacking = cut_warnings(&cuts_in(&self.contract.settings), config);
        lacking.into_iter().for_each(notes);
    }

    /// Writes its table of variables, that of a data stage byte for byte: whoever reads both sees that they mean the
    /// same. Only how stays were cut is said of the stays of `config`.
    pub(super) fn write_variables(&self, place: &Path, config: &DataConfig) -> Result<(), Error> {
        let cut = cut_setting(&cuts_of(config));
        let mut settings = self.contract.settings.clone();
        settings.remove(CUT);
        settings.extend(cut);
        if let Some(table) = self
            .table
            .as_ref()
            .filter(|_| settings == self.contract.settings)
        {
            let copied = std::fs::read(table).and_then(|bytes| std::fs::write(place, bytes));
            return copied
                .map_err(|error| Error::file(place, format!("cannot be written: {error}")));
        }
        let mut variables = self.variables();
        if let Some(table) = &self.table {
            for (variable, events) in variables.iter_mut().zip(training_events(table)?) {
                variable.train_events = events;
            }
        }
        let rows = EmbeddingRows {
            dimension: self.contract.embedding_dim,
            numbers: self.contract.embeddings.clone(),
        };
        tables::write_variables(place, &variables, &rows, &settings)
    }
}

/// How many events of each variable a table of variables counts in its training split.
fn training_events(table: &Path) -> Result<Vec<u64>, Error> {
    let mut events = Vec::new();
    for batch in StreamedRows::open(table, &["train_events"])? {
        let batch = batch?;
        let counts: &UInt64Array = column(table, &batch, "train_events")?;
        events.extend_from_slice(counts.values());
    }
    Ok(events)
}

impl Training {
    fn read(profile: &Path) -> Result<Self, Error> {
        let unread = |error: &dyn std::fmt::Display| {
            Error::file(profile, format!("cannot be read: {error}"))
        };
        let text = std::fs::read(profile).map_err(|error| unread(&error))?;
        let json: Value = serde_json::from_slice(&text).map_err(|error| unread(&error))?;
        let count = |of: &Value, name: &str| of[name].as_u64().unwrap_or_default();
        let held = |(name, variable): (&String, &Value)| {
            let train = &variable["train"];
            let held = Held {
                events: count(train, "events"),
                stays: count(train, "stays"),
            };
            (name.clone(), held)
        };
        let variables = json["variables"].as_object().into_iter().flatten();
        Ok(Self {
            stays: count(&json["splits"]["train"], "stays"),
            by_variable: variables.map(held).collect(),
        })
    }
}
