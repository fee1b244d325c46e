//! The table of stays, column by column: also those that only some sources have.

mod subjects;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::{Array, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;

use super::config::Task;
use super::dataset::{Split, without_label};
use super::parquet_file;
use super::target::{Target, Truth};
use super::typed_column::{self, is_number, is_text};
use pipeline_error::Error;
pub use subjects::SubjectSet;

/// Every column of the artifact `stays`.
pub struct StayColumns {
    path: PathBuf,
    rows: RecordBatch,
    row_of: BTreeMap<String, usize>,
}

/// How stays are called, and when they are predicted.
pub struct StayNames {
    /// Their ids.
    pub ids: Vec<String>,
    /// Their patients; the stay's own id where the source tells none.
    pub subjects: Vec<String>,
    /// When a prediction is made, in microseconds since 1970, where the source tells that.
    pub times: Option<Vec<Option<i64>>>,
}

impl StayNames {
    /// Those in these rows.
    pub fn of_rows(&self, rows: &[usize]) -> Self {
        let texts = |all: &[String]| rows.iter().map(|&row| all[row].clone()).collect();
        let times = self.times.as_ref();
        Self {
            ids: texts(&self.ids),
            subjects: texts(&self.subjects),
            times: times.map(|all| rows.iter().map(|&row| all[row]).collect()),
        }
    }
}

/// What a column says of stays; none where it says nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum StayAttribute {
    /// Text, or true and false.
    Text(Vec<Option<String>>),
    /// Numbers.
    Number(Vec<Option<f64>>),
}

impl StayColumns {
    /// Reads the artifact.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let schema = parquet_file::open(path)?.schema().clone();
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let batches = parquet_file::read(path, &names)?;
        let rows = concat_batches(&schema, &batches)
            .map_err(|error| Error::file(path, format!("cannot be read: {error}")))?;
        let ids = typed_column::text(path, &rows, "stay_id")?;
        let named = ids.iter().enumerate();
        let row_of = named.map(|(row, id)| (id.unwrap_or_default().to_string(), row));
        Ok(Self {
            path: path.to_path_buf(),
            row_of: row_of.collect(),
            rows,
        })
    }

    /// The stays, sorted by id.
    pub fn ids(&self) -> impl Iterator<Item = &String> {
        self.row_of.keys()
    }

    /// The names of the columns, in their order.
    pub fn column_names(&self) -> Vec<String> {
        let schema = self.rows.schema();
        let fields = schema.fields().iter();
        fields.map(|field| field.name().clone()).collect()
    }

    /// Whether there is a column of this name.
    pub fn has(&self, column: &str) -> bool {
        self.rows.column_by_name(column).is_some()
    }

    /// The rows of these stays.
    pub fn rows_of(&self, ids: &[String]) -> Result<Vec<usize>, Error> {
        let row = |id: &String| {
            let row = self.row_of.get(id).copied();
            row.ok_or_else(|| Error::file(&self.path, format!("there is no stay {id}")))
        };
        ids.iter().map(row).collect()
    }

    /// How every stay of the table is called, and when it is predicted.
    pub fn names(&self) -> Result<StayNames, Error> {
        Ok(StayNames {
            ids: self.stay_ids()?,
            subjects: self.subjects()?,
            times: self.prediction_times()?,
        })
    }

    /// The id of every stay of the table.
    fn stay_ids(&self) -> Result<Vec<String>, Error> {
        let ids = typed_column::text(&self.path, &self.rows, "stay_id")?;
        Ok(ids
            .iter()
            .map(|id| id.unwrap_or_default().to_string())
            .collect())
    }

    /// The split of every stay of the table.
    pub fn splits(&self) -> Result<Vec<Split>, Error> {
        let names = typed_column::text(&self.path, &self.rows, "split")?;
        let split = |name: Option<&str>| {
            let name = name.unwrap_or_default();
            Split::from_name(name)
                .ok_or_else(|| Error::file(&self.path, format!("there is no split `{name}`")))
        };
        names.iter().map(split).collect()
    }

    /// The class of each of these stays; the first without a label is an error.
    pub fn classes(&self, rows: &[usize]) -> Result<Vec<u32>, Error> {
        let labels = typed_column::whole_numbers(&self.path, 0, &self.rows, "label")?;
        let ids = self.stay_ids()?;
        let class = |&row: &usize| {
            if labels.is_null(row) {
                return Err(without_label(&ids[row]));
            }
            u32::try_from(labels.value(row)).map_err(|_| {
                let what = format!("stay {} has label {}", ids[row], labels.value(row));
                Error::stage(what).with_hint("classes are whole numbers from 0 on")
            })
        };
        rows.iter().map(class).collect()
    }

    /// What is true of a target, of stays in these rows of the table that have a value of it. An error says that the table
    /// does not hold the target.
    pub fn truth(&self, target: &Target, rows: &[usize]) -> Result<Truth, Error> {
        let mut columns = Vec::new();
        for name in target.columns() {
            if !self.has(&name) {
                let what = format!("has no column `{name}` of the target `{}`", target.name);
                return Err(Error::file(&self.path, what)
                    .with_hint("the data stage has to state the target, under `targets`"));
            }
            columns.push(name);
        }
        Ok(match target.task {
            Task::Regression => {
                let numbers = typed_column::numbers(&self.path, &self.rows, &columns[0])?;
                Truth::Numbers(rows.iter().map(|&row| numbers.value(row)).collect())
            }
            Task::Classification | Task::MultiLabel => {
                let columns = (columns.iter())
                    .map(|name| typed_column::whole_numbers(&self.path, 0, &self.rows, name))
                    .collect::<Result<Vec<_>, Error>>()?;
                let classes = (rows.iter())
                    .flat_map(|&row| columns.iter().map(move |column| column.value(row)));
                match target.task {
                    Task::MultiLabel => Truth::Labels {
                        has: classes.map(|class| class != 0).collect(),
                        labels: columns.len(),
                    },
                    _ => Truth::Classes(classes.map(|class| class as u32).collect()),
                }
            }
        })
    }

    /// Whether the stays in these rows of the table have a value of a target.
    pub fn have_value(&self, target: &Target, rows: &[usize]) -> Vec<bool> {
        let columns = target.columns();
        let columns = columns
            .iter()
            .filter_map(|name| self.rows.column_by_name(name));
        let columns: Vec<_> = columns.collect();
        let has = |row: &usize| columns.iter().all(|column| !column.is_null(*row));
        rows.iter().map(has).collect()
    }

    /// The same where some stay of the table has a label; none where no stay has.
    pub fn labels_if_any(&self, rows: &[usize]) -> Result<Option<Vec<u32>>, Error> {
        let labels = typed_column::whole_numbers(&self.path, 0, &self.rows, "label")?;
        let has_labels = labels.null_count() < labels.len();
        has_labels.then(|| self.classes(rows)).transpose()
    }

    /// The subject of every stay of the table.
    pub fn subjects(&self) -> Result<Vec<String>, Error> {
        let subjects = typed_column::text(&self.path, &self.rows, "subject_id")?;
        let subjects = subjects.iter();
        Ok(subjects
            .map(|subject| subject.unwrap_or_default().to_string())
            .collect())
    }

    /// The time of prediction of every stay of the table in microseconds since 1970, where the table has it.
    pub fn prediction_times(&self) -> Result<Option<Vec<Option<i64>>>, Error> {
        const COLUMN: &str = "prediction_time";
        if self.rows.column_by_name(COLUMN).is_none() {
            return Ok(None);
        }
        let times: TimestampMicrosecondArray =
            typed_column::times(&self.path, 0, &self.rows, COLUMN)?;
        Ok(Some(times.iter().collect()))
    }

    /// What column `name` says of `rows`. An error names the columns that there are.
    pub fn attribute(&self, name: &str, rows: &[usize]) -> Result<StayAttribute, Error> {
        let schema = self.rows.schema();
        let Ok(field) = schema.field_with_name(name) else {
            let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            return Err(
                Error::stage(format!("the table of stays has no column `{name}`"))
                    .with_hint(format!("it has {}", names.join(", "))),
            );
        };
        let data_type = field.data_type();
        if is_text(data_type) || *data_type == DataType::Boolean {
            let column = typed_column::text(&self.path, &self.rows, name)?;
            let value =
                |&row: &usize| (!column.is_null(row)).then(|| column.value(row).to_string());
            return Ok(StayAttribute::Text(rows.iter().map(value).collect()));
        }
        if !is_number(data_type) {
            return Err(Error::stage(format!(
                "column `{name}` of the table of stays is {data_type}, neither text nor a number"
            )));
        }
        let column = typed_column::numbers(&self.path, &self.rows, name)?;
        let value = |&row: &usize| {
            let number = (!column.is_null(row)).then(|| column.value(row));
            number.filter(|number| number.is_finite())
        };
        Ok(StayAttribute::Number(rows.iter().map(value).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Float64Array, StringArray};

    use super::*;
    use crate::parquet_file::Compression;

    #[test]
    fn columns_that_no_one_knew_of_are_read_and_absent_ones_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stays.parquet");
        let text = |values: [&str; 2]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("stay_id", text(["7", "8"])),
            ("subject_id", text(["1", "2"])),
            ("age", Arc::new(Float64Array::from(vec![None, Some(70.5)]))),
            ("male", Arc::new(BooleanArray::from(vec![true, false]))),
        ];
        parquet_file::write_nullable(&path, columns, Compression::SNAPPY).unwrap();
        let stays = StayColumns::read(&path).unwrap();
        let rows = stays.rows_of(&["8".into(), "7".into()]).unwrap();
        assert_eq!(rows, [1, 0]);
        let age = stays.attribute("age", &rows).unwrap();
        assert_eq!(age, StayAttribute::Number(vec![Some(70.5), None]));
        let male = stays.attribute("male", &rows).unwrap();
        let texts = ["false", "true"].map(|text| Some(text.to_string()));
        assert_eq!(male, StayAttribute::Text(texts.to_vec()));
        let error = stays.attribute("sex", &rows).unwrap_err();
        assert!(error.to_string().contains("no column `sex`"), "{error}");
        assert!(stays.rows_of(&["9".into()]).is_err());
        assert_eq!(stays.prediction_times().unwrap(), None);
    }
}
