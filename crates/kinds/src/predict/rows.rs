//! The artifact `predictions`: a row a stay, as Parquet or CSV.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Float64Array, StringArray, TimestampMicrosecondArray,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::PredictionFormat;
use pipeline_data::parquet_file::{self, Compression};
use pipeline_error::Error;

/// Columns of predictions, by name.
#[derive(Default)]
pub struct Rows(Vec<(String, ArrayRef)>);

impl Rows {
    /// Text, such as ids.
    pub fn text(&mut self, name: &str, column: Vec<String>) {
        self.0
            .push((name.into(), Arc::new(StringArray::from(column))));
    }

    /// Times in microseconds since 1970.
    pub fn times(&mut self, name: &str, column: Vec<Option<i64>>) {
        let column = TimestampMicrosecondArray::from(column);
        self.0.push((name.into(), Arc::new(column)));
    }

    /// Numbers, such as probabilities.
    pub fn numbers(&mut self, name: &str, column: Vec<f64>) {
        self.0
            .push((name.into(), Arc::new(Float64Array::from(column))));
    }

    /// Whether something is so.
    pub fn flags(&mut self, name: &str, column: Vec<bool>) {
        self.0
            .push((name.into(), Arc::new(BooleanArray::from(column))));
    }

    /// Writes the file.
    pub fn write(self, path: &Path, format: PredictionFormat) -> Result<(), Error> {
        match format {
            PredictionFormat::Parquet => {
                let columns = self.0.iter();
                let columns = columns.map(|(name, column)| (name.as_str(), column.clone()));
                parquet_file::write_nullable(path, columns.collect(), Compression::SNAPPY)
            }
            PredictionFormat::Csv => self.write_csv(path),
        }
    }

    /// Numbers in the shortest form that is read back to the last bit.
    fn write_csv(&self, path: &Path) -> Result<(), Error> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::file(path, format!("cannot be written: {error}"))
        };
        let options = FormatOptions::default();
        let columns = self.0.iter();
        let cells: Vec<ArrayFormatter> = columns
            .map(|(_, column)| ArrayFormatter::try_new(column, &options))
            .collect::<Result<_, _>>()
            .map_err(|error| failed(&error))?;
        let mut writer = csv::Writer::from_path(path).map_err(|error| failed(&error))?;
        let names = self.0.iter().map(|(name, _)| name);
        writer.write_record(names).map_err(|error| failed(&error))?;
        for row in 0..self.0.first().map_or(0, |(_, column)| column.len()) {
            let record = cells.iter().map(|cell| cell.value(row).to_string());
            writer
                .write_record(record)
                .map_err(|error| failed(&error))?;
        }
        writer.flush().map_err(|error| failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_csv_file_says_what_the_parquet_file_does() {
        let folder = tempfile::tempdir().unwrap();
        let mut rows = Rows::default();
        rows.text("stay_id", vec!["a,b".into(), "2".into()]);
        rows.times("prediction_time", vec![None, Some(1_000_000)]);
        rows.numbers("probability", vec![0.1 + 0.2, 1e-9]);
        rows.flags("predicted", vec![true, false]);
        let path = folder.path().join("predictions.csv");
        rows.write(&path, PredictionFormat::Csv).unwrap();
        let text = std::fs::read_to_string(path).unwrap();
        assert_eq!(
            text,
            "stay_id,prediction_time,probability,predicted\n\"a,b\",,0.30000000000000004,true\n\
             2,1970-01-01T00:00:01,1e-9,false\n"
        );
    }
}
