//! Which of the layouts a folder has, one file a layout.

mod clock;
mod cohort;
mod long;
mod meds;
mod patient_parquet;
mod physionet2012;
mod physionet2019;
mod rows;
mod unnamed;
mod wide;

use std::path::Path;

use crate::draft::Draft;
use crate::folder::Folder;
use crate::names::{PATIENT, STAY, TIME, rank};
use crate::table::Table;
use pipeline_error::Error;
use pipeline_error::listed::first_of;

/// Tables that a complaint names.
const NAMED: usize = 6;

/// What whoever asks knows already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Looking<'a> {
    /// The label: a column; in MEDS the name of the task.
    pub label: Option<&'a str>,
}

/// The largest of the tables that have such columns.
fn largest<C>(folder: &Folder, columns_of: impl Fn(&Table) -> Option<C>) -> Option<(&Table, C)> {
    let tables = folder.tables.iter();
    let such = tables.filter_map(|table| Some((table, columns_of(table)?)));
    such.max_by_key(|(table, _)| table.rows.len() * table.files.len())
}

/// Looks at a folder, or at one table, and drafts a recipe for it. Errors: no table, no layout that is known, no
/// label of the name that was asked for.
pub fn look(path: &Path, looking: Looking) -> Result<Draft, Error> {
    let folder = Folder::open(path)?;
    let layouts = [
        meds::recognise,
        physionet2012::recognise,
        physionet2019::recognise,
        patient_parquet::recognise,
        long::recognise,
        wide::recognise,
    ];
    for recognise in layouts {
        if let Some(mut draft) = recognise(&folder, looking)? {
            if folder.tables.iter().any(|table| !table.is_whole) {
                draft
                    .note("of long tables and of many files of one kind only a part was looked at");
            }
            draft.notes.extend(unread(&folder));
            return Ok(draft);
        }
    }
    let mut tables = folder.tables.iter();
    if let Some(error) = tables.find_map(|table| two_forms(&folder, table)) {
        return Err(error);
    }
    let tables: Vec<String> = folder.tables.iter().map(described).collect();
    let mut message = format!(
        "{}: no layout is recognised; it has {}",
        path.display(),
        first_of(&tables, NAMED)
    );
    for unread in unread(&folder) {
        message += &format!("; {unread}");
    }
    Err(Error::Usage {
        message,
        hint: Some(
            "a long table has columns for the stay, the time, the variable and the value; a wide one for the stay and the \
             time, and one a variable; `pipeline init` without --from writes a recipe to start from"
                .into(),
        ),
    })
}

/// The complaint about a column of times that no one setting reads.
fn two_forms(folder: &Folder, table: &Table) -> Option<Error> {
    let mut columns = table.called(&TIME).into_iter();
    let (at, (one, other)) = columns.find_map(|at| Some((at, table.times_of_two_forms(at)?)))?;
    Some(Error::Usage {
        message: format!(
            "{}: `{}` holds times of several forms, `{one}` and `{other}`, and a recipe states one",
            folder.root.join(table.place()).display(),
            table.columns[at]
        ),
        hint: Some("write all of them in one way, such as `2150-01-31 14:05`".into()),
    })
}

/// The columns, then the files, that are not read, and why.
fn unread(folder: &Folder) -> impl Iterator<Item = String> {
    let columns: Vec<String> = folder.tables.iter().filter_map(unread_column).collect();
    let columns = first_of(&columns, NAMED);
    let files = first_of(&folder.unread, NAMED);
    let files = (!files.is_empty()).then(|| format!("not looked at: {files}"));
    [columns]
        .into_iter()
        .filter(|text| !text.is_empty())
        .chain(files)
}

/// A column of times that is not read, or an index of pandas that is no column and tells stays or times.
fn unread_column(table: &Table) -> Option<String> {
    let place = table.place();
    let tells = |index: &&String| {
        let mut lists = [&STAY[..], &PATIENT, &TIME].into_iter();
        lists.any(|list| rank(index, list).is_some())
    };
    if let Some(index) = table.range_index.as_ref().filter(tells) {
        return Some(format!(
            "{place}: pandas kept the index `{index}` beside the table and not in a column: write it after `reset_index()`"
        ));
    }
    let (at, why) = clock::unread(table)?;
    Some(format!(
        "`{}` of {place} is not read as time: it {why}; write dates and times, such as `2150-01-31 14:05`, or hours \
         from the begin of the stay",
        table.columns[at]
    ))
}

fn described(table: &Table) -> String {
    let columns = first_of(&table.columns, NAMED);
    match table.files.len() {
        1 => format!("{} ({columns})", table.place()),
        count => format!("{count} files like {} ({columns})", table.files[0]),
    }
}

/// The complaint that there is no such label.
fn no_label(label: &str, candidates: &[String]) -> Error {
    Error::Usage {
        message: format!("--label {label}: there is no such label"),
        hint: Some(match candidates {
            [] => "no column of labels was found beside the ids of stays".into(),
            _ => format!("labels could be {}", first_of(candidates, 12)),
        }),
    }
}

/// The commonest settings of a stage of labelled stays, where nothing in the data says otherwise.
fn drop_incomplete_stays(draft: &mut Draft) {
    use crate::draft::Place::Events;
    draft.guess(
        Events,
        "without_label",
        "\"drop\"",
        "stays without a label are left out and counted; \"error\" stops at the first",
    );
    drop_empty_stays(draft);
}

fn drop_empty_stays(draft: &mut Draft) {
    draft.guess(
        crate::draft::Place::Events,
        "without_events",
        "\"drop\"",
        "stays without an event in the window are left out and counted; \"error\" stops at the first",
    );
}

/// Values outside of ±8 standard deviations are mostly typing errors.
fn clip(draft: &mut Draft) {
    draft.guess(
        crate::draft::Place::Events,
        "clip",
        "8.0",
        "z-scores beyond are typing errors more often than values; they are counted",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_two_forms_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let rows =
            "stay_id,charttime,item,value\n1,2150-01-31 08:00,HR,70\n1,31/01/2150 09:00,HR,71\n";
        std::fs::write(folder.path().join("a.csv"), rows).unwrap();
        let error = look(folder.path(), Looking::default()).unwrap_err();
        let forms = format!(
            "{}: `charttime` holds times of several forms, `2150-01-31 08:00` and `31/01/2150 09:00`",
            folder.path().join("a.csv").display()
        );
        assert!(error.to_string().contains(&forms), "{error}");
    }

    #[test]
    fn times_that_count_from_a_date_are_named_and_make_no_recipe() {
        let folder = tempfile::tempdir().unwrap();
        let rows = "stay_id,charttime,item,value\n1,5680284120,HR,70\n1,5680285120,HR,71\n";
        std::fs::write(folder.path().join("a.csv"), rows).unwrap();
        std::fs::write(folder.path().join("b.xlsx"), "PK").unwrap();
        let error = look(folder.path(), Looking::default()).unwrap_err();
        let error = error.to_string();
        let why = "`charttime` of a.csv is not read as time: it holds numbers from 5680284120 on: no hours or minutes";
        assert!(error.contains(why), "{error}");
        assert!(
            error.contains("; not looked at: ") && error.contains("b.xlsx"),
            "{error}"
        );
        let rows = "stay_id,hour,HR\n1,0,70\n1,1,71\n2,0,72\n";
        std::fs::write(folder.path().join("c.csv"), rows).unwrap();
        let draft = look(folder.path(), Looking::default()).unwrap();
        let notes = draft.notes.join("\n");
        assert!(draft.format == "wide" && notes.contains(why), "{notes}");
    }

    #[test]
    fn of_many_files_that_are_not_read_a_few_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        for at in 0..9 {
            write(&format!("{at}.xlsx"), "PK");
            let rows = format!("stay_id,charttime,x{at}\n1,5680284120,0.5\n1,5680285120,1.5\n");
            write(&format!("{at}.csv"), &rows);
        }
        let error = look(folder.path(), Looking::default()).unwrap_err();
        let error = error.to_string();
        for such in ["is not read as time", ".xlsx: "] {
            assert_eq!(error.matches(such).count(), NAMED, "{error}");
        }
        write("grid.csv", "stay_id,hour,HR\n1,0,70\n1,1,71\n2,0,72\n");
        let notes = look(folder.path(), Looking::default()).unwrap().notes;
        let named = ["is not read as time", "not looked at: "];
        let is_such = |note: &&String| named.iter().any(|such| note.contains(such));
        assert_eq!(notes.iter().filter(is_such).count(), 2, "{notes:?}");
    }
}
