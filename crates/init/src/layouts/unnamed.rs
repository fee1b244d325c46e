//! Long tables without a column that is known to name variables. Read as wide ones, all their values would be one
//! variable.

mod codes;
mod files;

use super::cohort::mixed::{texts_among_numbers, with_commas};
use super::rows::of_rows;
use super::wide::{self, Columns};
use super::{clock, long};
use crate::draft::{Draft, Place};
use crate::folder::Folder;
use crate::names::{KNOWN_AT_ADMISSION, PATIENT, STAY, TIME, VALUE, rank};
use crate::table::{Look, Table};
use codes::{are_codes, is_id, times};
use files::Files;
use pipeline_error::Error;
use pipeline_error::listed::first_names;
use pipeline_error::pasted::toml_string;

/// The column of values of a table that has no column of variables, and the columns that may be it.
pub fn columns_of(table: &Table, columns: &Columns) -> Option<(usize, Vec<usize>)> {
    let value = value_of(table, columns)?;
    let measured = measured_beside(table, columns, value);
    let others = beside(table, columns, value);
    let names: Vec<usize> = others.filter(|at| may_name(table, columns, *at)).collect();
    // A grid has variables beside this one; a long table has codes, and perhaps a number of each row.
    let is_grid = (measured > 1 || measured > 0 && names.is_empty())
        && !names.iter().any(|at| tells_rows_apart(table, columns, *at));
    (!is_grid).then_some((value, names))
}

/// The same of a table among those of its folder: one measured column, as of the quality of values, makes no grid where
/// another file has the values alone.
fn columns_among(folder: &Folder, table: &Table, columns: &Columns) -> Option<(usize, Vec<usize>)> {
    columns_of(table, columns).or_else(|| {
        let value = value_of(table, columns)?;
        let is_alone = |other: &&Table| other.columns.len() == columns.taken().len() + 1;
        let no_grid = measured_beside(table, columns, value) < 2
            && alike(folder, table, columns, value).iter().any(is_alone);
        no_grid.then(|| (value, Vec::new()))
    })
}

/// The column of values of a table that is not known to be long.
fn value_of(table: &Table, columns: &Columns) -> Option<usize> {
    let taken = columns.taken();
    // Some wide tables have a variable of this name.
    let is_value =
        |at: &usize| !taken.contains(at) && rank(&table.columns[*at], &["amount"]).is_none();
    let mut values = table.called(&VALUE).into_iter();
    let value = values.find(|at| is_value(at) && table.look(*at) != Look::Empty)?;
    (!long::is_long(table)).then_some(value)
}

/// The columns beside stays, times and values.
fn beside(table: &Table, columns: &Columns, value: usize) -> impl Iterator<Item = usize> {
    let taken = columns.taken();
    (0..table.columns.len()).filter(move |at| *at != value && !taken.contains(at))
}

fn measured_beside(table: &Table, columns: &Columns, value: usize) -> usize {
    let beside = beside(table, columns, value);
    beside.filter(|at| is_measured(table, columns, *at)).count()
}

/// Whether the cells of a column may name variables: they are texts, or codes, and come again in other rows.
fn may_name(table: &Table, columns: &Columns, column: usize) -> bool {
    let is_known = rank(&table.columns[column], &KNOWN_AT_ADMISSION).is_some();
    let is_name = match table.look(column) {
        Look::Text => {
            texts_among_numbers(table, column).is_none() && with_commas(table, column).is_none()
        }
        Look::Number => are_codes(table, columns, column),
        _ => false,
    };
    is_name && !is_known && !has_other_use(table, column) && !table.is_unique(column)
}

/// Whether a column holds numbers as a variable of a grid does. Flags, ids, and numbers that a stay has one of stand in
/// long tables too.
fn is_measured(table: &Table, columns: &Columns, column: usize) -> bool {
    table.look(column) == Look::Number
        && !is_id(table, column)
        && !has_other_use(table, column)
        && !table.is_constant_by(columns.id, column)
}

/// Whether a column holds flags, or is called like ids, times, values or numbers of rows.
fn has_other_use(table: &Table, column: usize) -> bool {
    let mut lists = [&STAY[..], &PATIENT, &TIME, &VALUE].into_iter();
    lists.any(|list| rank(&table.columns[column], list).is_some())
        || table.is_binary(column)
        || table.is_row_number(column)
}

/// Whether a tenth of the stays' times have rows that differ in a column, as those of several variables do. A grid has one
/// row of each.
fn tells_rows_apart(table: &Table, columns: &Columns, column: usize) -> bool {
    let times = times(table, columns, column);
    10 * times.iter().filter(|time| time.1 > 1).count() > times.len()
}

/// The tables of the folder that are read with this one and have such values, less grids.
fn alike<'a>(folder: &'a Folder, table: &Table, columns: &Columns, value: usize) -> Vec<&'a Table> {
    let has_values = |other: &Table| {
        let value = other.position(&table.columns[value]);
        let found = value.and_then(|value| Some((wide::columns_of(other)?, value)));
        found.is_some_and(|(own, value)| measured_beside(other, &own, value) < 2)
    };
    let is_alike = |other: &&Table| match other.columns == table.columns {
        true => other.delimiter == table.delimiter,
        false => wide::is_alike(table, columns, other) && has_values(other),
    };
    folder.tables.iter().filter(is_alike).collect()
}

/// The one column of numbers beside stays and times.
fn only_column(table: &Table, columns: &Columns) -> Option<usize> {
    let taken = columns.taken();
    let mut others = (0..table.columns.len()).filter(|at| !taken.contains(at));
    let only = others.next().filter(|_| others.next().is_none())?;
    (table.look(only) == Look::Number).then_some(only)
}

/// Says that several files are read as one variable, where it cannot be told whether each is one.
pub fn note(folder: &Folder, table: &Table, columns: &Columns, draft: &mut Draft) {
    let known = columns_among(folder, table, columns).map(|(value, _)| value);
    let Some(value) = known.or_else(|| only_column(table, columns)) else {
        return;
    };
    let mut alike = alike(folder, table, columns, value);
    if known.is_none() {
        alike.retain(|other| other.columns.len() == table.columns.len());
    }
    if Files::of(&alike, table, columns) != Files::Parts {
        let files: usize = alike.iter().map(|table| table.files.len()).sum();
        draft.note(format!(
            "`{}` of all {files} files is read as one variable; if each file is a variable, write its name into a column \
             `variable`",
            table.columns[value]
        ));
    }
}

/// The complaint about such a table, which has its stays and times in these columns.
pub fn complaint(folder: &Folder, table: &Table, columns: &Columns) -> Option<Error> {
    let (value, names) = columns_among(folder, table, columns)?;
    let mut alike = alike(folder, table, columns, value);
    let files_tell = Files::of(&alike, table, columns) == Files::Variables;
    if names.is_empty() && !files_tell {
        return None;
    }
    let name = |at: &usize| table.columns[*at].as_str();
    let mut message = format!(
        "{}: `{}` holds values as a long table does, and no column is known to name their variables",
        folder.root.join(&table.files[0]).display(),
        name(&value)
    );
    if files_tell {
        message += "; the names of files and folders are not read as variables";
    }
    if names.is_empty() {
        let hint = "write the name of its variable into a column `variable` of each file";
        return Some(Error::Usage {
            message,
            hint: Some(hint.into()),
        });
    }
    message += &format!("; is it {}?", first_names(names.iter().map(name), 12));
    let variable = match &names[..] {
        [only] if !files_tell && tells_variables(table, columns, *only) => name(only),
        _ => "COLUMN",
    };
    alike.retain(|other| other.columns == table.columns);
    let hint = hint(folder, table, &alike, columns, variable, name(&value))?;
    Some(Error::Usage {
        message,
        hint: Some(hint),
    })
}

/// Whether a candidate is of texts, or some time has several rows. Else its numbers may be measured as well.
fn tells_variables(table: &Table, columns: &Columns, column: usize) -> bool {
    let mut times = times(table, columns, column).into_iter();
    table.look(column) == Look::Text || times.any(|(rows, _)| rows > 1)
}

/// The source that reads the table, and those alike, as long ones.
fn hint(
    folder: &Folder,
    table: &Table,
    alike: &[&Table],
    columns: &Columns,
    variable: &str,
    value: &str,
) -> Option<String> {
    let id = columns.id.map(|id| table.columns[id].as_str());
    let clock = clock::of(table, columns.time)?;
    let mut draft = of_rows("long", table, alike, id, &clock);
    draft.state(Place::Source, "variable", toml_string(variable));
    draft.state(Place::Source, "value", toml_string(value));
    let root = match folder.root.to_str()? {
        "" => ".",
        root => root,
    };
    Some(format!(
        "call that column `variable`, or name it in a recipe of your own (if `{value}` is one variable of many columns, call \
         it otherwise):\n{}",
        draft.source(root)
    ))
}

#[cfg(test)]
mod tests {
    use crate::draft::Draft;
    use crate::layouts::{Looking, look};
    use pipeline_error::Error;

    pub fn drafted(files: &[(&str, &str)]) -> Result<Draft, Error> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        look(folder.path(), Looking::default())
    }

    /// What a folder of files comes to, each with the rows of two stays of these cells after the stay and the hour.
    pub fn looked(
        files: &[&str],
        header: &str,
        row: impl Fn(u32) -> String,
    ) -> Result<String, Error> {
        let mut text = format!("stay_id,hour,{header}\n");
        for at in 0..24 {
            text += &format!("{},{},{}\n", at / 12, at % 12, row(at));
        }
        let files: Vec<(&str, &str)> = files.iter().map(|name| (*name, text.as_str())).collect();
        drafted(&files).map(|draft| draft.format.into())
    }

    #[test]
    fn a_column_of_variables_of_an_unknown_name_is_asked_for() {
        for (header, cell) in [
            ("kuerzel,value", "HR"),
            ("kuerzel,value", "200"),
            ("label,value", "7"),
        ] {
            let row = |at: u32| format!("{cell}{},{}.5", at % 3, 60 + at);
            let error = looked(&["a.csv"], header, row).unwrap_err();
            let name = header.split(',').next().unwrap();
            assert!(
                error.to_string().contains(&format!("is it `{name}`?")),
                "{error}"
            );
            let hint = error.hint().unwrap();
            let (_, source) = hint.split_once(":\n").unwrap();
            let source: toml::Table = source.parse().unwrap();
            let source = &source["stages"]["events"]["source"];
            // Numbers of which each time has one may be measured.
            let variable = if cell == "HR" { name } else { "COLUMN" };
            assert_eq!(source["variable"].as_str(), Some(variable));
            let file = source["files"][0].as_str().unwrap();
            assert!(file.ends_with("/a.csv") && !file.contains('$'), "{file}");
        }
        let two = |at: u32| format!("HR{},mmHg,{at}.5", at % 3);
        let error = looked(&["a.csv"], "kuerzel,valueuom,value", two).unwrap_err();
        assert!(
            error.to_string().contains("is it `kuerzel`, `valueuom`?"),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("variable = \"COLUMN\""));
    }

    #[test]
    fn the_usual_names_of_variables_are_known() {
        for name in [
            "variableid",
            "variable_id",
            "analyte",
            "test_code",
            "LOINC",
            "itemname",
        ] {
            let row = |at: u32| format!("{},{at}.5", 200 + at % 3);
            assert_eq!(
                looked(&["a.csv"], &format!("{name},value"), row).unwrap(),
                "long"
            );
        }
        let row = |at: u32| format!("HR{},{at}.5", at % 3);
        assert_eq!(looked(&["a.csv"], "test,value", row).unwrap(), "long");
    }

    /// The notes on two files of the rows of a stay each, which begin at these hours.
    pub fn notes_on(files: &[(&str, u32, u32)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        for (name, stay, begin) in files {
            let mut text = "stay_id,hour,value\n".to_string();
            for hour in *begin..begin + 4 {
                text += &format!("{stay},{hour},{hour}.5\n");
            }
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let draft = look(folder.path(), Looking::default()).unwrap();
        assert_eq!(draft.format, "wide");
        draft.notes.join("\n")
    }

    #[test]
    fn a_long_table_with_numbers_of_each_row_is_no_grid() {
        let header = "datetime,merkmal,value,status,type";
        for cell in ["", "HR"] {
            let row = |at: u32| {
                let (hour, name, status, kind) = (at % 12 / 3, 200 + at % 3, at % 5, 7 + at % 4);
                format!("2150-01-01 0{hour}:00,{cell}{name},{at}.5,{status},{kind}")
            };
            let error = looked(&["a.csv"], header, row).unwrap_err();
            let names = "is it `merkmal`, `status`, `type`?";
            assert!(error.to_string().contains(names), "{error}");
        }
        for more in ["order_id", "flag", "age", "storetime"] {
            let row = |at: u32| match more {
                "flag" => format!("HR{},{at}.5,{}", at % 3, at % 2),
                "age" => format!("HR{},{at}.5,{}", at % 3, 60 + at / 12),
                _ => format!("HR{},{at}.5,{at}", at % 3),
            };
            let header = format!("status,kuerzel,value,{more}");
            let row = |at: u32| format!("{},{}", at % 5, row(at));
            let error = looked(&["a.csv"], &header, row).unwrap_err();
            assert!(error.to_string().contains("`kuerzel`"), "{error}");
        }
    }

    #[test]
    fn a_wide_table_may_have_a_variable_of_this_name() {
        let whole = |at: u32| format!("{},{},{}", 60 + at % 7, 110 + at % 5, at % 4);
        assert_eq!(looked(&["a.csv"], "HR,SBP,value", whole).unwrap(), "wide");
        assert_eq!(looked(&["a.csv"], "HR,test,value", whole).unwrap(), "wide");
        let vent = |at: u32| ["True", "False"][at as usize % 2];
        let row = |at: u32| format!("{},{},{},{at}", 60 + at % 7, 110 + at % 5, vent(at));
        let found = looked(&["a.csv"], "HR,SBP,vent,value", row);
        assert_eq!(found.unwrap(), "wide");
        let row = |at: u32| format!("{}.5,{},{at}", 60 + at, vent(at));
        assert_eq!(looked(&["a.csv"], "HR,vent,value", row).unwrap(), "wide");
        let row = |at: u32| format!("{}.5,{at}", 60 + at);
        for files in [["site=A/a.csv", "site=B/a.csv"], ["icu_a.csv", "icu_b.csv"]] {
            assert_eq!(looked(&files, "HR,value", row).unwrap(), "wide");
        }
        let row = |at: u32| format!("{}.5,{at}.5", 60 + at);
        assert_eq!(looked(&["a.csv"], "Temp,value", row).unwrap(), "wide");
        let row =
            |at: u32| ["<0.3,1".to_string(), format!("0.{at},1")][usize::from(at > 3)].clone();
        assert_eq!(looked(&["a.csv"], "Trop,value", row).unwrap(), "wide");
        let row = |at: u32| format!("{},{at}.5", at % 2);
        assert_eq!(looked(&["a.csv"], "label,value", row).unwrap(), "wide");
        let row = |at: u32| format!("{},{at}", 60 + at % 3);
        assert_eq!(looked(&["a.csv"], "HR,amount", row).unwrap(), "wide");
    }

    #[test]
    fn a_variable_of_whole_numbers_beside_values_is_a_variable() {
        for (header, least, step) in [("HR,value", 60, 2), ("GCS,result", 3, 6)] {
            let row = |at: u32| format!("{},{at}.5", least + at / step);
            assert_eq!(looked(&["a.csv"], header, row).unwrap(), "wide", "{header}");
        }
        let row = |at: u32| format!("{},{},{at}.5", 60 + at % 9, at % 2);
        assert_eq!(looked(&["a.csv"], "HR,vent,result", row).unwrap(), "wide");
        let row = |at: u32| {
            let (time, gcs) = (at % 12 / 3, 3 + at % 12 / 4);
            format!("2150-01-01 0{time}:00,{},{gcs},{at}.5", 60 + at % 12)
        };
        let found = looked(&["a.csv"], "datetime,HR,GCS,value", row);
        assert_eq!(found.unwrap(), "wide");
    }
}
