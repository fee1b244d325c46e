use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use jiff::Timestamp;

use super::Predictions;
use crate::says::Says;
use pipeline_data::parquet_file::{self, Compression};
use pipeline_data::plain_table::PlainTable;
use pipeline_data::stay_columns::StayColumns;
use pipeline_data::target::Truth;
use pipeline_error::Error;

/// Predictions as meds-evaluation reads them (its `PredictionSchema`, which knows five columns and
/// allows neither others nor nulls): a row for every row of the artifact `predictions`.
pub struct MedsPredictions {
    subjects: Vec<i64>,
    times: Vec<i64>,
    /// Whether subjects had to be numbered, because some are called by no whole number.
    pub numbered: bool,
}

impl MedsPredictions {
    /// Subjects and times of the stays in these rows of the table.
    ///
    /// Where some subject of the table is no whole number, all are numbered from 0 by the order of
    /// their ids. The time is the table's `prediction_time`; else what follows the `@` of a stay's
    /// id; else the beginning of 1970, for a source that knows none.
    pub fn of(stays: &StayColumns, ids: &[String], rows: &[usize]) -> Result<Self, Error> {
        let all = stays.subjects()?;
        let whole: Result<Vec<i64>, _> = all.iter().map(|subject| subject.parse()).collect();
        let (numbers, numbered) = match whole {
            Ok(numbers) => (numbers, false),
            Err(_) => (numbered(&all), true),
        };
        let times = stays.prediction_times()?;
        let time = |(id, row): (&String, &usize)| -> i64 {
            let stated = times.as_ref().and_then(|times| times[*row]);
            stated.or_else(|| time_in(id)).unwrap_or(0)
        };
        Ok(Self {
            subjects: rows.iter().map(|row| numbers[*row]).collect(),
            times: ids.iter().zip(rows).map(time).collect(),
            numbered,
        })
    }

    /// Writes the artifact: of a class in meds-evaluation's columns, of a number as `float_value` and
    /// `predicted_float_value`, of several labels as `NAME` and `predicted_NAME_probability` each.
    pub fn write(
        self,
        path: &Path,
        predictions: &Predictions,
        threshold: f64,
    ) -> Result<(), Error> {
        let mut columns: Vec<(String, ArrayRef)> = vec![
            (
                "subject_id".into(),
                Arc::new(Int64Array::from(self.subjects)),
            ),
            (
                "prediction_time".into(),
                Arc::new(TimestampMicrosecondArray::from(self.times)),
            ),
        ];
        match (&predictions.truth, &predictions.says) {
            (Some(Truth::Numbers(observed)), _) => {
                let doubles = |numbers: Vec<f64>| Arc::new(Float64Array::from(numbers));
                columns.push(("float_value".into(), doubles(observed.clone())));
                let said = doubles(predictions.values());
                columns.push(("predicted_float_value".into(), said));
            }
            (Some(Truth::Labels { has, labels }), Says::Labels(names)) => {
                let said = predictions.says.by_column(&predictions.values());
                for (label, (name, said)) in names.iter().zip(said).enumerate() {
                    let has = has.iter().skip(label).step_by(*labels);
                    let has: BooleanArray = has.map(|has| Some(*has)).collect();
                    columns.push((name.clone(), Arc::new(has)));
                    let name = format!("predicted_{name}_probability");
                    columns.push((name, Arc::new(Float64Array::from(said))));
                }
            }
            _ => {
                columns.extend(of_classes(predictions, threshold));
                return write_plain(path, columns);
            }
        }
        let columns = columns.iter();
        let columns = columns.map(|(name, column)| (name.as_str(), column.clone()));
        parquet_file::write(path, columns.collect(), Compression::UNCOMPRESSED)
    }
}

/// Writes what meds-evaluation reads.
fn write_plain(path: &Path, columns: Vec<(String, ArrayRef)>) -> Result<(), Error> {
    let failed = |error: &dyn Display| Error::file(path, format!("cannot be written: {error}"));
    let columns = columns.into_iter();
    let rows = RecordBatch::try_from_iter_with_nullable(
        columns.map(|(name, column)| (name, column, false)),
    );
    let rows = rows.map_err(|error| failed(&error))?;
    let file = File::create(path).map_err(|error| failed(&error))?;
    let write = || {
        let mut table = PlainTable::create(file, rows.schema())?;
        table.append(&rows)?;
        table.finish()
    };
    write().map_err(|error| failed(&error))
}

fn of_classes(predictions: &Predictions, threshold: f64) -> [(String, ArrayRef); 3] {
    let probabilities = predictions.positive_probabilities();
    let predicted: Vec<bool> = probabilities.iter().map(|p| *p >= threshold).collect();
    [
        (
            "boolean_value".into(),
            Arc::new(BooleanArray::from(predictions.is_positive())),
        ),
        (
            "predicted_boolean_value".into(),
            Arc::new(BooleanArray::from(predicted)),
        ),
        (
            "predicted_boolean_probability".into(),
            // Releases up to 0.0.3, which MEDS-DEV pins, take doubles alone; later ones narrow them themselves.
            Arc::new(Float64Array::from(probabilities)),
        ),
    ]
}

fn numbered(subjects: &[String]) -> Vec<i64> {
    let sorted: BTreeSet<&String> = subjects.iter().collect();
    let numbers: BTreeMap<&String, i64> = sorted.into_iter().zip(0..).collect();
    subjects.iter().map(|subject| numbers[subject]).collect()
}

/// The time in a stay's id, `SUBJECT@TIME`.
fn time_in(id: &str) -> Option<i64> {
    let (_, text) = id.split_once('@')?;
    let time: Timestamp = format!("{text}Z").parse().ok()?;
    Some(time.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_in_ids_or_nowhere() {
        assert_eq!(time_in("12@1970-01-01T00:00:01.5"), Some(1_500_000));
        assert_eq!(time_in("12@soon"), None);
        assert_eq!(time_in("12"), None);
    }

    #[test]
    fn subjects_that_are_no_numbers_are_numbered_by_their_order() {
        let subjects = ["b", "a", "b", "7"].map(String::from);
        assert_eq!(numbered(&subjects), [2, 1, 2, 0]);
    }
}
