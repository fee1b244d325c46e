//! Tables with one row for each stay and time, and a column for each variable.

mod roles;

use std::collections::BTreeSet;

use super::cohort::{EventStays, mixed};
use super::long::is_long;
use super::rows::{id_of, note_unread, of_rows, why_unread, window, write_categorical};
use super::{
    Looking, clip, clock, cohort, drop_empty_stays, drop_incomplete_stays, largest, no_label,
    unnamed,
};
use crate::draft::{Draft, Place};
use crate::folder::Folder;
use crate::names::{START, TIME, rank};
use crate::table::Table;
use crate::text::list;
use pipeline_error::Error;
use pipeline_error::listed::first_of;
use pipeline_error::pasted::toml_string;
use roles::Roles;

/// Where a wide table has its columns.
pub struct Columns {
    /// None: a file is a stay.
    pub id: Option<usize>,
    pub time: usize,
}

impl Columns {
    pub fn taken(&self) -> Vec<usize> {
        self.id.into_iter().chain([self.time]).collect()
    }
}

pub fn recognise(folder: &Folder, looking: Looking) -> Result<Option<Draft>, Error> {
    let Some((first, columns)) = largest(folder, columns_of) else {
        return Ok(None);
    };
    if let Some(error) = unnamed::complaint(folder, first, &columns) {
        return Err(error);
    }
    let id = columns.id.map(|at| first.columns[at].as_str());
    let time = first.columns[columns.time].as_str();
    let (alike, others): (Vec<&Table>, Vec<&Table>) = (folder.tables.iter())
        .partition(|table| table.columns == first.columns || is_alike(first, &columns, table));
    let Some(clock) = clock::of_all(&alike, time) else {
        return Ok(None);
    };
    let stays = EventStays::of(folder, &alike, id);
    // An error of the tables is one only if the rows do not have the label either.
    let label = cohort::label(&others, &stays, looking);
    let of_label = label.as_ref().ok().and_then(Option::as_ref);
    let beside = of_label.map(cohort::Label::table);
    let mut roles = Roles::of(first, &columns, beside, looking);
    if roles.variables.is_empty() {
        return Ok(None);
    }
    if let Some(other) = clock::other_part(first, columns.time) {
        return Err(clock::two_columns(folder, first, [columns.time, other]));
    }
    let (tables, apart): (Vec<&Table>, Vec<&Table>) =
        (alike.iter().copied()).partition(|table| roles.take(first, table, beside, looking));

    let mut draft = of_rows("wide", first, &tables, id, &clock);
    let row_label = write_labels(first, &columns, &roles, label, looking, &mut draft)?;
    note_numbers(&tables, &roles, &mut draft);
    unnamed::note(folder, first, &columns, &mut draft);
    let cohorts = cohort::cohorts(&others, &stays, &clock);
    let mut categories = cohort::write_stays(&stays, &cohorts, beside, &clock, &mut draft);
    write_columns(first, &roles, row_label, &mut draft);
    match draft.is_labelled && row_label.is_none() {
        true => drop_incomplete_stays(&mut draft),
        false => drop_empty_stays(&mut draft),
    }
    if row_label.is_none() {
        window(&mut draft);
    }
    let variables: usize = roles.variables.values().sum();
    draft.saw_variables(variables + cohort::static_variables(&cohorts));
    categories.extend(roles.categorical);
    write_categorical(&categories, &mut draft);
    clip(&mut draft);
    let wanted: Vec<&str> = id.into_iter().chain([time]).collect();
    let unlike = |table: &Table| match is_unnamed(table) {
        true => "it is a long table, and no column is known to name its variables".into(),
        false => why_unread(table, &wanted),
    };
    note_unread(&others, &stays, unlike, &mut draft);
    let why = "`ignore`, `statics` and `row_label` name columns of every table, and it has other such columns";
    note_unread(&apart, &stays, |_| why.into(), &mut draft);
    Ok(Some(draft))
}

/// Whether a table has the stays and times of another in the same columns, and other variables.
pub fn is_alike(first: &Table, columns: &Columns, table: &Table) -> bool {
    let (Some(id), Some(own)) = (columns.id, columns_of(table)) else {
        return false;
    };
    let is_same = |at: usize, other: usize| first.columns[at] == table.columns[other];
    own.id.is_some_and(|own| is_same(id, own))
        && is_same(columns.time, own.time)
        && first.look(columns.time) == table.look(own.time)
        && first.delimiter == table.delimiter
        && !is_long(table)
        && !is_unnamed(table)
}

/// Whether a table is rather a long one, whose column of variables is not known.
fn is_unnamed(table: &Table) -> bool {
    let found = columns_of(table).and_then(|columns| unnamed::columns_of(table, &columns));
    found.is_some_and(|(_, names)| !names.is_empty())
}

/// Whether a table has rows of times, and variables in its columns.
pub fn is_wide(table: &Table) -> bool {
    let has_variables = |columns: Columns| {
        let roles = Roles::of(table, &columns, None, Looking::default());
        !roles.variables.is_empty()
    };
    columns_of(table).is_some_and(has_variables)
}

pub fn columns_of(table: &Table) -> Option<Columns> {
    let mut times = table.called(&TIME);
    // Rows of a begin each are stays or infusions, not a grid.
    times.retain(|at| {
        rank(&table.columns[*at], &START).is_none() && clock::of(table, *at).is_some()
    });
    let mut whole = times.iter();
    let whole = whole.find(|at| clock::other_part(table, **at).is_none());
    let time = *whole.or(times.first())?;
    let id = id_of(table, &[time]);
    // Rows of a stay repeat its id: a table with one row a stay has another use.
    let repeats = id.is_some_and(|id| !table.is_unique(id));
    let is_file_a_stay = id.is_none() && table.files.len() > 1;
    (repeats || is_file_a_stay).then_some(Columns {
        id: id.filter(|_| repeats),
        time,
    })
}

/// Says which columns hold numbers that are not read as they are.
fn note_numbers(tables: &[&Table], roles: &Roles, draft: &mut Draft) {
    let mut seen = BTreeSet::new();
    for table in tables {
        for (at, name) in table.columns.iter().enumerate() {
            if !seen.insert(name) {
                continue;
            }
            if let Some(number) = mixed::with_commas(table, at) {
                mixed::note_commas(table, at, number, draft);
            } else if roles.variables.contains_key(name)
                && let Some(texts) = mixed::texts_among_numbers(table, at)
            {
                mixed::note_texts(name, &texts, draft);
            }
        }
    }
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

    fn looked_at(files: &[(&str, &str)]) -> Result<(String, String), String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let draft = look(folder.path(), Looking::default()).map_err(|error| error.to_string())?;
        Ok((draft.recipe("x", "data"), draft.notes.join("\n")))
    }

    #[test]
    fn tables_of_other_variables_are_read_too_or_named() {
        let vitals = "stay_id,hour,HR,SBP\n1,0,70,120\n1,1,71,121\n2,0,72,122\n";
        let labs = "stay_id,hour,lactate\n1,0,2.5\n1,-1,3.5\n";
        let (recipe, notes) = looked_at(&[("vitals.csv", vitals), ("labs.csv", labs)]).unwrap();
        let files = "files = [\"${vars.root}/labs.csv\", \"${vars.root}/vitals.csv\"]";
        assert!(recipe.contains(files), "{recipe}");
        assert!(
            recipe.contains("# guess: 3 variables were seen"),
            "{recipe}"
        );
        assert!(recipe.contains("negative = \"drop\""), "{recipe}");
        assert!(!notes.contains("is not read"), "{notes}");

        let with_ids = "stay_id,hour,lactate,patient\n1,0,2.5,7\n1,1,3.5,7\n";
        let other_stays = "patient_id,hour,pH\n7,0,7.4\n7,1,7.3\n";
        let files = [
            ("vitals.csv", vitals),
            ("labs.csv", with_ids),
            ("gas.csv", other_stays),
        ];
        let (recipe, notes) = looked_at(&files).unwrap();
        assert!(
            recipe.contains("files = [\"${vars.root}/vitals.csv\"]"),
            "{recipe}"
        );
        for why in [
            "labs.csv has events too and is not read: `ignore`",
            "gas.csv has events too and is not read: it has no column `stay_id`",
        ] {
            assert!(notes.contains(why), "{notes}");
        }
    }

    #[test]
    fn a_day_beside_an_hour_is_refused() {
        let grid = "stay_id,day,hour,HR\n1,0,23,70\n1,1,0,71\n2,0,1,72\n";
        let error = looked_at(&[("grid.csv", grid)]).unwrap_err();
        assert!(
            error.contains("`hour` and `day` tell the time together"),
            "{error}"
        );
    }
}
