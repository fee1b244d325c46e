//! Tables with one row for each stay and time, and a column for each variable.

use std::collections::BTreeSet;

use super::cohort::mixed;
use super::{
    Looking, clip, clock, cohort, drop_empty_stays, drop_incomplete_stays, largest, no_label,
};
use crate::draft::{Draft, Place};
use crate::folder::Folder;
use crate::layouts::long::{id_of, of_rows, window, write_categorical};
use crate::names::{KNOWN_AT_ADMISSION, OUTCOME, PATIENT, STAY, TIME, plain, rank};
use crate::table::{Look, Table};
use crate::text::list;
use pipeline_error::Error;
use pipeline_error::listed::first_of;
use pipeline_error::pasted::toml_string;

/// Texts of a column with more of them are prose.
const MOST_CATEGORIES: usize = 50;

/// Where a wide table has its columns.
struct Columns {
    /// None: a file is a stay.
    id: Option<usize>,
    time: usize,
}

/// What the columns that are no id and no time hold.
#[derive(Default)]
struct Roles {
    ignored: Vec<String>,
    /// Columns that tell of the end of a stay, or that the label's table has too.
    leaks: Vec<String>,
    statics: Vec<String>,
    categorical: Vec<String>,
    /// Columns of 0 and 1 that are called like outcomes.
    outcomes: Vec<usize>,
    /// How many variables the columns make, categories included.
    variables: usize,
}

pub fn recognise(folder: &Folder, looking: Looking) -> Result<Option<Draft>, Error> {
    let Some((first, columns)) = largest(folder, columns_of) else {
        return Ok(None);
    };
    let Some(clock) = clock::of(first, columns.time) else {
        return Ok(None);
    };
    let id = columns.id.map(|at| first.columns[at].as_str());
    let is_alike = |table: &&Table| table.columns == first.columns;
    let tables: Vec<&Table> = folder.tables.iter().filter(is_alike).collect();
    let others: Vec<&Table> = folder
        .tables
        .iter()
        .filter(|table| !is_alike(table))
        .collect();
    // An error of the tables is one only if the rows do not have the label either.
    let label = cohort::label(&others, id, looking);
    let of_label = label.as_ref().ok().and_then(Option::as_ref);
    let beside = of_label.map(cohort::Label::table);
    let roles = roles(first, &columns, beside, looking);
    if roles.variables == 0 {
        return Ok(None);
    }

    let mut draft = of_rows("wide", first, &tables, id, &clock);
    let row_label = write_labels(first, &columns, &roles, label, looking, &mut draft)?;
    note_numbers(first, &columns, &roles, &mut draft);
    let stay = id.unwrap_or("stay_id");
    let cohorts = cohort::cohorts(&others, stay);
    let mut categories = cohort::write_stays(folder, &cohorts, clock.is_dates, stay, &mut draft);
    write_columns(first, &roles, row_label, &mut draft);
    match draft.is_labelled && row_label.is_none() {
        true => drop_incomplete_stays(&mut draft),
        false => drop_empty_stays(&mut draft),
    }
    if row_label.is_none() {
        window(&mut draft);
    }
    draft.saw_variables(roles.variables + cohort::static_variables(&cohorts));
    categories.extend(roles.categorical);
    write_categorical(&categories, &mut draft);
    clip(&mut draft);
    Ok(Some(draft))
}

fn columns_of(table: &Table) -> Option<Columns> {
    let times = table.called(&TIME).into_iter();
    let time = times
        .into_iter()
        .find(|at| clock::of(table, *at).is_some())?;
    let id = id_of(table, &[time]);
    // Rows of a stay repeat its id: a table with one row a stay has another use.
    let repeats = id.is_some_and(|id| !table.is_unique(id));
    let is_file_a_stay = id.is_none() && table.files.len() > 1;
    (repeats || is_file_a_stay).then_some(Columns {
        id: id.filter(|_| repeats),
        time,
    })
}

fn roles(table: &Table, columns: &Columns, beside: Option<&Table>, looking: Looking) -> Roles {
    let mut roles = Roles::default();
    let is_beside = |name: &str| {
        let mut beside = beside.iter().flat_map(|beside| &beside.columns);
        beside.any(|column| plain(column) == plain(name))
    };
    for (at, name) in table.columns.iter().enumerate() {
        if Some(at) == columns.id || at == columns.time {
            continue;
        }
        let is_asked = looking.label.is_some_and(|label| label == name);
        let is_outcome = table.is_binary(at) && (is_asked || rank(name, &OUTCOME).is_some());
        let is_id = rank(name, &STAY).is_some() || rank(name, &PATIENT).is_some();
        if is_outcome {
            roles.outcomes.push(at);
            continue;
        }
        if is_id || table.is_row_number(at) || mixed::decimal_comma(table, at).is_some() {
            roles.ignored.push(name.clone());
            continue;
        }
        let is_known = rank(name, &KNOWN_AT_ADMISSION).is_some();
        if cohort::outcomes::is_outcome(name) || (is_beside(name) && !is_known) {
            roles.leaks.push(name.clone());
            continue;
        }
        match table.look(at) {
            Look::Text if mixed::texts_among_numbers(table, at).is_some() => roles.variables += 1,
            Look::Number | Look::Empty => roles.variables += 1,
            Look::Text if is_category(table, at) => {
                roles.variables += cohort::variables_of(table, at);
                roles.categorical.push(name.clone());
            }
            _ => {
                roles.ignored.push(name.clone());
                continue;
            }
        }
        if is_known && table.is_constant_by(columns.id, at) {
            roles.statics.push(name.clone());
        }
    }
    roles
}

/// Says which columns hold numbers that are not read as they are.
fn note_numbers(table: &Table, columns: &Columns, roles: &Roles, draft: &mut Draft) {
    for at in (0..table.columns.len()).filter(|at| Some(*at) != columns.id && *at != columns.time) {
        let name = &table.columns[at];
        if let Some(number) = mixed::decimal_comma(table, at) {
            mixed::note_commas(table, at, number, draft);
        } else if !roles.ignored.contains(name)
            && !roles.leaks.contains(name)
            && let Some(texts) = mixed::texts_among_numbers(table, at)
        {
            mixed::note_texts(&table.columns[at], &texts, draft);
        }
    }
}

fn is_category(table: &Table, column: usize) -> bool {
    let texts: BTreeSet<&str> = table.cells(column).collect();
    let is_short = |text: &&str| text.len() <= 40;
    texts.len() <= MOST_CATEGORIES
        && texts.iter().all(is_short)
        && 2 * texts.len() <= table.cells(column).count()
}

/// The label: of a table of its own, or of the rows. Returns the column of the rows that it is.
fn write_labels(
    table: &Table,
    columns: &Columns,
    roles: &Roles,
    label: Result<Option<cohort::Label>, Error>,
    looking: Looking,
    draft: &mut Draft,
) -> Result<Option<usize>, Error> {
    let name = |at: usize| table.columns[at].as_str();
    let of_rows = (roles.outcomes.iter().copied())
        .filter(|at| looking.label.is_none_or(|label| label == name(*at)))
        // One that every row of a stay repeats would hide the whole stay.
        .find(|at| !table.is_constant_by(columns.id, *at));
    match (label, of_rows) {
        (Ok(Some(label)), _) => {
            draft.is_labelled = true;
            label.write(draft);
            Ok(None)
        }
        (_, Some(at)) => {
            draft.is_labelled = true;
            let why = "a stay is positive if any of its rows is, and nothing is seen from the first such row on";
            draft.guess(Place::Source, "row_label", toml_string(name(at)), why);
            draft.guess(
                Place::Source,
                "negatives",
                "\"matched\"",
                "negative stays are cut as positive ones are, else their length alone tells the label",
            );
            Ok(Some(at))
        }
        (Err(error), None) => {
            let asked = looking.label.filter(|label| table.has(&[label]));
            Err(match asked {
                Some(label) => repeated(label),
                None => error,
            })
        }
        (Ok(None), None) => {
            if let Some(label) = looking.label {
                return Err(no_label(label, &[]));
            }
            for at in &roles.outcomes {
                draft.note(repeated(name(*at)).to_string());
            }
            Ok(None)
        }
    }
}

fn repeated(label: &str) -> Error {
    Error::Usage {
        message: format!("the column `{label}` says the same in all rows of a stay"),
        hint: Some(
            "write it into a table with one row a stay beside the data: an id and the label".into(),
        ),
    }
}

fn write_columns(table: &Table, roles: &Roles, row_label: Option<usize>, draft: &mut Draft) {
    let outcomes = roles.outcomes.iter().filter(|at| Some(**at) != row_label);
    let mut ignored = roles.ignored.clone();
    ignored.extend(outcomes.map(|at| table.columns[*at].clone()));
    if !ignored.is_empty() || !roles.leaks.is_empty() {
        let mut why = "no variables: ids, row numbers, outcomes, times and prose".to_string();
        if !roles.leaks.is_empty() {
            let leaks = first_of(&roles.leaks, 8);
            why += &format!("; {leaks}: outcomes by their names, or columns of the label's table");
        }
        ignored.extend(roles.leaks.iter().cloned());
        let names = list(ignored.iter().map(String::as_str));
        draft.guess(Place::Source, "ignore", names, why);
    }
    if !roles.statics.is_empty() {
        let why = "the same in all rows of a stay: one event at minute 0";
        let names = list(roles.statics.iter().map(String::as_str));
        draft.guess(Place::Source, "statics", names, why);
    }
}

#[cfg(test)]
mod tests {
    use crate::layouts::{Looking, look};

    fn ignored(header: &str, cells: &str, labels: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let mut grid = format!("stay_id,hour,HR,{header}\n");
        for row in 0..8 {
            grid += &format!("{},{row},{},{cells}\n", row / 4, 80 + row);
        }
        std::fs::write(folder.path().join("grid.csv"), grid).unwrap();
        std::fs::write(folder.path().join("labels.csv"), labels).unwrap();
        let draft = look(folder.path(), Looking::default()).unwrap();
        let guesses = draft.guesses();
        let found = guesses.iter().find(|one| one.setting.ends_with(".ignore"));
        found.map_or(String::new(), |one| format!("{}: {}", one.value, one.why))
    }

    #[test]
    fn outcomes_in_the_rows_are_left_out_and_named() {
        let labels = "stay_id,died,vaso_ever\n0,0,0\n1,1,1\n";
        let found = ignored(
            "los,hours_to_death,discharge_location",
            "2.5,9,HOME",
            labels,
        );
        assert!(
            found.starts_with("[\"los\", \"hours_to_death\", \"discharge_location\"]"),
            "{found}"
        );
        assert!(found.contains("outcomes by their names"), "{found}");
        let found = ignored("vaso_ever,MAP", "0,70", labels);
        assert!(found.starts_with("[\"vaso_ever\"]: "), "{found}");
        let found = ignored("mort_icu", "1", labels);
        assert!(found.starts_with("[\"mort_icu\"]: "), "{found}");
        assert_eq!(ignored("MAP", "70", labels), "");
    }
}
