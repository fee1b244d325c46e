//! Predictions that a table gives in place of a model.

use std::path::Path;

use serde_json::Value;

use super::evaluation::{Predictions, said_in};
use crate::asked::Asked;
use crate::json::as_json;
use crate::says::Says;
use pipeline_data::config::PredictionTable;
use pipeline_data::dataset::Split;
use pipeline_data::given_predictions::{GivenPredictions, PredictedStays};
use pipeline_data::parquet_file::StreamedRows;
use pipeline_data::stay_columns::{StayColumns, StayNames};
use pipeline_data::target::Target;
use pipeline_error::Error;
use pipeline_stage::StageContext;

/// The setting that names the table, and the role of the artifact that it may be.
pub const PREDICTIONS_PATH: &str = "predictions.path";

/// A table of predictions, joined with the stays of the data.
pub struct GivenTable<'a> {
    given: GivenPredictions,
    says: Says,
    stays: &'a StayColumns,
    names: StayNames,
    splits: Vec<Split>,
}

impl<'a> GivenTable<'a> {
    /// Reads the table.
    pub fn read(
        table: &PredictionTable,
        target: Option<&Target>,
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
            given: GivenPredictions::read(path, table, target, &joined)?,
            says: target.map_or_else(|| Says::Classes(table.classes()), Says::of_target),
            stays,
            names,
            splits,
        })
    }

    /// Fails if it says something of a stay of the training split.
    pub fn refuse_training(&self) -> Result<(), Error> {
        self.given.refuse_training(&self.joined())
    }

    /// What it says of the stays of a split whose truth is known, and how many have no value of the target.
    pub fn of_split(&self, split: Split, asked: Asked) -> Result<(Predictions, usize), Error> {
        let ids_of = |rows: &[usize]| self.names.of_rows(rows).ids;
        let mut of_split: Vec<usize> = (0..self.splits.len()).collect();
        of_split.retain(|row| self.splits[*row] == split);
        let ids = ids_of(&of_split);
        let known = asked.of_stays(self.stays, of_split, &ids, split)?;
        let ids = ids_of(&known.rows);
        let outputs = self.says.outputs();
        if let Some((at, class)) = known.class_beyond(outputs) {
            return Err(Error::stage(format!(
                "stay {} has label {class}, and the table has columns for the classes 0 to {}",
                ids[at],
                outputs - 1
            )));
        }
        let values = self.given.of_rows(&known.rows, &self.joined())?;
        let predictions = Predictions {
            given: Some(match self.given.of_logits {
                true => self.says.values(&values),
                false => values,
            }),
            outputs: Vec::new(),
            ids,
            truth: Some(known.truth),
            says: self.says.clone(),
            target: asked.target().cloned(),
        };
        Ok((predictions, known.without))
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

/// What the artifact `predictions` of an evaluate stage says of exactly the stays of `own`, of which the same is true there.
pub fn said_of(path: &Path, own: &Predictions) -> Result<Vec<f64>, Error> {
    let (found, said) = said_in(path, &own.says)?;
    if found == own.ids {
        return same_truth(path, own).map(|()| said);
    }
    let differing = found.iter().zip(&own.ids).find(|(other, own)| other != own);
    Err(Error::stage(match differing {
        Some((other, own)) => format!("its stay {other} stands where this one has stay {own}"),
        None => format!(
            "it has {} stays, and this one {}",
            found.len(),
            own.ids.len()
        ),
    }))
}

/// Fails unless the same is true of the same stays there.
fn same_truth(path: &Path, own: &Predictions) -> Result<(), Error> {
    let columns = own.truth_columns();
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let mut before = 0;
    for batch in StreamedRows::open(path, &names)? {
        let batch = batch?;
        for (name, truth) in &columns {
            let truth = truth.slice(before, batch.num_rows());
            let mut rows = 0..batch.num_rows();
            if let Some(found) = batch.column_by_name(name)
                && **found != *truth
                && let Some(row) = rows.find(|row| *found.slice(*row, 1) != *truth.slice(*row, 1))
            {
                let stay = &own.ids[before + row];
                let what = format!("it scores another truth: `{name}` of stay {stay} differs");
                return Err(Error::stage(what));
            }
        }
        before += batch.num_rows();
    }
    Ok(())
}
