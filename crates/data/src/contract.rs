//! What the inputs of a model mean: which number stands for which variable, and what was done to it.
//!
//! A data stage writes its contract into the table of variables; weights carry that of the data that they were
//! trained on. Weights that fit everywhere compute something else from inputs of another meaning.

mod cut;
mod difference;
pub mod exact;

use std::collections::BTreeMap;
use std::path::Path;

use arrow::array::{BooleanArray, Float64Array, StringArray};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::{CleaningRule, DataConfig};
use super::parquet_file::{StreamedRows, column, vector_column};
pub(super) use cut::{CUT, Cut, cuts_in, cuts_of, warnings as cut_warnings};
pub use difference::{Difference, InputField};
use pipeline_error::Error;

/// Where the settings stand in the metadata of the table of variables.
pub(super) const METADATA: &str = "inputs";

/// What the inputs of a model mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InputContract {
    /// The variables, in the order of their numbers.
    pub variables: Vec<InputVariable>,
    /// The settings of the data stage that change what an input means, as JSON text by name. Those that are not
    /// stated are left out.
    pub settings: BTreeMap<String, String>,
    /// Numbers in an embedding.
    pub embedding_dim: usize,
    /// Embeddings of the variables, row-major [variables, embedding_dim]: a tensor of its own in a file of weights.
    #[serde(skip)]
    pub embeddings: Vec<f32>,
}

/// A variable, and what makes its values z-scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InputVariable {
    /// Its name.
    pub name: String,
    /// The mean that is taken off a value, in the unit of the source.
    #[serde(with = "exact")]
    #[schemars(with = "String")]
    pub mean: f64,
    /// The standard deviation that the rest is divided by.
    #[serde(with = "exact")]
    #[schemars(with = "String")]
    pub std: f64,
    /// It counts as presence: each of its values is 1.
    pub constant: bool,
    /// It has values: an event of it without one is left out.
    pub numeric: bool,
}

impl InputContract {
    /// The contract of a data stage, by its artifact `variables`. Errors name the file.
    pub fn read(variables: &Path) -> Result<Self, Error> {
        let columns = ["name", "mean", "std", "constant", "numeric", "embedding"];
        let rows = StreamedRows::open(variables, &columns)?;
        let mut contract = Self {
            settings: settings_in(variables, &rows)?,
            variables: Vec::new(),
            embedding_dim: 0,
            embeddings: Vec::new(),
        };
        for batch in rows {
            let batch = batch?;
            let names: &StringArray = column(variables, &batch, "name")?;
            let means: &Float64Array = column(variables, &batch, "mean")?;
            let stds: &Float64Array = column(variables, &batch, "std")?;
            let constant: &BooleanArray = column(variables, &batch, "constant")?;
            let numeric: &BooleanArray = column(variables, &batch, "numeric")?;
            let (width, numbers) = vector_column(variables, &batch, "embedding")?;
            contract.embedding_dim = width;
            contract.embeddings.extend_from_slice(numbers);
            let row = |row| InputVariable {
                name: names.value(row).to_string(),
                mean: means.value(row),
                std: stds.value(row),
                constant: constant.value(row),
                numeric: numeric.value(row),
            };
            contract.variables.extend((0..batch.num_rows()).map(row));
        }
        Ok(contract)
    }

    /// The same, of stays that were cut as those of `model`: a model expects the cut that it learned from, whatever it
    /// is given.
    pub fn with_cut_of(mut self, model: &Self) -> Self {
        self.settings.remove(CUT);
        let cut = model.settings.get_key_value(CUT);
        self.settings
            .extend(cut.map(|(name, text)| (name.clone(), text.clone())));
        self
    }

    /// The embedding of a variable by its number.
    fn embedding(&self, variable: usize) -> &[f32] {
        &self.embeddings[variable * self.embedding_dim..][..self.embedding_dim]
    }
}

/// Whether a Parquet file is the table of variables of a data stage.
pub(super) fn is_in(path: &Path) -> Result<bool, Error> {
    Ok(StreamedRows::open(path, &[])?.text(METADATA).is_some())
}

fn settings_in(path: &Path, rows: &StreamedRows) -> Result<BTreeMap<String, String>, Error> {
    let text = rows.text(METADATA).ok_or_else(|| {
        Error::file(
            path,
            "is no table of variables of a data stage: it does not say what its inputs mean",
        )
    })?;
    serde_json::from_str(text).map_err(|error| {
        Error::file(
            path,
            format!("the metadata {METADATA} cannot be read: {error}"),
        )
    })
}

/// The settings of `config` that change what an input means, as JSON text: of cleaning, a rule a variable. Which
/// values of a source are none, and how its unit becomes the one that is meant, change nothing of that. How stays were
/// cut stands beside them: no number means something else by that, but a model of cut stays expects them.
pub(super) fn settings_of(config: &DataConfig) -> BTreeMap<String, String> {
    let mut stated = serde_json::to_value(config).unwrap_or_default();
    let rules = stated["cleaning"].take();
    // Which come first changes nothing.
    let mut categorical = config.categorical.clone();
    categorical.sort();
    stated["categorical"] = Value::from(categorical);
    let plain = InputField::ALL.into_iter().flat_map(InputField::settings);
    let plain = plain.map(|&name| (name.to_string(), stated[name].take()));
    let unchanged = serde_json::to_value(CleaningRule::default()).unwrap_or_default();
    let meaning = |rule: &Value| {
        let parts = RULE_PARTS.map(|part| (part, rule[part].clone()));
        let stated = parts
            .into_iter()
            .filter(|(part, value)| value != &unchanged[part]);
        Value::Object(
            stated
                .map(|(part, value)| (part.to_string(), value))
                .collect(),
        )
    };
    let rules = rules.as_object().into_iter().flatten();
    let rules = rules.map(|(variable, rule)| (format!("{CLEANING}{variable}"), meaning(rule)));
    let is_stated = |value: &Value| match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(parts) => !parts.is_empty(),
        value => !value.is_null(),
    };
    plain
        .chain(rules)
        .filter(|(_, value)| is_stated(value))
        .map(|(name, value)| (name, value.to_string()))
        .chain(cut_setting(&cuts_of(config)))
        .collect()
}

/// The setting that says how stays were cut; none: they were not.
pub(super) fn cut_setting(cuts: &[Cut]) -> Option<(String, String)> {
    let text = serde_json::to_string(cuts).unwrap_or_default();
    (!cuts.is_empty()).then(|| (CUT.to_string(), text))
}

/// The parts of a rule of cleaning that change what an input means.
pub const RULE_PARTS: [&str; 3] = ["log", "outside", "range"];

/// What the names of rules of cleaning begin with.
pub(super) const CLEANING: &str = "cleaning.";

#[cfg(test)]
mod tests;
