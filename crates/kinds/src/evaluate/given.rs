//! Predictions that a table gives in place of a model.

use std::path::Path;

use serde_json::Value;

use super::evaluation::{PROBABILITIES, Predictions, probabilities_of, softmax};
use crate::json::as_json;
use pipeline_data::config::PredictionTable;
use pipeline_data::dataset::Split;
use pipeline_data::given_predictions::{GivenPredictions, PredictedStays};
use pipeline_data::parquet_file::StreamedRows;
use pipeline_data::stay_columns::{StayColumns, StayNames};
use pipeline_error::Error;
use pipeline_stage::StageContext;

/// The setting that names the table, and the role of the artifact that it may be.
pub const PREDICTIONS_PATH: &str = "predictions.path";

/// A table of predictions, joined with the stays of the data.
pub struct GivenTable<'a> {
    given: GivenPredictions,
    stays: &'a StayColumns,
    names: StayNames,
    splits: Vec<Split>,
}

impl<'a> GivenTable<'a> {
    /// Reads the table.
    pub fn read(
        table: &PredictionTable,
        context: &StageContext,
        stays: &'a StayColumns,
    ) -> Result<Self, Error> {
        let path = match table.path.artifact() {
            Some(made) => context.input(PREDICTIONS_PATH, &made.artifact)?,
            None => table.path.as_ref(),
        };
        let (names, splits) = (stays.names()?, stays.splits()?);
        let joined = PredictedStays {
            names: &names,
            splits: &splits,
        };
        Ok(Self {
            given: GivenPredictions::read(path, table, &joined)?,
            stays,
            names,
            splits,
        })
    }

    /// Fails if it says something of a stay of the training split.
    pub fn refuse_training(&self) -> Result<(), Error> {
        self.given.refuse_training(&self.joined())
    }

    /// What it says of the labelled stays of a split.
    pub fn of_split(&self, split: Split) -> Result<Predictions, Error> {
        let of_split = self
            .splits
            .iter()
            .enumerate()
            .filter(|(_, of)| **of == split);
        let rows: Vec<usize> = of_split.map(|(row, _)| row).collect();
        if rows.is_empty() {
            let message = format!("the split {} has no stays", split.name());
            return Err(Error::stage(message).with_hint("look at `split` in the data stage"));
        }
        let (labels, classes) = (self.stays.classes(&rows)?, self.given.classes);
        let ids: Vec<String> = rows
            .iter()
            .map(|row| self.names.ids[*row].clone())
            .collect();
        if let Some(at) = labels.iter().position(|label| *label as usize >= classes) {
            return Err(Error::stage(format!(
                "stay {} has label {}, and the table has columns for the classes 0 to {}",
                ids[at],
                labels[at],
                classes - 1
            )));
        }
        let values = self.given.of_rows(&rows, &self.joined())?;
        Ok(Predictions {
            given: Some(match self.given.of_logits {
                true => softmax(&values, classes),
                false => values,
            }),
            logits: Vec::new(),
            ids,
            labels,
            classes,
        })
    }

    fn joined(&self) -> PredictedStays<'_> {
        PredictedStays {
            names: &self.names,
            splits: &self.splits,
        }
    }
}

/// The table as part of a key: its columns. Its path is an input.
pub fn table_fields(table: &PredictionTable) -> Value {
    let mut fields = as_json(table);
    if let Some(fields) = fields.as_object_mut() {
        fields.remove("path");
        fields.retain(|_, value| {
            !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty())
        });
    }
    fields
}

/// The probabilities of class 1 in the artifact `predictions` of an evaluate stage, of exactly these stays.
pub fn positive_probabilities(path: &Path, ids: &[String]) -> Result<Vec<f64>, Error> {
    let rows = StreamedRows::open(path, &PROBABILITIES)?;
    let (found, probabilities) = probabilities_of(rows, path)?;
    if found == ids {
        return Ok(probabilities);
    }
    let differing = found.iter().zip(ids).find(|(other, own)| other != own);
    Err(Error::stage(match differing {
        Some((other, own)) => format!("its stay {other} stands where this one has stay {own}"),
        None => format!("it has {} stays, and this one {}", found.len(), ids.len()),
    }))
}
