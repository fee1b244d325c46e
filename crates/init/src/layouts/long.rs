//! Tables with one row an event.

use std::collections::{BTreeMap, BTreeSet};

use super::clock::Clock;
use super::cohort::mixed;
use super::{Looking, clip, clock, cohort, drop_empty_stays, drop_incomplete_stays, largest};
use crate::draft::{Draft, Place};
use crate::folder::Folder;
use crate::names::{OUTCOME, PATIENT, STAY, TIME, VALUE, VARIABLE, rank};
use crate::table::{Look, Table, has_decimal_comma, is_missing, is_number};
use crate::text::{below_root, list};
use pipeline_error::Error;
use pipeline_error::listed::first_names;
use pipeline_error::pasted::toml_string;

/// From so many rows on, a column that repeats nothing tells rows apart, not stays.
const ENOUGH_ROWS: usize = 8;

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
        match first.position(id).and_then(|at| why_id(first, at)) {
            Some(why) => draft.guess(Place::Source, "id", toml_string(id), why),
            None => draft.state(Place::Source, "id", toml_string(id)),
        }
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
    if let Some(other) = clock::other_part(first, columns.time) {
        return Err(two_columns(folder, first, [columns.time, other]));
    }
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
    // `label` names what was measured in some tables, and is the outcome in others.
    let is_outcome = |at: usize| {
        let is_class = table.look(at) == Look::Number || table.is_binary(at);
        is_class && rank(&table.columns[at], &OUTCOME).is_some()
    };
    let mut variables = variables
        .filter(|at| matches!(table.look(*at), Look::Text | Look::Number) && !is_outcome(*at));
    let variable = variables.next()?;
    let values = table.called(&VALUE).into_iter();
    let value = values
        .filter(|at| *at != variable)
        .find(|at| table.look(*at) != Look::Empty)?;
    let times = table.called(&TIME).into_iter();
    let times: Vec<usize> = times
        .filter(|at| *at != variable && *at != value && clock::of(table, *at).is_some())
        .collect();
    let whole = times
        .iter()
        .find(|at| clock::other_part(table, **at).is_none());
    let time = *whole.or(times.first())?;
    let id = id_of(table, &[variable, value, time]);
    if id.is_some_and(|id| why_no_id(table, id).is_some()) {
        return None;
    }
    (id.is_some() || table.files.len() > 1).then_some(Columns {
        id,
        time,
        variable,
        value,
    })
}

/// The column that tells the stays of events apart.
pub fn id_of(table: &Table, taken: &[usize]) -> Option<usize> {
    let mut candidates = ids(table);
    candidates.retain(|at| !taken.contains(at) && table.look(*at) != Look::Empty);
    let mut of_stays = candidates.iter().copied();
    of_stays
        .find(|at| why_no_id(table, *at).is_none())
        .or(candidates.first().copied())
}

/// Columns that are called like ids of stays, then those of patients.
fn ids(table: &Table) -> Vec<usize> {
    let mut ids = table.called(&STAY);
    ids.extend(table.called(&PATIENT));
    ids
}

/// What speaks against a column as the id of stays: it numbers rows, or begins anew with each patient.
fn why_no_id(table: &Table, column: usize) -> Option<String> {
    let name = &table.columns[column];
    if table.rows.len() >= ENOUGH_ROWS && table.is_unique(column) {
        return Some(format!("`{name}` is another in every row"));
    }
    let is_of_stays = rank(name, &STAY).is_some();
    let mut patients = table.called(&PATIENT).into_iter();
    let shared =
        patients.find(|patient| is_of_stays && !table.is_constant_by(Some(column), *patient))?;
    let patient = &table.columns[shared];
    Some(format!("a `{name}` has several of `{patient}`"))
}

/// Why the id is this one and not a likelier column; None if it is the likeliest.
fn why_id(table: &Table, id: usize) -> Option<String> {
    let likelier = ids(table).into_iter().take_while(|at| *at != id);
    let reasons: Vec<String> = likelier.filter_map(|at| why_no_id(table, at)).collect();
    let of_patient = rank(&table.columns[id], &PATIENT).is_some();
    let merged = of_patient.then_some("; all events of a patient are then one stay");
    (!reasons.is_empty()).then(|| reasons.join("; ") + merged.unwrap_or_default())
}

/// The complaint that the time is in two columns.
fn two_columns(folder: &Folder, table: &Table, [one, other]: [usize; 2]) -> Error {
    Error::Usage {
        message: format!(
            "{}: `{}` and `{}` tell the time together, and a recipe names one column of times",
            folder.root.join(table.place()).display(),
            table.columns[one],
            table.columns[other]
        ),
        hint: Some(
            "write both into one column, such as `2150-01-31 14:05`, or hours from the begin of the stay".into(),
        ),
    }
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
            let of_commas = texts.iter().filter(|text| has_decimal_comma(text));
            let of_commas: Vec<_> = of_commas.collect();
            if 2 * of_commas.len() > texts.len() {
                draft.note(format!(
                    "values of `{name}` have a decimal comma: {}; write a point before they are read",
                    first_names(of_commas, 4)
                ));
                continue;
            }
            if self.numbers[name] <= texts.len() {
                names.push(name.to_string());
                continue;
            }
            mixed::note_texts(name, texts, draft);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The draft of a folder of this table, and its recipe.
    fn drafted(header: &str, row: impl Fn(u32, u32) -> String) -> Result<(Draft, String), String> {
        let mut text = format!("{header}\n");
        for (stay, hour) in (0..6).flat_map(|stay| (0..4).map(move |hour| (stay, hour))) {
            text += &row(stay, hour);
            text.push('\n');
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("events.csv"), text).unwrap();
        let draft = super::super::look(folder.path(), Looking::default());
        let draft = draft.map_err(|error| error.to_string())?;
        let recipe = draft.recipe("x", "data");
        Ok((draft, recipe))
    }

    #[test]
    fn a_number_of_rows_is_no_id_of_stays() {
        let row = |stay, hour| format!("{},{stay},{hour},HR,{}", 10 * stay + hour, 70 + hour);
        let (_, recipe) = drafted("id,patient_id,hour,variable,value", row).unwrap();
        let id = "# guess: `id` is another in every row; all events of a patient are then one stay\n\
                  id = \"patient_id\"";
        assert!(recipe.contains(id), "{recipe}");

        let row = |stay, hour| format!("{},{hour},HR,{}", 10 * stay + hour, 70 + hour);
        let error = drafted("id,hour,variable,value", row).unwrap_err();
        assert!(error.contains("no layout is recognised"), "{error}");
    }

    #[test]
    fn a_visit_that_several_patients_have_is_no_id_of_stays() {
        let row = |stay, hour| format!("{stay},{},{hour},HR,{}", hour / 2, 70 + hour);
        let (_, recipe) = drafted("patient_id,visit_id,hour,variable,value", row).unwrap();
        let id = "# guess: a `visit_id` has several of `patient_id`; all events of a patient are then one \
                  stay\nid = \"patient_id\"";
        assert!(recipe.contains(id), "{recipe}");

        let row = |stay, hour| format!("{},{stay},{hour},HR,{}", stay / 2, 70 + hour);
        let (_, recipe) = drafted("patient_id,visit_id,hour,variable,value", row).unwrap();
        assert!(recipe.contains("\"long\"\n") && recipe.contains("\nid = \"visit_id\""));
        assert!(!recipe.contains("has several of"), "{recipe}");
    }

    #[test]
    fn a_time_in_two_columns_is_refused_unless_one_has_both() {
        let row = |stay, hour| format!("{stay},2150-01-0{},08:00,HR,{hour}", hour + 1);
        let error = drafted("stay_id,date,time,variable,value", row).unwrap_err();
        assert!(error.contains("`time` and `date`"), "{error}");

        let row = |stay, day| {
            format!(
                "{stay},2150-01-0{0},08:00,2150-01-0{0} 08:00,HR,{day}",
                day + 1
            )
        };
        let (_, recipe) = drafted("stay_id,date,time,storetime,variable,value", row).unwrap();
        assert!(
            recipe.contains("time = { column = \"storetime\""),
            "{recipe}"
        );
    }

    #[test]
    fn numbers_with_decimal_commas_are_no_categories() {
        let row = |stay, hour| format!("{stay};{hour};Temp;36,{}", (stay + hour) % 10);
        let (draft, recipe) = drafted("stay_id;hour;variable;value", row).unwrap();
        assert!(!recipe.contains("categorical"), "{recipe}");
        let notes = draft.notes.join("\n");
        assert!(
            notes.contains("`Temp` have a decimal comma: `36,0`"),
            "{notes}"
        );
    }

    #[test]
    fn an_outcome_called_label_names_no_variables() {
        let row = |stay, hour| format!("{stay},{hour},{},{},{}", 80 + hour, 2 * hour, stay % 2);
        let (draft, _) = drafted("stay_id,hour,HR,amount,label", row).unwrap();
        assert_eq!(draft.format, "wide");
        let row = |stay, hour| format!("{stay},{hour},HR,{}", 2 * hour);
        let (draft, _) = drafted("stay_id,hour,label,amount", row).unwrap();
        assert_eq!(draft.format, "long");
    }
}
