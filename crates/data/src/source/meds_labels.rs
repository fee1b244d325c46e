//! Labels and splits of a MEDS dataset.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use arrow::array::{Array, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::DataType;
use jiff::Timestamp;

use super::folder::SourceFiles;
use super::meds_shards::positions;
use crate::config::StayPolicy;
use crate::dataset::Split;
use crate::missing::is_missing;
use crate::names::quoted;
use crate::parquet_file;
use crate::shard_names::{beside_date, beside_shard};
use crate::typed_column::{self, ColumnType};
use pipeline_error::Error;
use pipeline_error::listed::first_of;
use pipeline_error::pasted::toml_string;

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

/// Fails if patients have labels in several folders: these are tasks. The parts of one task share no patient. Files of one
/// folder may, unless they are called as if each were a task. Tells of those that differ in a number or a month.
fn refuse_several_tasks(
    labels: &BTreeMap<i64, Vec<Stated>>,
    are_labels: bool,
) -> Result<Option<String>, Error> {
    let mut note = None;
    for (subject, rows) in labels {
        let files: BTreeSet<&Path> = rows.iter().map(|row| row.1.as_path()).collect();
        if files.len() < 2 {
            continue;
        }
        let refusal = |[first, second]: [&Path; 2], hint: &str| {
            let told = format!(
                "holds labels of subject {subject}, and so does {}: they look like two tasks",
                second.display()
            );
            Err(Error::file(first, told).with_hint(hint))
        };
        let folders: BTreeSet<&Path> = files
            .iter()
            .filter_map(|file| folder_of_task(file))
            .collect();
        if let [first, second, ..] = folders.into_iter().collect::<Vec<_>>()[..] {
            return refusal([first, second], "name the folder of one task as `labels`");
        }
        // Times of prediction are times, whatever is predicted of them.
        if !are_labels {
            continue;
        }
        let (mut tasks, mut called) = (BTreeMap::new(), BTreeMap::new());
        let mut parents = BTreeMap::new();
        for file in files {
            let name = beside_shard(&file.file_stem().unwrap_or_default().to_string_lossy());
            tasks.entry(beside_date(&name)).or_insert(file);
            called.entry(name).or_insert(file);
            parents.entry(file.parent()).or_insert(file);
        }
        tasks.remove("");
        called.remove("");
        if let [first, second, ..] = tasks.into_values().collect::<Vec<_>>()[..] {
            return refusal(
                [first, second],
                "name the file of one task as `labels`; if they are parts of one task, call them by \
                 number: 0.parquet, 1.parquet",
            );
        }
        let parts: Vec<&Path> = match parents.len() {
            1 => called.into_values().collect(),
            _ => parents.into_values().collect(),
        };
        if let [first, second, ..] = parts[..] {
            note.get_or_insert_with(|| {
                format!(
                    "{} and {} hold labels of subject {subject}, and are read as parts of one task",
                    first.display(),
                    second.display()
                )
            });
        }
    }
    Ok(note)
}

/// The folder of a label file, or the one above that is not called by a number, a month or a split: these divide a task.
fn folder_of_task(file: &Path) -> Option<&Path> {
    let is_part = |name: &OsStr| beside_date(&beside_shard(&name.to_string_lossy())).is_empty();
    let mut folders = file.parent()?.ancestors();
    folders.find(|folder| !folder.file_name().is_some_and(is_part))
}

/// The columns that a label may be in by the standard.
const LABELS: [&str; 4] = [
    "boolean_value",
    "integer_value",
    "float_value",
    "categorical_value",
];

/// The complaint that no row has a label in the column `label`, and that other columns of labels are filled.
fn labelled_elsewhere(files: &SourceFiles, label: &str) -> Option<Error> {
    let mut filled = BTreeSet::new();
    for file in files.files() {
        let schema = parquet_file::open(file).ok()?.schema().clone();
        let may_be = |name: &&str| *name == label || LABELS.contains(name);
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let names: Vec<&str> = names.filter(may_be).collect();
        for batch in parquet_file::read(file, &names).ok()? {
            let columns = names.iter().filter(|name| {
                let column = batch.column_by_name(name);
                column.is_some_and(|column| column.logical_null_count() < column.len())
            });
            filled.extend(columns.map(|name| name.to_string()));
        }
    }
    if filled.is_empty() || filled.contains(label) {
        return None;
    }
    let what = format!(
        "`{label}` is null in every row, and {} is filled",
        quoted(&filled)
    );
    let classes = LABELS[..3].iter().find(|name| filled.contains(**name));
    let hint = match classes {
        Some(name) => format!("label = \"{name}\" beside `labels` reads that column"),
        None => {
            "labels are true and false, or whole numbers from 0: write the categories so".into()
        }
    };
    Some(Error::file(files.files().first()?, what).with_hint(hint))
}

/// The hint about a label that is no class.
fn no_class(files: &SourceFiles, file: &Path, label: &str, number: f64) -> String {
    let one_table = match files.files().len() {
        1 => "",
        _ => ". `path` is one table: write the files into one",
    };
    match number.is_finite() && number.fract() != 0.0 {
        true => format!(
            "a number is learned as a target: targets.NAME = {{ task = \"regression\", path = {}, subject = \"subject_id\", \
             time = \"prediction_time\", column = {} }}, beside labels = \"none\" and `prediction_times` in place of `labels`{one_table}",
            toml_string(&file.to_string_lossy()),
            toml_string(label)
        ),
        false => "take the row out if the stay has no label".into(),
    }
}

/// In the order of their times.
pub(super) type LabelsBySubject = BTreeMap<i64, Vec<MedsLabel>>;

/// Reads label files; the labels are in column `label`, or none is read. A label that is null is one that there is
/// not, where such stays are left out. Returns a note about files that may be several tasks, too.
pub(super) fn read_labels(
    files: &SourceFiles,
    label: Option<&str>,
    without_label: StayPolicy,
) -> Result<(LabelsBySubject, Option<String>), Error> {
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
                    let said = classes.as_ref().filter(|classes| !is_none(classes, row));
                    let error = bad(format!("{label} of subject {subject} is no class: 0, 1, …"));
                    match said {
                        Some(classes) => error.with_hint(no_class(files, file, label, classes.value(row))),
                        None => labelled_elsewhere(files, label).unwrap_or_else(|| {
                            error.with_hint("without_label = \"drop\" leaves out rows without a label and counts them")
                        }),
                    }
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
                    let error = bad(format!(
                        "subject {subject} has a label at {} already: {} row {line}",
                        found.time_text(),
                        other.display()
                    ));
                    return Err(match other == file {
                        true => error,
                        false => {
                            error.with_hint("if these are two tasks, name one of them as `labels`")
                        }
                    });
                }
                of_subject.push((found, file.clone(), before + row + 1));
            }
            Ok(())
        })?;
    }
    let note = refuse_several_tasks(&labels, label.is_some())?;
    let is_labelled = labels.values().flatten().any(|row| row.0.class.is_some());
    let elsewhere = label.filter(|_| !is_labelled);
    if let Some(error) = elsewhere.and_then(|label| labelled_elsewhere(files, label)) {
        return Err(error);
    }
    let by_time = |mut rows: Vec<Stated>| {
        rows.sort_by_key(|row| row.0.prediction);
        rows.into_iter().map(|row| row.0).collect()
    };
    let labels = labels.into_iter();
    let labels = labels.map(|(subject, rows)| (subject, by_time(rows)));
    Ok((labels.collect(), note))
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

/// Reads the splits of the patients, which are in column `column`; an empty cell is none.
pub(super) fn read_splits(path: &Path, column: &str) -> Result<BTreeMap<i64, Split>, Error> {
    if !path.exists() {
        return Err(Error::file(
            path,
            "is not there, where the splits of patients are looked for",
        )
        .with_hint("split = { ratio = [0.7, 0.1, 0.2] } draws them"));
    }
    let mut splits = BTreeMap::new();
    let mut unknown: Vec<(usize, i64, String)> = Vec::new();
    let columns = [
        ("subject_id", ColumnType::Number),
        (column, ColumnType::Text),
    ];
    each_batch(path, &columns, |before, batch| {
        let subjects = typed_column::whole_numbers(path, before, batch, "subject_id")?;
        let names: StringArray = typed_column::text(path, batch, column)?;
        for row in 0..batch.num_rows() {
            let bad = |what: String| Error::file(path, format!("row {}: {what}", before + row + 1));
            if subjects.is_null(row) {
                return Err(bad("a row without a subject_id".into()));
            }
            if names.is_null(row) || is_missing(names.value(row).trim()) {
                continue;
            }
            let (subject, name) = (subjects.value(row), names.value(row));
            let Some(split) = Split::from_name(name) else {
                unknown.push((before + row + 1, subject, name.to_string()));
                continue;
            };
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
    refuse_unknown_splits(path, &unknown)?;
    Ok(splits)
}

/// Rows that a complaint names.
const NAMED: usize = 5;

fn refuse_unknown_splits(path: &Path, unknown: &[(usize, i64, String)]) -> Result<(), Error> {
    let Some((row, subject, name)) = unknown.first() else {
        return Ok(());
    };
    let mut what = format!("row {row}: unknown split `{name}` of subject {subject}");
    if unknown.len() > 1 {
        let more = first_of(unknown[1..].iter().map(|other| other.0), NAMED);
        what += &format!("; rows {more} name unknown splits, too");
    }
    Err(Error::file(path, what).with_hint(
        "train, tuning (or validation), held_out (or test); to leave such patients out, make the cells null and state without_split = \"drop\"",
    ))
}

/// Reads a file with these columns; `take` gets the number of rows before each batch.
fn each_batch(
    path: &Path,
    columns: &[(&str, ColumnType)],
    mut take: impl FnMut(usize, &RecordBatch) -> Result<(), Error>,
) -> Result<(), Error> {
    positions(path, parquet_file::open(path)?.schema(), columns)?;
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut before = 0;
    for batch in parquet_file::read(path, &names)? {
        take(before, &batch)?;
        before += batch.num_rows();
    }
    Ok(())
}
