//! One Parquet file a stay, in folders: the layout of the SeqSetVAE reference.
//!
//! Columns: `variable` (text), `value` (numbers or booleans; null or NaN: there, without a value), `minute` (numbers), optionally `set_index` (whole
//! numbers); others are ignored. Where the split is by folders, exactly those are read; else
//! every file in the folder and in the folders directly below it.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use arrow::array::{Array, Float64Array, RecordBatch};
use parquet::arrow::ProjectionMask;

use super::folder::{SourceFiles, subfolders};
use super::labels::Labels;
use super::patient_columns::PatientColumns;
use super::rows::Cells;
use super::rules::ReadRules;
use super::stay_files::StayFiles;
use super::stay_table::StayTable;
use super::{EventSource, Sought};
use crate::config::{Ids, PatientParquetSource, SplitRule};
use crate::ingest::{Ingested, PartWriter, RawEvent, minutes_to_time};
use crate::names::quoted;
use crate::parquet_file::{self, Batches};
use crate::stay_id::StayId;
use crate::typed_column::{self, ColumnType};
use pipeline_error::Error;

/// A folder of the reference's layout.
pub(super) struct PatientParquet {
    files: StayFiles,
    /// Of patients whose stays a split may part.
    note: Option<String>,
}

impl PatientParquet {
    /// Lists the stays' files and reads the labels.
    pub(super) fn open(
        source: &PatientParquetSource,
        split: &SplitRule,
        rules: ReadRules,
    ) -> Result<Self, Error> {
        let mut labels = Labels::default();
        if let Some(table) = &source.labels {
            labels.read_table(table, &rules)?;
        }
        let files = list_files(source.path.as_ref(), split)?;
        Ok(Self {
            note: note_of_patients(&labels, split),
            files: StayFiles {
                files,
                labels,
                rules,
            },
        })
    }
}

impl EventSource for PatientParquet {
    fn parts(&self) -> usize {
        self.files.parts()
    }

    fn read(
        &self,
        part: usize,
        rows: &mut PartWriter,
        interrupted: &AtomicBool,
    ) -> Result<(), Error> {
        self.files.read(part, interrupted, |file| {
            read_stay(file, self.files.rules.ids, rows)
        })
    }

    fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        let mut stays = self.files.stays(ingested)?;
        stays.notes.extend(self.note.clone());
        Ok(stays)
    }

    fn place_of(&self, name: Sought) -> Option<String> {
        let mut files = self.files.files.files().iter();
        files.find_map(|file| row_of(file, name).ok().flatten())
    }
}

/// A split that is written down may know patients; one that is drawn does not, as no setting of this source names them.
fn note_of_patients(labels: &Labels, split: &SplitRule) -> Option<String> {
    let (SplitRule::Ratio(_) | SplitRule::Independent(_) | SplitRule::Folds(_)) = split else {
        return None;
    };
    let patients = PatientColumns::new(split);
    patients.see(labels.columns(), None);
    patients.note_with("split = { file = … } says the split of every stay")
}

fn list_files(root: &Path, split: &SplitRule) -> Result<SourceFiles, Error> {
    let mut files = SourceFiles::new(true);
    let mut folders = Vec::new();
    if let SplitRule::Folders(split) = split {
        for name in [&split.train, &split.validation, &split.test] {
            if !root.join(name).is_dir() {
                let there: Vec<String> = (subfolders(root)?.iter())
                    .filter_map(|path| path.file_name().map(|name| name.display().to_string()))
                    .collect();
                let what = format!("has no folder `{name}`; it has {}", quoted(there.iter()));
                return Err(Error::file(root, what));
            }
            folders.push(Path::new(name));
        }
    }
    let meant = files.add_with_ending(root, "parquet", |below| match folders.is_empty() {
        true => below.components().count() <= 2,
        false => below
            .parent()
            .is_some_and(|parent| folders.contains(&parent)),
    })?;
    match meant {
        0 => Err(Error::file(root, "holds no stay (ID.parquet)")),
        _ => Ok(files),
    }
}

/// A stay's file that is being read.
struct StayFile<'a> {
    path: &'a Path,
    id: StayId,
    series: u32,
    has_set_index: bool,
    rows_before: usize,
}

fn read_stay(path: &Path, ids: Option<Ids>, out: &mut PartWriter) -> Result<(), Error> {
    let (series, id) = out.stay_of_file(path, ids)?;
    let (batches, has_set_index) = open(path)?;
    if has_set_index {
        out.has_set_index(&id);
    }
    let mut stay = StayFile {
        path,
        id,
        series,
        has_set_index,
        rows_before: 0,
    };
    for rows in batches {
        let rows = rows?;
        append(&stay, &rows, out)?;
        stay.rows_before += rows.num_rows();
    }
    out.counts().rows += stay.rows_before as u64;
    Ok(())
}

/// The first row that names a variable, or one with a category, in exactly these letters.
fn row_of(path: &Path, sought: Sought) -> Result<Option<String>, Error> {
    let (variable, category) = match sought {
        Sought::Stay(_) => return Ok(None),
        Sought::Variable(variable) => (variable, None),
        Sought::Category(variable, category) => (variable, Some(category)),
    };
    let (batches, _) = open(path)?;
    let mut before = 0;
    for rows in batches {
        let rows = rows?;
        let names = typed_column::text(path, &rows, "variable")?;
        let values = rows.column_by_name("value");
        let values = values.map(|values| Cells::of(path, before, "value", values));
        let values = values.transpose()?;
        let is_category = |row: usize, text: &str| {
            let found = values
                .as_ref()
                .and_then(|values| values.category(row).ok()?);
            found.as_deref() == Some(text)
        };
        let row = (0..rows.num_rows()).find(|&row| {
            !names.is_null(row)
                && names.value(row).trim() == variable
                && category.is_none_or(|text| is_category(row, text))
        });
        if let Some(row) = row {
            return Ok(Some(format!("{} row {}", path.display(), before + row + 1)));
        }
        before += rows.num_rows();
    }
    Ok(None)
}

fn open(path: &Path) -> Result<(Batches, bool), Error> {
    let builder = parquet_file::open(path)?;
    let schema = builder.schema();
    let has_set_index = parquet_file::position(path, schema, "set_index")?.is_some();
    let mut wanted = vec![
        ("variable", ColumnType::Text),
        // Booleans are amounts, too: 0 and 1.
        ("value", ColumnType::Class),
        ("minute", ColumnType::Number),
    ];
    if has_set_index {
        wanted.push(("set_index", ColumnType::Number));
    }
    let columns = typed_column::positions(path, schema, &wanted)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
    let batches = Batches::of(path, builder.with_projection(mask))?;
    Ok((batches, has_set_index))
}

fn append(stay: &StayFile, rows: &RecordBatch, out: &mut PartWriter) -> Result<(), Error> {
    let names = typed_column::text(stay.path, rows, "variable")?;
    let values = rows.column_by_name("value");
    let values = values.ok_or_else(|| Error::file(stay.path, "no column `value`"))?;
    let values = Cells::of(stay.path, stay.rows_before, "value", values)?;
    let minutes = typed_column::numbers(stay.path, rows, "minute")?;
    let sets = match stay.has_set_index {
        true => Some(typed_column::numbers(stay.path, rows, "set_index")?),
        false => None,
    };
    for row in 0..rows.num_rows() {
        let bad = |what: String| {
            let row = stay.rows_before + row + 1;
            Error::file(stay.path, format!("row {row}: {what} (stay {})", stay.id))
        };
        let number = |column: &Float64Array, name: &str| match column.is_null(row) {
            true => Err(bad(format!("{name} is null"))),
            false => Ok(column.value(row)),
        };
        if names.is_null(row) || names.value(row).trim().is_empty() {
            return Err(bad("no variable is named".into()));
        }
        let minute = number(&minutes, "minute")?;
        let variable = out.variable(names.value(row));
        let (variable, value) = if out.is_categorical(variable) {
            let text = values
                .category(row)
                .map_err(|what| bad(format!("value {what}")))?;
            let category = text.and_then(|text| out.category(variable, &text));
            (category.unwrap_or(variable), f64::NAN)
        } else {
            // An event without a value is there all the same.
            let value = values.number(row).unwrap_or(f64::NAN);
            if value.is_infinite() {
                let what = format!("value {value} of `{}` is not finite", names.value(row));
                return Err(bad(what));
            }
            (variable, value)
        };
        let time = minutes_to_time(minute).filter(|time| *time >= 0);
        let time = time.ok_or_else(|| bad(format!("minute {minute} is not a time ≥ 0")))?;
        let set = sets
            .as_ref()
            .map_or(Ok(0.0), |sets| number(sets, "set_index"))?;
        if !(set >= 0.0 && set <= f64::from(u32::MAX) && set.fract() == 0.0) {
            return Err(bad(format!("set_index {set} is not a whole number ≥ 0")));
        }
        let event = RawEvent {
            time,
            value,
            variable,
            set: set as u32,
        };
        out.push(stay.series, event)?;
    }
    Ok(())
}
