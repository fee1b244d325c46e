//! Labels and splits of a MEDS dataset.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use arrow::array::{Array, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use jiff::Timestamp;

use super::folder::SourceFiles;
use crate::config::StayPolicy;
use crate::dataset::Split;
use crate::parquet_file;
use crate::typed_column::{self, ColumnType};
use pipeline_error::Error;

/// What is to be predicted of a patient, and when.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct MedsLabel {
    /// Microseconds.
    pub(super) prediction: i64,
    /// `None` where the file says that there is none.
    pub(super) class: Option<u32>,
}

impl MedsLabel {
    /// The time of prediction, as people write it.
    pub(super) fn time_text(&self) -> String {
        match Timestamp::from_microsecond(self.prediction) {
            Ok(time) => time.to_string().trim_end_matches('Z').to_string(),
            Err(_) => self.prediction.to_string(),
        }
    }
}

/// The label file, or every one below a folder.
pub(super) fn label_files(path: &Path) -> Result<SourceFiles, Error> {
    let mut files = SourceFiles::new(false);
    if files.add_with_ending(path, "parquet", |_| true)? == 0 {
        return Err(Error::file(path, "holds no label file (*.parquet)"));
    }
    Ok(files)
}

/// What is to be predicted of a patient, and where it is stated: file and row.
type Stated = (MedsLabel, PathBuf, usize);

/// Fails if patients have labels in several folders: these are tasks. The parts of one task share no patient.
fn refuse_several_tasks(labels: &BTreeMap<i64, Vec<Stated>>) -> Result<(), Error> {
    for (subject, rows) in labels {
        let folders: BTreeSet<Option<&Path>> = rows.iter().map(|row| row.1.parent()).collect();
        let folders: Vec<&Path> = folders.into_iter().flatten().collect();
        if let [first, second, ..] = folders[..] {
            let what = format!(
                "holds labels of subject {subject}, and so does {}: they look like two tasks",
                second.display()
            );
            return Err(
                Error::file(first, what).with_hint("name the folder of one task as `labels`")
            );
        }
    }
    Ok(())
}

/// Reads label files; the labels are in column `label`, or none is read. A label that is null is one that there is
/// not, where such stays are left out.
pub(super) fn read_labels(
    files: &SourceFiles,
    label: Option<&str>,
    without_label: StayPolicy,
) -> Result<BTreeMap<i64, Vec<MedsLabel>>, Error> {
    let mut labels: BTreeMap<i64, Vec<Stated>> = BTreeMap::new();
    for file in files.files() {
        let mut columns = vec![
            ("subject_id", ColumnType::Number),
            ("prediction_time", ColumnType::Time),
        ];
        columns.extend(label.map(|label| (label, ColumnType::Class)));
        each_batch(file, &columns, |before, batch| {
            let subjects = typed_column::whole_numbers(file, before, batch, "subject_id")?;
            let times = typed_column::times(file, before, batch, "prediction_time")?;
            let classes = label
                .map(|label| typed_column::cast_to(file, batch, label, &DataType::Float64))
                .transpose()?;
            for row in 0..batch.num_rows() {
                let bad =
                    |what: String| Error::file(file, format!("row {}: {what}", before + row + 1));
                if subjects.is_null(row) || times.is_null(row) {
                    return Err(bad("a label without a subject_id or prediction_time".into()));
                }
                let subject = subjects.value(row);
                let class = classes.as_ref().map_or(Ok(None), |classes| {
                    class_in(classes, row, without_label == StayPolicy::Drop)
                });
                let class = class.map_err(|()| {
                    let label = label.unwrap_or_default();
                    let says_none = classes.as_ref().is_none_or(|classes| is_none(classes, row));
                    let hint = match says_none {
                        true => {
                            "without_label = \"drop\" leaves out rows without a label and counts them"
                        }
                        false => "take the row out if the stay has no label",
                    };
                    bad(format!("{label} of subject {subject} is no class: 0, 1, …")).with_hint(hint)
                })?;
                let found = MedsLabel {
                    prediction: times.value(row),
                    class,
                };
                let of_subject = labels.entry(subject).or_default();
                let same = of_subject
                    .iter()
                    .find(|other| other.0.prediction == found.prediction);
                if let Some((_, other, line)) = same {
                    return Err(bad(format!(
                        "subject {subject} has a label at {} already: {} row {line}",
                        found.time_text(),
                        other.display()
                    )));
                }
                of_subject.push((found, file.clone(), before + row + 1));
            }
            Ok(())
        })?;
    }
    refuse_several_tasks(&labels)?;
    let by_time = |mut rows: Vec<Stated>| {
        rows.sort_by_key(|row| row.0.prediction);
        rows.into_iter().map(|row| row.0).collect()
    };
    Ok(labels
        .into_iter()
        .map(|(subject, rows)| (subject, by_time(rows)))
        .collect())
}

/// Whether a row says that there is no label.
fn is_none(classes: &Float64Array, row: usize) -> bool {
    classes.is_null(row) || classes.value(row).is_nan()
}

/// The class in a row; none where the row says that there is none and that is allowed.
fn class_in(classes: &Float64Array, row: usize, may_be_missing: bool) -> Result<Option<u32>, ()> {
    match (!is_none(classes, row)).then(|| classes.value(row)) {
        None if may_be_missing => Ok(None),
        Some(class) if class >= 0.0 && class.fract() == 0.0 && class <= f64::from(u32::MAX) => {
            Ok(Some(class as u32))
        }
        _ => Err(()),
    }
}

/// Reads the splits of the patients, which are in column `column`.
pub(super) fn read_splits(path: &Path, column: &str) -> Result<BTreeMap<i64, Split>, Error> {
    let mut splits = BTreeMap::new();
    let columns = [
        ("subject_id", ColumnType::Number),
        (column, ColumnType::Text),
    ];
    each_batch(path, &columns, |before, batch| {
        let subjects = typed_column::whole_numbers(path, before, batch, "subject_id")?;
        let names: StringArray = typed_column::text(path, batch, column)?;
        for row in 0..batch.num_rows() {
            let bad = |what: String| Error::file(path, format!("row {}: {what}", before + row + 1));
            if subjects.is_null(row) || names.is_null(row) {
                return Err(bad("a row without a subject_id or split".into()));
            }
            let (subject, name) = (subjects.value(row), names.value(row));
            let split = Split::from_name(name).ok_or_else(|| {
                bad(format!("unknown split `{name}` of subject {subject}"))
                    .with_hint("train, tuning (or validation), held_out (or test)")
            })?;
            if let Some(other) = splits
                .insert(subject, split)
                .filter(|other| *other != split)
            {
                let (split, other) = (split.name(), Split::name(other));
                return Err(bad(format!(
                    "subject {subject} is in {split}, and in {other}"
                )));
            }
        }
        Ok(())
    })?;
    Ok(splits)
}

/// Reads a file with these columns; `take` gets the number of rows before each batch.
fn each_batch(
    path: &Path,
    columns: &[(&str, ColumnType)],
    mut take: impl FnMut(usize, &RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    typed_column::positions(path, parquet_file::open(path)?.schema(), columns)?;
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut before = 0;
    for batch in parquet_file::read(path, &names)? {
        take(before, &batch)?;
        before += batch.num_rows();
    }
    Ok(())
}
