//! What is known of variants as a table for programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
use serde_json::Value;

use pipeline_data::parquet_file::{self, Compression};
use pipeline_error::Error;
use pipeline_runner::sweep::record::{Metrics, SettingRecord, ShowRecord, Summary, VariantRecord};

/// Columns of equal length; null is what is not known.
pub struct Frame {
    columns: Vec<(String, Vec<Value>)>,
    rows: usize,
}

impl Frame {
    /// A row a setting, the best first: what it sets, then the objective and all metrics as mean, standard deviation and
    /// the number of results that have a value.
    pub fn of_settings(show: &ShowRecord) -> Self {
        let settings = show.settings.as_slice();
        let mut frame = Self::new(settings.len());
        frame.push("setting", settings, |one| one.name.as_str().into());
        frame.overrides(settings, |one: &SettingRecord| &one.overrides);
        frame.push("variants", settings, |one| one.variants.into());
        frame.push("done", settings, |one| one.done.into());
        frame.push("failed", settings, |one| one.failed.into());
        frame.summaries("objective", settings, |one| one.objective.as_ref());
        for (stage, metric) in names(settings.iter().map(|one| &one.metrics)) {
            frame.summaries(&format!("{stage}.{metric}"), settings, |one| {
                one.metrics.get(&stage)?.get(&metric)
            });
        }
        frame
    }

    /// A row a variant, in the order of the space.
    pub fn of_variants(show: &ShowRecord) -> Self {
        let variants = show.variants.as_slice();
        let mut frame = Self::new(variants.len());
        frame.push("variant", variants, |one| one.name.as_str().into());
        frame.push("setting", variants, |one| one.setting.as_str().into());
        frame.overrides(variants, |one: &VariantRecord| &one.overrides);
        frame.push("status", variants, |one| {
            serde_json::to_value(one.status).unwrap_or(Value::Null)
        });
        frame.push("objective", variants, |one| {
            one.objective.map_or(Value::Null, Value::from)
        });
        for (stage, metric) in names(variants.iter().map(|one| &one.metrics)) {
            frame.push(&format!("{stage}.{metric}"), variants, |one| {
                let metrics = one.metrics.get(&stage);
                metrics
                    .and_then(|metrics| metrics.get(&metric))
                    .cloned()
                    .unwrap_or(Value::Null)
            });
        }
        frame
    }

    fn new(rows: usize) -> Self {
        Self {
            columns: Vec::new(),
            rows,
        }
    }

    fn push<R>(&mut self, name: &str, records: &[R], value: impl Fn(&R) -> Value) {
        self.columns
            .push((name.into(), records.iter().map(value).collect()));
    }

    fn summaries(
        &mut self,
        name: &str,
        settings: &[SettingRecord],
        of: impl Fn(&SettingRecord) -> Option<&Summary>,
    ) {
        self.push(&format!("{name}.mean"), settings, |one| {
            of(one).map_or(Value::Null, |summary| summary.mean.into())
        });
        self.push(&format!("{name}.std"), settings, |one| {
            of(one)
                .and_then(|summary| summary.std)
                .map_or(Value::Null, Value::from)
        });
        self.push(&format!("{name}.n"), settings, |one| {
            of(one).map_or(0, |summary| summary.n).into()
        });
    }

    fn overrides<R>(&mut self, records: &[R], of: impl Fn(&R) -> &BTreeMap<String, Value>) {
        let paths: BTreeSet<&String> = records.iter().flat_map(|one| of(one).keys()).collect();
        for path in paths {
            self.push(path, records, |one| {
                of(one).get(path).cloned().unwrap_or(Value::Null)
            });
        }
    }

    /// The table as CSV; nothing stands where nothing is known.
    pub fn csv(&self) -> Result<String, Error> {
        let failed = |error: String| Error::stage(format!("the table cannot be written: {error}"));
        let mut writer = csv::Writer::from_writer(Vec::new());
        let write = |writer: &mut csv::Writer<Vec<u8>>, row: Vec<String>| {
            writer
                .write_record(row)
                .map_err(|error| failed(error.to_string()))
        };
        write(
            &mut writer,
            self.columns.iter().map(|(name, _)| name.clone()).collect(),
        )?;
        for row in 0..self.rows {
            let cells = self
                .columns
                .iter()
                .map(|(_, values)| text(&values[row]).unwrap_or_default());
            write(&mut writer, cells.collect())?;
        }
        let bytes = writer
            .into_inner()
            .map_err(|error| failed(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| failed(error.to_string()))
    }

    /// The table as the bytes of a Parquet file: whole numbers, numbers or text, column by column.
    pub fn parquet(&self) -> Result<Vec<u8>, Error> {
        let columns = self.columns.iter();
        let columns = columns.map(|(name, values)| (name.as_str(), array(values)));
        let failed = |error| Error::file(&std::env::temp_dir(), error);
        let draft = tempfile::NamedTempFile::new().map_err(failed)?;
        parquet_file::write_nullable(draft.path(), columns.collect(), Compression::SNAPPY)?;
        fs::read(draft.path()).map_err(failed)
    }
}

/// Stages and metrics that any record has.
fn names<'a, T: 'a>(all: impl Iterator<Item = &'a Metrics<T>>) -> BTreeSet<(String, String)> {
    let pairs = all.flatten().flat_map(|(stage, metrics)| {
        metrics
            .keys()
            .map(move |metric| (stage.clone(), metric.clone()))
    });
    pairs.collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn array(values: &[Value]) -> ArrayRef {
    let known = || values.iter().filter(|value| !value.is_null());
    if known().all(Value::is_i64) {
        return Arc::new(values.iter().map(Value::as_i64).collect::<Int64Array>());
    }
    if known().all(Value::is_number) {
        return Arc::new(values.iter().map(Value::as_f64).collect::<Float64Array>());
    }
    Arc::new(values.iter().map(text).collect::<StringArray>())
}
