use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float32Array, Int64Array, TimestampMicrosecondArray};
use jiff::Timestamp;

use pipeline_data::parquet_file::{self, Compression};
use pipeline_data::stay_columns::StayColumns;
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

    /// Writes the artifact.
    pub fn write(
        self,
        path: &Path,
        labels: &[bool],
        probabilities: &[f64],
        threshold: f64,
    ) -> Result<(), Error> {
        let predicted: Vec<bool> = probabilities.iter().map(|p| *p >= threshold).collect();
        let single = probabilities.iter().map(|p| *p as f32);
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("subject_id", Arc::new(Int64Array::from(self.subjects))),
            (
                "prediction_time",
                Arc::new(TimestampMicrosecondArray::from(self.times)),
            ),
            (
                "boolean_value",
                Arc::new(BooleanArray::from(labels.to_vec())),
            ),
            (
                "predicted_boolean_value",
                Arc::new(BooleanArray::from(predicted)),
            ),
            (
                "predicted_boolean_probability",
                Arc::new(Float32Array::from_iter_values(single)),
            ),
        ];
        parquet_file::write(path, columns, Compression::UNCOMPRESSED)
    }
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
