//! Who the stays of a data stage are, by outcome: the first table of a paper.

use std::collections::BTreeSet;
use std::path::Path;

use arrow::array::{Float64Array, StringArray, UInt32Array};

use crate::results::Outputs;
use pipeline_data::parquet_file::{self, StreamedRows, column};
use pipeline_data::stay_columns::{StayAttribute, StayColumns};
use pipeline_error::Error;
use pipeline_page::number;

/// Columns of the table of stays that say nothing about who they are.
const NO_ATTRIBUTES: [&str; 7] = [
    "stay_id",
    "subject_id",
    "split",
    "label",
    "prediction_time",
    "sets",
    "events",
];
/// An attribute of text with more values than this is a name, not a group.
const MOST_VALUES: usize = 8;
/// Of more classes than this the table would be too wide.
const MOST_CLASSES: usize = 5;

/// Attributes and variables of stays, by outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct CohortTable {
    /// All stays, then those of each outcome, where there are labels.
    pub groups: Vec<CohortGroup>,
    /// An attribute, one of its values, or a variable a row.
    pub rows: Vec<CohortRow>,
}

/// A column of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CohortGroup {
    /// Its name.
    pub name: String,
    /// Its stays.
    pub stays: usize,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CohortRow {
    /// What it says.
    pub name: String,
    /// For each group: the value, and the share of the stays without one.
    pub cells: Vec<(String, String)>,
}

/// Which stays are in which group.
struct Groups {
    all: Vec<CohortGroup>,
    /// The group of each stay's outcome; none without labels.
    of_stay: Vec<Option<usize>>,
}

impl CohortTable {
    /// Of what a data stage left; none if an artifact is not there.
    pub fn of_outputs(outputs: &Outputs) -> Result<Option<Self>, Error> {
        let paths = ["stays", "events", "variables"].map(|name| outputs.path(name));
        let [stays, events, variables] = paths;
        match (stays?, events?, variables?) {
            (Some(stays), Some(events), Some(variables)) => {
                Self::read(&stays, &events, &variables).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Of the tables in these files.
    pub fn read(stays: &Path, events: &Path, variables: &Path) -> Result<Self, Error> {
        let columns = StayColumns::read(stays)?;
        let count = columns.splits()?.len();
        let rows: Vec<usize> = (0..count).collect();
        let groups = Groups::of(columns.labels_if_any(&rows)?, count);
        let mut table = Self {
            groups: groups.all.clone(),
            rows: Vec::new(),
        };
        for name in columns.column_names() {
            if NO_ATTRIBUTES.contains(&name.as_str()) {
                continue;
            }
            match columns.attribute(&name, &rows) {
                Ok(StayAttribute::Number(values)) => {
                    table
                        .rows
                        .push(groups.numbers(&name, values.into_iter().enumerate()));
                }
                Ok(StayAttribute::Text(values)) => table.rows.extend(groups.values(&name, &values)),
                // A column of times or lists says nothing in a table of numbers.
                Err(_) => {}
            }
        }
        table.rows.extend(groups.variables(events, variables)?);
        Ok(table)
    }
}

impl Groups {
    fn of(labels: Option<Vec<u32>>, count: usize) -> Self {
        let mut all = vec![CohortGroup {
            name: "all".into(),
            stays: count,
        }];
        let classes: BTreeSet<u32> = labels.iter().flatten().copied().collect();
        let Some(labels) = labels.filter(|_| (2..=MOST_CLASSES).contains(&classes.len())) else {
            let of_stay = vec![None; count];
            return Self { all, of_stay };
        };
        let classes: Vec<u32> = classes.into_iter().collect();
        all.extend(classes.iter().map(|class| CohortGroup {
            name: format!("label {class}"),
            stays: labels.iter().filter(|label| *label == class).count(),
        }));
        let group = |label: &u32| {
            classes
                .iter()
                .position(|class| class == label)
                .map(|at| at + 1)
        };
        Self {
            of_stay: labels.iter().map(group).collect(),
            all,
        }
    }

    /// The groups of a stay: all, and that of its outcome.
    fn of_stay(&self, stay: usize) -> impl Iterator<Item = usize> {
        let outcome = self.of_stay.get(stay).copied().flatten();
        std::iter::once(0).chain(outcome)
    }

    /// Mean and deviation of a number that some stays have.
    fn numbers(&self, name: &str, values: impl Iterator<Item = (usize, Option<f64>)>) -> CohortRow {
        let mut moments = vec![Moments::default(); self.all.len()];
        for (stay, value) in values {
            if let Some(value) = value {
                self.of_stay(stay)
                    .for_each(|group| moments[group].push(value));
            }
        }
        self.row_of(name, &moments)
    }

    fn row_of(&self, name: &str, moments: &[Moments]) -> CohortRow {
        let cells = moments.iter().zip(&self.all).map(|(moments, group)| {
            let missing = group.stays.saturating_sub(moments.count);
            (moments.shown(), share(missing, group.stays))
        });
        CohortRow {
            name: name.into(),
            cells: cells.collect(),
        }
    }

    /// Stays by the value of an attribute; nothing of one that has a value for hardly any two stays.
    fn values(&self, name: &str, values: &[Option<String>]) -> Vec<CohortRow> {
        let known: BTreeSet<&String> = values.iter().flatten().collect();
        if known.len() > MOST_VALUES {
            return Vec::new();
        }
        let count = |wanted: &dyn Fn(&Option<String>) -> bool| {
            let mut counts = vec![0; self.all.len()];
            for (stay, value) in values.iter().enumerate() {
                if wanted(value) {
                    self.of_stay(stay).for_each(|group| counts[group] += 1);
                }
            }
            counts
        };
        let missing = count(&|value| value.is_none());
        let rows = known.into_iter().map(|known| {
            let counts = count(&|value| value.as_ref() == Some(known));
            let cells = counts.iter().zip(&missing).zip(&self.all);
            CohortRow {
                name: format!("{name}: {known}"),
                cells: cells
                    .map(|((count, missing), group)| {
                        let of_group = format!("{count} ({})", share(*count, group.stays));
                        (of_group, share(*missing, group.stays))
                    })
                    .collect(),
            }
        });
        rows.collect()
    }

    /// A row a variable: of each stay that has it the mean of its values.
    fn variables(&self, events: &Path, variables: &Path) -> Result<Vec<CohortRow>, Error> {
        let mut names = Vec::new();
        for batch in parquet_file::read(variables, &["name"])? {
            let of_batch: &StringArray = column(variables, &batch, "name")?;
            names.extend(of_batch.iter().flatten().map(str::to_string));
        }
        let mut moments = vec![vec![Moments::default(); self.all.len()]; names.len()];
        // Of the stay that is read: the sum and the number of each variable's values.
        let mut own = vec![(0.0, 0_usize); names.len()];
        let mut stay = None;
        for batch in StreamedRows::open(events, &["stay", "variable", "raw"])? {
            let batch = batch?;
            let stays: &UInt32Array = column(events, &batch, "stay")?;
            let of: &UInt32Array = column(events, &batch, "variable")?;
            let raw: &Float64Array = column(events, &batch, "raw")?;
            for ((of_stay, variable), value) in
                stays.values().iter().zip(of.values()).zip(raw.values())
            {
                if stay != Some(*of_stay) {
                    self.take(stay, &mut own, &mut moments);
                    stay = Some(*of_stay);
                }
                if let Some((sum, count)) = own.get_mut(*variable as usize) {
                    *sum += value;
                    *count += 1;
                }
            }
        }
        self.take(stay, &mut own, &mut moments);
        let rows = names.iter().zip(&moments);
        Ok(rows
            .map(|(name, moments)| self.row_of(name, moments))
            .collect())
    }

    /// Counts what a stay's variables came to, and forgets them.
    fn take(&self, stay: Option<u32>, own: &mut [(f64, usize)], moments: &mut [Vec<Moments>]) {
        let Some(stay) = stay else { return };
        for ((sum, count), moments) in own.iter_mut().zip(moments) {
            if *count > 0 {
                let mean = *sum / *count as f64;
                self.of_stay(stay as usize)
                    .for_each(|group| moments[group].push(mean));
            }
            (*sum, *count) = (0.0, 0);
        }
    }
}

/// Mean and spread of numbers that come one after the other (Welford 1962).
#[derive(Clone, Copy, Default)]
struct Moments {
    count: usize,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn push(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    fn shown(&self) -> String {
        match self.count {
            0 => String::new(),
            1 => rounded(self.mean),
            count => {
                let deviation = (self.squares / (count - 1) as f64).sqrt();
                format!("{} ± {}", rounded(self.mean), rounded(deviation))
            }
        }
    }
}

/// As papers write what was measured: no more digits than a reader can use.
fn rounded(value: f64) -> String {
    match value.abs() {
        0.0 => "0".into(),
        size if size >= 1e5 => number::float(value),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.1}"),
        size if size >= 0.01 => format!("{value:.2}"),
        _ => number::float(value),
    }
}

fn share(count: usize, of: usize) -> String {
    match of {
        0 => String::new(),
        of => number::percent(count as f64 / of as f64),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int64Array};

    use super::*;
    use pipeline_data::parquet_file::{Compression, write, write_nullable};

    #[test]
    fn a_table_has_attributes_and_variables_by_outcome_with_what_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let text = |values: &[&str]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
        let numbers = |values: &[u32]| -> ArrayRef { Arc::new(UInt32Array::from(values.to_vec())) };
        let stays: Vec<(&str, ArrayRef)> = vec![
            ("stay_id", text(&["a", "b", "c", "d"])),
            ("subject_id", text(&["a", "b", "c", "d"])),
            ("split", text(&["train", "train", "test", "test"])),
            ("label", Arc::new(Int64Array::from(vec![0, 0, 1, 1]))),
            (
                "age",
                Arc::new(Float64Array::from(vec![
                    Some(50.0),
                    None,
                    Some(70.0),
                    Some(80.0),
                ])),
            ),
            (
                "male",
                Arc::new(BooleanArray::from(vec![true, false, true, true])),
            ),
        ];
        write_nullable(&path("stays"), stays, Compression::SNAPPY).unwrap();
        let events: Vec<(&str, ArrayRef)> = vec![
            ("stay", numbers(&[0, 0, 0, 2, 3])),
            ("variable", numbers(&[0, 0, 1, 0, 0])),
            (
                "raw",
                Arc::new(Float64Array::from(vec![1.0, 3.0, 7.0, 4.0, 6.0])),
            ),
        ];
        write(&path("events"), events, Compression::SNAPPY).unwrap();
        let variables = vec![("name", text(&["HR", "Lactate"]))];
        write(&path("variables"), variables, Compression::SNAPPY).unwrap();
        let table = CohortTable::read(&path("stays"), &path("events"), &path("variables")).unwrap();
        let groups: Vec<(&str, usize)> = table
            .groups
            .iter()
            .map(|group| (group.name.as_str(), group.stays))
            .collect();
        assert_eq!(groups, [("all", 4), ("label 0", 2), ("label 1", 2)]);
        let shown: Vec<String> = (table.rows.iter())
            .map(|row| {
                let cells = row
                    .cells
                    .iter()
                    .map(|(value, missing)| format!("{value} | {missing}"));
                format!("{}: {}", row.name, cells.collect::<Vec<_>>().join(" || "))
            })
            .collect();
        assert_eq!(
            shown,
            [
                "age: 66.7 ± 15.3 | 25 % || 50.0 | 50 % || 75.0 ± 7.1 | 0 %",
                "male: false: 1 (25 %) | 0 % || 1 (50 %) | 0 % || 0 (0 %) | 0 %",
                "male: true: 3 (75 %) | 0 % || 1 (50 %) | 0 % || 2 (100 %) | 0 %",
                "HR: 4.0 ± 2.0 | 25 % || 2.0 | 50 % || 5.0 ± 1.4 | 0 %",
                "Lactate: 7.0 | 75 % || 7.0 | 50 % || 0 | 100 %",
            ]
            .map(|row| row.replace("|| 0 | 100 %", "||  | 100 %"))
        );
    }
}
