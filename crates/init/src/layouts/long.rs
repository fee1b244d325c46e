//! Tables with one row an event.

use std::collections::{BTreeMap, BTreeSet};

use super::cohort::{EventStays, mixed};
use super::rows::{id_of, note_unread, of_rows, why_no_id, why_unread, window, write_categorical};
use super::{Looking, clip, clock, cohort, drop_empty_stays, drop_incomplete_stays, largest, wide};
use crate::draft::{Draft, Place};
use crate::folder::Folder;
use crate::names::{START, TIME, VALUE, VARIABLE, VARIABLE_OR_MEASURED, rank};
use crate::table::{Look, Table, has_commas, is_missing, is_number};
use pipeline_error::Error;
use pipeline_error::listed::first_names;
use pipeline_error::pasted::toml_string;

/// Where a long table has its columns.
struct Columns {
    /// None: a file is a stay.
    id: Option<usize>,
    time: usize,
    variable: usize,
    value: usize,
}

pub fn recognise(folder: &Folder, looking: Looking) -> Result<Option<Draft>, Error> {
    let Some((first, columns)) = events_of(folder) else {
        return Ok(None);
    };
    if let Some(other) = clock::other_part(first, columns.time) {
        return Err(clock::two_columns(folder, first, [columns.time, other]));
    }
    let name = |at: usize| first.columns[at].as_str();
    let (time, variable, value) = (
        name(columns.time),
        name(columns.variable),
        name(columns.value),
    );
    let id = columns.id.map(name);
    let wanted: Vec<&str> = [time, variable, value].into_iter().chain(id).collect();
    let is_alike = |table: &&Table| table.has(&wanted) && table.delimiter == first.delimiter;
    let tables: Vec<&Table> = folder.tables.iter().filter(is_alike).collect();
    let others: Vec<&Table> = folder
        .tables
        .iter()
        .filter(|table| !is_alike(table))
        .collect();
    let Some(clock) = clock::of_all(&tables, time) else {
        return Ok(None);
    };

    let mut draft = of_rows("long", first, &tables, id, &clock);
    draft.state(Place::Source, "variable", toml_string(variable));
    draft.state(Place::Source, "value", toml_string(value));

    let stays = EventStays::of(folder, &tables, id);
    let label = cohort::label(&others, &stays, looking)?;
    draft.is_labelled = label.is_some();
    let cohorts = cohort::cohorts(&others, &stays, &clock);
    let of_label = label.as_ref().map(cohort::Label::table);
    let mut categories = cohort::write_stays(&stays, &cohorts, of_label, &clock, &mut draft);
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
    let unlike = |table: &Table| why_unread(table, &wanted);
    note_unread(&others, &stays, unlike, &mut draft);
    Ok(Some(draft))
}

/// The largest long table. One whose times are begins, such as those of infusions, is it only where no other table has
/// events.
fn events_of(folder: &Folder) -> Option<(&Table, Columns)> {
    let of_times = |table: &Table| {
        let is_begin = |at: usize| rank(&table.columns[at], &START).is_some();
        columns_of(table).filter(|columns| !is_begin(columns.time))
    };
    let is_alone = || !folder.tables.iter().any(wide::is_wide);
    largest(folder, of_times).or_else(|| largest(folder, columns_of).filter(|_| is_alone()))
}

/// Whether a table has the columns of a long one.
pub fn is_long(table: &Table) -> bool {
    columns_of(table).is_some()
}

fn columns_of(table: &Table) -> Option<Columns> {
    let variables = table.called(&VARIABLE).into_iter();
    let is_measured = |at: usize| {
        let is_number = table.look(at) == Look::Number || table.is_binary(at);
        is_number && rank(&table.columns[at], &VARIABLE_OR_MEASURED).is_some()
    };
    let mut variables = variables
        .filter(|at| matches!(table.look(*at), Look::Text | Look::Number) && !is_measured(*at));
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
            let of_commas = texts.iter().copied().filter(|text| has_commas(text));
            let of_commas: Vec<&str> = of_commas.collect();
            if 2 * of_commas.len() > texts.len() {
                let (commas, mend) = mixed::commas(of_commas.iter().copied());
                draft.note(format!(
                    "values of `{name}` have {commas}: {}; {mend}",
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
    fn a_table_of_begins_has_events_and_comes_after_all_others() {
        let mut begins = String::from("stay_id,starttime,itemid,amount\n");
        for hour in 1..6 {
            begins += &format!("1,2150-01-01 0{hour}:00,7,{hour}\n2,2150-01-02 0{hour}:00,7,1\n");
        }
        let long =
            "stay_id,charttime,item,value\n1,2150-01-01 08:00,HR,7\n1,2150-01-01 09:00,HR,8\n";
        let wide = "stay_id,charttime,HR\n1,2150-01-01 08:00,7\n1,2150-01-01 09:00,8\n";
        for (other, format, time) in [
            (None, "long", "starttime"),
            (Some(long), "long", "charttime"),
            (Some(wide), "wide", "charttime"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("inputevents.csv"), &begins).unwrap();
            if let Some(other) = other {
                std::fs::write(folder.path().join("chartevents.csv"), other).unwrap();
            }
            let draft = super::super::look(folder.path(), Looking::default()).unwrap();
            assert_eq!(draft.format, format);
            let text = draft.recipe("x", "data");
            assert!(
                text.contains(&format!("time = {{ column = \"{time}\"")),
                "{text}"
            );
            let note = "inputevents.csv has events too and is not read";
            assert_eq!(draft.notes.join("\n").contains(note), other.is_some());
        }
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
            notes.contains("`Temp` have decimal commas: `36,0`"),
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

    #[test]
    fn events_without_the_stay_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        let chart = "hadm_id,stay_id,hour,item,value\n5,1,0,HR,70\n5,1,1,HR,71\n6,2,0,HR,72\n";
        write("chartevents.csv", chart);
        let lab = "hadm_id,hour,item,value\n5,0,pH,7.4\n5,1,pH,7.3\n";
        write("labevents.csv", lab);
        let draft = super::super::look(folder.path(), Looking::default()).unwrap();
        let notes = draft.notes.join("\n");
        let why = "labevents.csv has events too and is not read: it has no column `stay_id`";
        assert!(notes.contains(why), "{notes}");
    }
}
