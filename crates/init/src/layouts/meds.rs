//! The Medical Event Data Standard: `data`, `metadata`, and a task's labels.

use std::collections::{BTreeMap, BTreeSet};

use super::{Looking, clip, drop_empty_stays, no_label};
use crate::draft::{Draft, Place};
use crate::folder::Folder;
use crate::table::Table;
use crate::text::below_root;
use pipeline_data::dataset::Split;
use pipeline_data::shard_names::beside_shard;
use pipeline_error::Error;
use pipeline_error::listed::first_of;
use pipeline_error::pasted::toml_string;

/// From so many patients on, rare codes are left out.
const MANY_PATIENTS: usize = 1000;

/// Labels of one task.
struct Task {
    /// The file, or the folder of its files.
    path: String,
    /// The column of the label.
    column: String,
    classes: Option<usize>,
}

pub fn recognise(folder: &Folder, looking: Looking) -> Result<Option<Draft>, Error> {
    let Some(place) = folder.tables.iter().find_map(dataset_of) else {
        return Ok(None);
    };
    let mut draft = Draft::new("meds");
    draft.state(Place::Source, "path", below_root(&place));
    note_mixed(folder, &mut draft);
    let tasks = tasks(folder);
    let names: Vec<String> = tasks.keys().cloned().collect();
    let chosen = match looking.label {
        Some(label) => Some(tasks.get(label).ok_or_else(|| no_label(label, &names))?),
        None => tasks.values().next(),
    };
    if let Some(task) = chosen {
        draft.is_labelled = true;
        match (&names[..], looking.label) {
            ([_], _) | (_, Some(_)) => draft.state(Place::Source, "labels", below_root(&task.path)),
            _ => {
                let why = format!("the first of the tasks {}", first_of(&names, 12));
                draft.guess(Place::Source, "labels", below_root(&task.path), why);
            }
        }
        draft.has_classes(task.classes);
        if task.column != "boolean_value" {
            draft.state(Place::Source, "label", toml_string(&task.column));
        }
        draft.guess(
            Place::Events,
            "without_label",
            "\"drop\"",
            "patients without a label of this task are left out and counted; \"error\" stops at the first",
        );
    }
    split(folder, &place, &mut draft);
    if draft.is_labelled {
        draft.guess(
            Place::Events,
            "last_hours",
            "48",
            "the window before the prediction; a patient's record begins long before the stay, with birth",
        );
    }
    drop_empty_stays(&mut draft);
    clip(&mut draft);
    draft.saw_variables(codes(folder));
    Ok(Some(draft))
}

/// The folder that holds `data`, of a shard below it.
fn dataset_of(table: &Table) -> Option<String> {
    let is_shard = table.ending == "parquet" && table.has(&["subject_id", "time", "code"]);
    let parts: Vec<&str> = table.folder.split('/').collect();
    let at = parts.iter().position(|part| *part == "data")?;
    is_shard.then(|| parts[..at].join("/"))
}

/// How many codes there are: those in the shards that were looked at, or in the table of codes.
fn codes(folder: &Folder) -> usize {
    let shards = folder
        .tables
        .iter()
        .filter(|table| dataset_of(table).is_some());
    let in_shards = shards.flat_map(|table| table.position("code").map(|at| table.cells(at)));
    let in_shards = in_shards.flatten().collect::<BTreeSet<_>>().len();
    let is_list = |table: &&Table| table.place().ends_with("metadata/codes.parquet");
    let listed = folder
        .tables
        .iter()
        .filter(is_list)
        .map(|table| table.rows.len());
    listed.max().unwrap_or_default().max(in_shards)
}

/// Folders that hold tasks, by name.
const OF_TASKS: [&str; 3] = ["", "labels", "task_labels"];

/// Tasks by name: that of the file where many lie in one folder of labels, else that of the folder. Shards, and folders of
/// splits, are parts of one task.
fn tasks(folder: &Folder) -> BTreeMap<String, Task> {
    let mut tasks: BTreeMap<String, Task> = BTreeMap::new();
    for table in &folder.tables {
        let Some((column, classes)) = label_of(table) else {
            continue;
        };
        for (name, path) in places(table) {
            let other_part = tasks.remove(name).filter(|task| task.path == path);
            let task = Task {
                path: path.into(),
                column: column.into(),
                classes: Some(classes).max(other_part.and_then(|part| part.classes)),
            };
            tasks.insert(name.into(), task);
        }
    }
    tasks
}

/// The column of the label of a task, and its classes.
fn label_of(table: &Table) -> Option<(&'static str, usize)> {
    let mut columns = ["boolean_value", "integer_value"].into_iter();
    let column = columns.find_map(|name| Some((name, table.classes(table.position(name)?)?)));
    column.filter(|_| table.has(&["subject_id", "prediction_time"]))
}

/// Says that the parts of several tasks lie in one folder, of which a recipe can name no task.
fn note_mixed(folder: &Folder, draft: &mut Draft) {
    let labels = folder.tables.iter();
    let labels = labels.filter(|table| label_of(table).is_some() && places(table).is_empty());
    let files: Vec<&String> = labels.flat_map(|table| &table.files).collect();
    if !files.is_empty() {
        draft.note(format!(
            "the labels of {} are not read: a task in several files needs a folder of its own",
            first_of(files, 8)
        ));
    }
}

/// The tasks whose labels a table holds: their names, and their files or folders. Files whose names differ only by shard
/// or split are one; none is told where such lie beside those of other tasks.
fn places(table: &Table) -> Vec<(&str, &str)> {
    let whole = whole_of_shards(&table.folder);
    let name = last(whole);
    let said: BTreeSet<String> = table.stems().map(beside_shard).collect();
    let is_one = said.len() == 1 && (table.files.len() > 1 || said.contains(""));
    let are_shards = table.is_all_of_folder && is_one;
    let are_parts = whole != table.folder || are_shards;
    if !OF_TASKS.contains(&name) || are_parts && !name.is_empty() {
        return vec![(name, whole)];
    }
    if said.len() < table.files.len() && has_parts(table) {
        return Vec::new();
    }
    let files = table.stems().zip(&table.files);
    files.map(|(stem, file)| (stem, file.as_str())).collect()
}

/// Whether some of many files are parts of one task, by splits or numbers from 0 or 1. `readmission_30` and
/// `readmission_90` are tasks.
fn has_parts(table: &Table) -> bool {
    let is_of_part = |word: &str| {
        Split::from_name(word).is_some() || word.parse::<u64>().is_ok_and(|number| number < 2)
    };
    let mut seen: BTreeMap<String, (usize, bool)> = BTreeMap::new();
    for stem in table.stems() {
        let (files, are_parts) = seen.entry(beside_shard(stem)).or_default();
        *files += 1;
        *are_parts |= stem
            .split(|letter: char| !letter.is_alphanumeric())
            .any(is_of_part);
    }
    let mut seen = seen.into_iter();
    seen.any(|(said, (files, are_parts))| files > 1 && (are_parts || said.is_empty()))
}

/// The folder without the folders of shards and splits at its end, unless nothing else would be left.
fn whole_of_shards(folder: &str) -> &str {
    let mut whole = folder;
    let is_number = |name: &str| name.bytes().all(|letter| letter.is_ascii_digit());
    while !last(whole).is_empty()
        && (Split::from_name(last(whole)).is_some() || is_number(last(whole)))
    {
        match whole.rsplit_once('/') {
            Some((above, _)) => whole = above,
            None => return folder,
        }
    }
    whole
}

fn last(folder: &str) -> &str {
    folder.rsplit('/').next().unwrap_or_default()
}

fn split(folder: &Folder, place: &str, draft: &mut Draft) {
    let of_metadata = match place {
        "" => "metadata/subject_splits.parquet".into(),
        place => format!("{place}/metadata/subject_splits.parquet"),
    };
    let splits = folder
        .tables
        .iter()
        .find(|table| table.files.contains(&of_metadata));
    match splits {
        Some(splits) => {
            draft.state(Place::Events, "split", "{ column = \"split\" }");
            if splits.rows.len() >= MANY_PATIENTS {
                let why = "codes of fewer stays of the training split are left out and counted";
                draft.guess(Place::Events, "variables", "{ min_stays = 20 }", why);
            }
        }
        None => super::cohort::draw_splits(draft),
    }
}
