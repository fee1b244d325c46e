//! The artifact `predictions`: a row a stay, as Parquet or CSV.

use std::fmt::Display;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::error::ArrowError;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::{Calibration, PredictionFormat};
use crate::says::{Says, positive_of};
use pipeline_data::parquet_file::{AppendedTable, Compression};
use pipeline_data::plain_table::PlainTable;
use pipeline_data::stay_columns::StayNames;
use pipeline_error::Error;

/// Columns of predictions, by name.
#[derive(Default)]
pub struct Rows(Vec<(String, ArrayRef)>);

impl Rows {
    /// Those of stays of which a model says `values`, row-major [stays, outputs].
    pub fn of(stays: StayNames, values: &[f64], says: &Says, calibration: &Calibration) -> Self {
        let mut rows = Self::default();
        rows.text("stay_id", stays.ids);
        rows.text("subject_id", stays.subjects);
        if let Some(times) = stays.times {
            rows.times("prediction_time", times);
        }
        for (name, column) in says.columns().iter().zip(says.by_column(values)) {
            rows.numbers(name, column);
        }
        if let Says::Classes(classes) = says {
            calibration.add_columns(&positive_of(values, *classes), &mut rows);
        }
        rows
    }

    /// The same in the schema of meds-evaluation, of two classes. It knows no other column: thresholds but the first
    /// and the correction are left out (a note names them), and `boolean_value` where there are no labels. Errors name
    /// a stay whose subject is no whole number, or that no time of prediction is known of.
    pub fn in_meds_schema(
        stays: StayNames,
        labels: Option<Vec<bool>>,
        probabilities: &[f64],
        calibration: &Calibration,
    ) -> Result<Self, Error> {
        let named = |name: usize| &stays.ids[name];
        let subject = |(stay, subject): (usize, &String)| {
            subject.parse::<i64>().map_err(|_| {
                let what = format!("stay {}: subject {subject} is no whole number", named(stay));
                Error::stage(what).with_hint("MEDS counts its subjects in whole numbers")
            })
        };
        let subjects = stays.subjects.iter().enumerate().map(subject);
        let subjects: Vec<i64> = subjects.collect::<Result<_, _>>()?;
        let time = |stay: usize| {
            let times = stays.times.as_ref().and_then(|times| times[stay]);
            times.ok_or_else(|| {
                let what = format!("stay {}: no time of prediction is known", named(stay));
                Error::stage(what)
                    .with_hint("for `meds` without labels, state the source's `prediction_times`")
            })
        };
        let times = (0..stays.ids.len()).map(time);
        let times: Vec<i64> = times.collect::<Result<_, _>>()?;
        let positive = positive_of(probabilities, 2);
        let threshold = calibration.thresholds.first().copied().unwrap_or(0.5);
        let mut rows = Self::default();
        rows.push("subject_id", Arc::new(Int64Array::from(subjects)));
        rows.times("prediction_time", times.into_iter().map(Some).collect());
        if let Some(labels) = labels {
            rows.flags("boolean_value", labels);
        }
        let predicted = positive.iter().map(|probability| *probability >= threshold);
        rows.flags("predicted_boolean_value", predicted.collect());
        rows.numbers("predicted_boolean_probability", positive);
        Ok(rows)
    }

    /// Text, such as ids.
    fn text(&mut self, name: &str, column: Vec<String>) {
        self.push(name, Arc::new(StringArray::from(column)));
    }

    /// Text that may be missing.
    pub fn texts(&mut self, name: &str, column: Vec<Option<String>>) {
        self.push(name, Arc::new(StringArray::from(column)));
    }

    fn times(&mut self, name: &str, column: Vec<Option<i64>>) {
        self.push(name, Arc::new(TimestampMicrosecondArray::from(column)));
    }

    /// Numbers, such as probabilities.
    pub fn numbers(&mut self, name: &str, column: Vec<f64>) {
        self.push(name, Arc::new(Float64Array::from(column)));
    }

    /// Numbers that may be missing.
    pub fn some_numbers(&mut self, name: &str, column: Vec<Option<f64>>) {
        self.push(name, Arc::new(Float64Array::from(column)));
    }

    /// Whether something is so.
    pub fn flags(&mut self, name: &str, column: Vec<bool>) {
        self.push(name, Arc::new(BooleanArray::from(column)));
    }

    fn push(&mut self, name: &str, column: ArrayRef) {
        self.0.push((name.into(), column));
    }

    fn batch(self) -> Result<RecordBatch, ArrowError> {
        let columns = self.0.into_iter();
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true)))
    }

    /// Writes them to a file.
    pub fn write(self, path: &Path, format: PredictionFormat) -> Result<(), Error> {
        let file = File::create(path).map_err(|error| unwritten(path, &error))?;
        RowWriter::begin(file, path, format, self)?.finish()
    }
}

/// A file of predictions, written some rows at a time.
pub struct RowWriter<W: Write + Send> {
    path: PathBuf,
    table: Table<W>,
}

enum Table<W: Write + Send> {
    Parquet(Box<AppendedTable<W>>),
    Plain(Box<PlainTable<W>>),
    Csv(Box<csv::Writer<W>>),
}

impl<W: Write + Send> RowWriter<W> {
    /// Writes the first rows to `to`; errors say that it is `path`.
    pub fn begin(to: W, path: &Path, format: PredictionFormat, rows: Rows) -> Result<Self, Error> {
        let failed = |error: &dyn Display| unwritten(path, error);
        let batch = rows.batch().map_err(|error| failed(&error))?;
        let table = match format {
            PredictionFormat::Meds => {
                let table = PlainTable::create(to, batch.schema());
                Table::Plain(Box::new(table.map_err(|error| failed(&error))?))
            }
            PredictionFormat::Parquet => {
                let schema = batch.schema();
                let table = AppendedTable::create(to, schema, Compression::SNAPPY, None);
                Table::Parquet(Box::new(table.map_err(|error| failed(&error))?))
            }
            PredictionFormat::Csv => {
                let mut writer = csv::Writer::from_writer(to);
                let schema = batch.schema();
                let names = schema.fields().iter().map(|field| field.name());
                writer.write_record(names).map_err(|error| failed(&error))?;
                Table::Csv(Box::new(writer))
            }
        };
        let path = path.to_path_buf();
        let mut writer = Self { path, table };
        writer.write(&batch)?;
        Ok(writer)
    }

    /// Writes the next rows, which have the columns of the first.
    pub fn append(&mut self, rows: Rows) -> Result<(), Error> {
        let batch = rows
            .batch()
            .map_err(|error| unwritten(&self.path, &error))?;
        self.write(&batch)
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let failed = |error: &dyn Display| unwritten(&self.path, error);
        match &mut self.table {
            Table::Parquet(table) => table.append(batch).map_err(|error| failed(&error)),
            Table::Plain(table) => table.append(batch).map_err(|error| failed(&error)),
            Table::Csv(writer) => {
                let options = FormatOptions::default();
                let columns = batch.columns().iter();
                let cells = columns.map(|column| ArrayFormatter::try_new(column, &options));
                let cells: Vec<ArrayFormatter> = cells
                    .collect::<Result<_, _>>()
                    .map_err(|error| failed(&error))?;
                (0..batch.num_rows()).try_for_each(|row| {
                    // Numbers in the shortest form that is read back to the last bit.
                    let record = cells.iter().map(|cell| cell.value(row).to_string());
                    writer.write_record(record).map_err(|error| failed(&error))
                })
            }
        }
    }

    /// Writes what the file ends with.
    pub fn finish(self) -> Result<(), Error> {
        let failed = |error: &dyn Display| unwritten(&self.path, error);
        match self.table {
            Table::Parquet(table) => table.finish().map_err(|error| failed(&error)),
            Table::Plain(table) => table.finish().map_err(|error| failed(&error)),
            Table::Csv(mut writer) => writer.flush().map_err(|error| failed(&error)),
        }
    }
}

fn unwritten(path: &Path, error: &dyn Display) -> Error {
    Error::file(path, format!("cannot be written: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(ids: [&str; 2], time: Option<i64>) -> Rows {
        let ids = ids.map(String::from).to_vec();
        let stays = StayNames {
            subjects: ids.clone(),
            ids,
            times: Some(vec![None, time]),
        };
        let calibration = Calibration {
            recalibration: None,
            thresholds: vec![0.5],
        };
        Rows::of(
            stays,
            &[0.7, 0.1 + 0.2, 1.0, 1e-9],
            &Says::Classes(2),
            &calibration,
        )
    }

    #[test]
    fn a_csv_file_says_what_the_parquet_file_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("predictions.csv");
        let first = rows(["a,b", "2"], Some(1_000_000));
        first.write(&path, PredictionFormat::Csv).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "stay_id,subject_id,prediction_time,probability,predicted\n\"a,b\",\"a,b\",,0.30000000000000004,false\n\
             2,2,1970-01-01T00:00:01,1e-9,false\n"
        );
    }

    #[test]
    fn the_meds_schema_needs_numbers_for_subjects_and_times() {
        let calibration = Calibration {
            recalibration: None,
            thresholds: vec![0.25, 0.9],
        };
        let rows = |subject: &str, time, labels| {
            let stays = StayNames {
                ids: vec!["7@soon".into()],
                subjects: vec![subject.into()],
                times: Some(vec![time]),
            };
            Rows::in_meds_schema(stays, labels, &[0.7, 0.3], &calibration)
        };
        let names = |rows: Rows| rows.0.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        let all = rows("7", Some(1), Some(vec![true])).unwrap();
        let predicted = all.0[3].1.as_any().downcast_ref::<BooleanArray>().unwrap();
        assert!(predicted.value(0), "0.3 reaches the first threshold");
        let expected = [
            "subject_id",
            "prediction_time",
            "boolean_value",
            "predicted_boolean_value",
            "predicted_boolean_probability",
        ];
        assert_eq!(names(all), expected);
        assert_eq!(names(rows("7", Some(1), None).unwrap()).len(), 4);
        let refused = |found: Result<Rows, Error>| match found {
            Err(error) => error.to_string(),
            Ok(_) => String::new(),
        };
        assert!(refused(rows("x", Some(1), None)).contains("stay 7@soon: subject x"));
        assert!(refused(rows("7", None, None)).contains("no time of prediction"));
    }

    #[test]
    fn rows_may_come_in_parts() {
        for format in [PredictionFormat::Csv, PredictionFormat::Parquet] {
            let mut bytes = Vec::new();
            let path = Path::new("predictions");
            let first = rows(["1", "2"], None);
            let mut writer = RowWriter::begin(&mut bytes, path, format, first).unwrap();
            writer.append(rows(["3", "4"], None)).unwrap();
            writer.finish().unwrap();
            if format == PredictionFormat::Csv {
                assert_eq!(String::from_utf8(bytes).unwrap().lines().count(), 5);
            } else {
                assert!(bytes.ends_with(b"PAR1"));
            }
        }
    }
}
