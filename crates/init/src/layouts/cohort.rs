//! Tables with one row a stay: labels, patients, begins of stays, splits.

pub mod mixed;
pub mod outcomes;
mod split;

use std::collections::BTreeSet;

pub use split::{draw_splits, split_file_or_draw};

use super::{Looking, clock, no_label};
use crate::draft::{Draft, Place};
use crate::folder::Folder;
use crate::names::{KNOWN_AT_ADMISSION, PATIENT, SPLIT, START, STAY, plain, rank};
use crate::table::{Look, Table};
use crate::text::{below_root, list};
use pipeline_error::Error;
use pipeline_error::listed::first_of;
use pipeline_error::pasted::toml_string;

/// A table and its columns of ids.
pub struct Cohort<'a> {
    pub table: &'a Table,
    id: usize,
    patient: Option<usize>,
}

/// The label of stays in a table.
pub struct Label<'a> {
    table: &'a Table,
    id: usize,
    column: usize,
    /// Other columns of the tables that could be it.
    others: Vec<String>,
    /// Files that have a label of the same name, of stays that this one does not know.
    left_out: Vec<String>,
    is_asked: bool,
}

/// Where a table has its ids: one that tells its rows apart.
fn id_of(table: &Table, wanted: Option<&str>) -> Option<usize> {
    let mut candidates = table.called(&STAY);
    candidates.extend(table.called(&PATIENT));
    if let Some(wanted) = wanted {
        let same = |at: &usize| plain(&table.columns[*at]) == plain(wanted);
        candidates.sort_by_key(|at| !same(at));
    }
    candidates.into_iter().find(|at| table.is_unique(*at))
}

/// The tables of the folder that have a row a stay, called as the events call them.
pub fn cohorts<'a>(tables: &[&'a Table], events_id: &str) -> Vec<Cohort<'a>> {
    let cohort = |table: &&'a Table| {
        let id = id_of(table, Some(events_id))?;
        let fits = plain(&table.columns[id]) == plain(events_id) && table.files.len() == 1;
        let patient = table.called(&PATIENT).into_iter().find(|at| *at != id);
        fits.then_some(Cohort { table, id, patient })
    };
    tables.iter().filter_map(cohort).collect()
}

/// The label that was asked for, or the likeliest.
pub fn label<'a>(
    tables: &[&'a Table],
    events_id: Option<&str>,
    looking: Looking,
) -> Result<Option<Label<'a>>, Error> {
    let mut found: Vec<(usize, &Table, usize, usize)> = Vec::new();
    for table in tables {
        let Some(id) = id_of(table, events_id).filter(|_| table.files.len() == 1) else {
            continue;
        };
        if is_by_patient(&table.columns[id], events_id, tables) {
            continue;
        }
        for column in (0..table.columns.len()).filter(|column| *column != id) {
            let name = &table.columns[column];
            let asked =
                looking.label.is_some_and(|label| label == name) && table.classes(column).is_some();
            let known = rank(name, &KNOWN_AT_ADMISSION).is_some() || table.is_row_number(column);
            let is_label = table.is_binary(column) && constant(table, column).is_none();
            if asked || (is_label && !known) {
                found.push((outcomes::place(name), table, id, column));
            }
        }
    }
    found.sort_by_key(|(place, table, ..)| (*place, std::cmp::Reverse(table.rows.len())));
    let names: Vec<String> = found
        .iter()
        .map(|(_, table, _, column)| table.columns[*column].clone())
        .collect();
    let chosen = match looking.label {
        Some(label) => {
            let asked = names.iter().position(|name| name == label);
            Some(asked.ok_or_else(|| no_label(label, &names))?)
        }
        None => (!found.is_empty()).then_some(0),
    };
    Ok(chosen.map(|at| {
        let (_, table, id, column) = found[at];
        let (alike, others): (Vec<_>, Vec<_>) = (found.iter().enumerate())
            .filter(|(other, _)| *other != at)
            .map(|(_, (_, other, _, column))| (*other, *column))
            .partition(|(other, _)| {
                other.columns == table.columns && other.place() != table.place()
            });
        let alike: Vec<_> = (alike.into_iter())
            .filter(|(other, at)| other.columns[*at] == table.columns[column])
            .collect();
        Label {
            table,
            id,
            column,
            others: (others.iter())
                .map(|(other, column)| other.columns[*column].clone())
                .collect(),
            left_out: (alike.iter())
                .map(|(other, _)| other.place().to_string())
                .collect(),
            is_asked: looking.label.is_some(),
        }
    }))
}

/// The one text that all rows of a whole table have there. In a part of a table others may come.
fn constant(table: &Table, column: usize) -> Option<&str> {
    let mut cells = table.cells(column);
    let first = cells.next()?;
    (table.is_whole && cells.all(|text| text == first)).then_some(first)
}

/// Whether a table of stays says that ids in a column of this name are those of patients: no labels are joined by them.
fn is_by_patient(id: &str, events_id: Option<&str>, tables: &[&Table]) -> bool {
    let has = |table: &Table, name: &str| table.columns.iter().any(|column| column == name);
    let Some(events_id) = events_id.filter(|events_id| *events_id != id) else {
        return false;
    };
    tables
        .iter()
        .any(|table| has(table, events_id) && has(table, id))
}

impl<'a> Label<'a> {
    /// The table that it is in.
    pub fn table(&self) -> &'a Table {
        self.table
    }

    pub fn write(&self, draft: &mut Draft) {
        let names = &self.table.columns;
        let value = format!(
            "{{ path = {},{} id = {}, column = {} }}",
            below_root(self.table.place()),
            delimiter(self.table),
            toml_string(&names[self.id]),
            toml_string(&names[self.column])
        );
        if self.is_asked && self.left_out.is_empty() {
            return draft.state(Place::Source, "labels", value);
        }
        let why = match &self.others[..] {
            [] => format!("`{}` is the only column of 0 and 1", names[self.column]),
            others => format!("the label could also be {}", first_of(others, 8)),
        };
        let why = match &self.left_out[..] {
            [] => why,
            files => format!(
                "`labels` reads one file: {} has this column too and is left out with its stays, until all are in one file",
                first_of(files, 8)
            ),
        };
        draft.guess(Place::Source, "labels", value, why);
    }
}

/// Writes `stays` and `split`, as far as a table tells them. Returns the table's text columns that became variables.
pub fn write_stays(
    folder: &Folder,
    cohorts: &[Cohort],
    is_dates: bool,
    id: &str,
    draft: &mut Draft,
) -> Vec<String> {
    if !draft.is_labelled {
        draft.no_labels(outcomes::rejected(folder, Some(id)));
    }
    let worth = |cohort: &&Cohort| {
        let table = cohort.table;
        let start = is_dates && start(table).is_some();
        2 * usize::from(start)
            + usize::from(cohort.patient.is_some())
            + usize::from(splits(table).is_some())
    };
    let best = cohorts
        .iter()
        .filter(|cohort| worth(cohort) > 0)
        .max_by_key(worth);
    let Some(cohort) = best else {
        split_file_or_draw(folder, Some(id), draft);
        return Vec::new();
    };
    let table = cohort.table;
    let name = |at: usize| toml_string(&table.columns[at]);
    let mut value = format!(
        "{{ path = {},{} id = {}",
        below_root(table.place()),
        delimiter(table),
        name(cohort.id)
    );
    let mut why = Vec::new();
    if let Some(patient) = cohort.patient {
        value += &format!(", subject = {}", name(patient));
    }
    if let Some(start) = start(table).filter(|_| is_dates) {
        value += &format!(", start = {}", name(start));
        why.push("minutes are counted from `start`".to_string());
    }
    let known = table.called(&KNOWN_AT_ADMISSION);
    let of_texts: Vec<usize> = known
        .iter()
        .copied()
        .filter(|at| match mixed::texts_among_numbers(table, *at) {
            Some(texts) => {
                mixed::note_texts(&table.columns[*at], &texts, draft);
                false
            }
            None => table.look(*at) == Look::Text,
        })
        .collect();
    if !known.is_empty() {
        let names: Vec<&str> = known.iter().map(|at| table.columns[*at].as_str()).collect();
        value += &format!(", variables = {}", list(names));
        why.push("`variables` are columns that are known when a stay begins".into());
    }
    value += " }";
    match why.is_empty() {
        true => draft.state(Place::Source, "stays", value),
        false => draft.guess(Place::Source, "stays", value, why.join("; ")),
    }
    match splits(table) {
        Some(split) => draft.state(
            Place::Events,
            "split",
            format!("{{ column = {} }}", name(split)),
        ),
        None => split_file_or_draw(folder, Some(id), draft),
    }
    of_texts
        .into_iter()
        .map(|at| table.columns[at].clone())
        .collect()
}

/// How many variables the columns make that are known when a stay begins.
pub fn static_variables(cohorts: &[Cohort]) -> usize {
    let of_table = |cohort: &Cohort| -> usize {
        let known = cohort.table.called(&KNOWN_AT_ADMISSION).into_iter();
        known.map(|at| variables_of(cohort.table, at)).sum()
    };
    cohorts.iter().map(of_table).max().unwrap_or_default()
}

/// How many variables a column makes: one, or one a category.
pub fn variables_of(table: &Table, column: usize) -> usize {
    match table.look(column) {
        Look::Text if mixed::texts_among_numbers(table, column).is_some() => 1,
        Look::Text => table.cells(column).collect::<BTreeSet<_>>().len(),
        _ => 1,
    }
}

fn start(table: &Table) -> Option<usize> {
    let is_date = |at: &usize| clock::of(table, *at).is_some_and(|clock| clock.is_dates);
    table.called(&START).into_iter().find(is_date)
}

fn splits(table: &Table) -> Option<usize> {
    table
        .called(&SPLIT)
        .into_iter()
        .find(|at| table.tells_splits(*at))
}

/// ` delimiter = ";",` where a table needs it.
pub fn delimiter(table: &Table) -> String {
    match table.delimiter {
        Some('\t') => " delimiter = \"tab\",".into(),
        Some(other) => format!(" delimiter = {},", toml_string(&other.to_string())),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use crate::draft::Draft;
    use crate::layouts::{Looking, look};

    /// A folder of files.
    pub fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    /// What a long table of two stays and such files beside it come to.
    pub fn draft(files: &[(&str, &str)]) -> Draft {
        let events = "stay_id,hour,variable,value\n1,0,HR,70\n1,1,HR,71\n2,0,HR,72\n2,1,HR,75\n";
        let mut all = vec![("events.csv", events)];
        all.extend_from_slice(files);
        look(folder(&all).path(), Looking::default()).unwrap()
    }

    pub fn recipe(files: &[(&str, &str)]) -> String {
        draft(files).recipe("x", "data")
    }
}
