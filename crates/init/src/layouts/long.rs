//! Tables with one row an event.

use std::collections::{BTreeMap, BTreeSet};

use super::clock::Clock;
use super::{Looking, clip, clock, cohort, drop_empty_stays, drop_incomplete_stays, largest};
use crate::draft::{Draft, Place};
use crate::folder::Folder;
use crate::names::{PATIENT, STAY, TIME, VALUE, VARIABLE};
use crate::table::{Look, Table, is_missing, is_number};
use crate::text::{below_root, list};
use pipeline_error::Error;
use pipeline_error::listed::first_of;
use pipeline_error::pasted::toml_string;

/// Where a long table has its columns.
struct Columns {
    /// None: a file is a stay.
    id: Option<usize>,
    time: usize,
    variable: usize,
    value: usize,
}

/// A draft of tables of rows: their files, and which columns tell stays and times.
pub fn of_rows(
    format: &'static str,
    first: &Table,
    tables: &[&Table],
    id: Option<&str>,
    clock: &Clock,
) -> Draft {
    let mut draft = Draft::new(format);
    draft.state(Place::Source, "files", files(tables));
    if let Some(character) = first.delimiter {
        let text = if character == '\t' {
            "tab".into()
        } else {
            character.to_string()
        };
        draft.state(Place::Source, "delimiter", toml_string(&text));
    }
    if let Some(id) = id {
        draft.state(Place::Source, "id", toml_string(id));
    }
    match &clock.why {
        Some(why) => draft.guess(Place::Source, "time", clock.value.clone(), why.clone()),
        None => draft.state(Place::Source, "time", clock.value.clone()),
    }
    draft
}

pub fn recognise(folder: &Folder, looking: Looking) -> Result<Option<Draft>, Error> {
    let Some((first, columns)) = largest(folder, columns_of) else {
        return Ok(None);
    };
    let name = |at: usize| first.columns[at].as_str();
    let (time, variable, value) = (
        name(columns.time),
        name(columns.variable),
        name(columns.value),
    );
    let id = columns.id.map(name);
    let is_alike = |table: &&Table| {
        table.has(&[time, variable, value]) && id.is_none_or(|id| table.has(&[id]))
    };
    let tables: Vec<&Table> = folder.tables.iter().filter(is_alike).collect();
    let others: Vec<&Table> = folder
        .tables
        .iter()
        .filter(|table| !is_alike(table))
        .collect();
    let Some(clock) = clock::of(first, columns.time) else {
        return Ok(None);
    };

    let mut draft = of_rows("long", first, &tables, id, &clock);
    draft.state(Place::Source, "variable", toml_string(variable));
    draft.state(Place::Source, "value", toml_string(value));

    let label = cohort::label(&others, id, looking)?;
    draft.is_labelled = label.is_some();
    let stay = id.unwrap_or("stay_id");
    let cohorts = cohort::cohorts(&others, stay);
    let mut categories = cohort::write_stays(folder, &cohorts, clock.is_dates, stay, &mut draft);
    if let Some(label) = label {
        label.write(&mut draft);
        drop_incomplete_stays(&mut draft);
    } else {
        drop_empty_stays(&mut draft);
    }
    window(&mut draft);
    let seen = Seen::of(&tables, variable, value);
    categories.extend(seen.categorical(&mut draft));
    draft.saw_variables(seen.variables(&categories) + cohort::static_variables(&cohorts));
    write_categorical(&categories, &mut draft);
    clip(&mut draft);
    Ok(Some(draft))
}

fn columns_of(table: &Table) -> Option<Columns> {
    let variables = table.called(&VARIABLE).into_iter();
    let mut variables = variables.filter(|at| matches!(table.look(*at), Look::Text | Look::Number));
    let variable = variables.next()?;
    let values = table.called(&VALUE).into_iter();
    let value = values
        .filter(|at| *at != variable)
        .find(|at| table.look(*at) != Look::Empty)?;
    let times = table.called(&TIME).into_iter();
    let time = times
        .filter(|at| *at != variable && *at != value)
        .find(|at| clock::of(table, *at).is_some())?;
    let taken = [variable, value, time];
    let id = id_of(table, &taken);
    (id.is_some() || table.files.len() > 1).then_some(Columns {
        id,
        time,
        variable,
        value,
    })
}

/// The column that tells the stays of events apart.
pub fn id_of(table: &Table, taken: &[usize]) -> Option<usize> {
    let mut candidates = table.called(&STAY);
    candidates.extend(table.called(&PATIENT));
    candidates
        .into_iter()
        .find(|at| !taken.contains(at) && table.look(*at) != Look::Empty)
}

/// The files of the tables; of a folder that holds nothing else of the kind, the folder's pattern.
pub fn files(tables: &[&Table]) -> String {
    let mut paths = Vec::new();
    for table in tables {
        match (&table.files[..], table.is_all_of_folder) {
            ([_, _, ..], true) if table.folder.is_empty() => {
                paths.push(format!("*.{}", table.ending))
            }
            ([_, _, ..], true) => paths.push(format!("{}/*.{}", table.folder, table.ending)),
            (files, _) => paths.extend(files.iter().cloned()),
        }
    }
    let paths: Vec<String> = paths.iter().map(|path| below_root(path)).collect();
    format!("[{}]", paths.join(", "))
}

pub fn window(draft: &mut Draft) {
    draft.guess(
        Place::Events,
        "hours",
        "48",
        "the window from the begin of a stay; what comes after it is not seen, which keeps the outcome itself out",
    );
}

pub fn write_categorical(names: &[String], draft: &mut Draft) {
    if !names.is_empty() {
        let why = "their values are texts: each becomes a variable, `name=text`";
        let names = list(names.iter().map(String::as_str));
        draft.guess(Place::Events, "categorical", names, why);
    }
}

/// Values of the variables that were looked at, by variable.
struct Seen<'a> {
    /// How many different numbers.
    numbers: BTreeMap<&'a str, usize>,
    texts: BTreeMap<&'a str, BTreeSet<&'a str>>,
}

impl<'a> Seen<'a> {
    fn of(tables: &[&'a Table], variable: &str, value: &str) -> Self {
        let mut seen = Self {
            numbers: BTreeMap::new(),
            texts: BTreeMap::new(),
        };
        for table in tables {
            let (Some(variable), Some(value)) = (table.position(variable), table.position(value))
            else {
                continue;
            };
            let cells = table
                .rows
                .iter()
                .map(|row| (row[variable].as_str(), row[value].as_str()));
            let cells: BTreeSet<(&str, &str)> = cells.collect();
            for (name, text) in cells {
                let numbers = seen.numbers.entry(name).or_default();
                match is_number(text) {
                    true => *numbers += 1,
                    false if is_missing(text) => {}
                    false => drop(seen.texts.entry(name).or_default().insert(text)),
                }
            }
        }
        seen
    }

    /// Variables whose values are texts. One that is mostly numbers is none: its texts are named in a note.
    fn categorical(&self, draft: &mut Draft) -> Vec<String> {
        let mut names = Vec::new();
        for (name, texts) in &self.texts {
            if self.numbers[name] <= texts.len() {
                names.push(name.to_string());
                continue;
            }
            let texts: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
            draft.note(format!(
                "values of `{name}` are numbers but for {}: `missing` on the source lists texts that say nothing",
                first_of(&texts, 4)
            ));
        }
        names
    }

    /// How many variables that makes: each category is one.
    fn variables(&self, categorical: &[String]) -> usize {
        let of_name =
            |(name, numbers): (&&str, &usize)| match categorical.iter().any(|one| one == name) {
                true => numbers + self.texts.get(name).map_or(0, BTreeSet::len),
                false => 1,
            };
        self.numbers.iter().map(of_name).sum()
    }
}
