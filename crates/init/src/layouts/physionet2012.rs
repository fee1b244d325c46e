//! The text files of the PhysioNet/CinC Challenge 2012.

use super::{Looking, clip, cohort, drop_incomplete_stays, no_label};
use crate::draft::{Draft, Place};
use crate::folder::Folder;
use crate::table::Table;
use crate::text::below_root;
use pipeline_error::Error;
use pipeline_error::listed::first_of;
use pipeline_error::pasted::toml_string;

const HEADER: [&str; 3] = ["Time", "Parameter", "Value"];
const ID: &str = "RecordID";

/// The challenge's parameters, those of the admission included.
const PARAMETERS: usize = 42;

/// The outcome of the challenge.
const LABEL: &str = "In-hospital_death";

pub fn recognise(folder: &Folder, looking: Looking) -> Result<Option<Draft>, Error> {
    let is_record = |table: &&Table| table.ending == "txt" && table.columns == HEADER;
    let records: Vec<&Table> = folder.tables.iter().filter(is_record).collect();
    if records.is_empty() {
        return Ok(None);
    }
    let mut draft = Draft::new("physionet-2012");
    let outcomes: Vec<&Table> = (folder.tables.iter())
        .filter(|table| table.position(ID) == Some(0) && table.columns.len() > 2)
        .collect();
    let classes = classes(&outcomes);
    let label = match looking.label {
        Some(label) if !classes.iter().any(|class| class == label) => {
            return Err(no_label(label, &classes));
        }
        Some(label) => Some(label.to_string()),
        None if classes.iter().any(|class| class == LABEL) => Some(LABEL.into()),
        None => classes.first().cloned(),
    };
    // Sets whose records have no outcome file would all be without a label.
    let labelled = |record: &&&Table| outcomes.iter().any(|outcome| holds(outcome, record));
    let labelled: Vec<&Table> = records.iter().filter(labelled).copied().collect();
    let read = match (&label, labelled.is_empty()) {
        (Some(_), false) => labelled,
        _ => records.clone(),
    };
    let places = read.iter().map(|record| below_root(&record.folder));
    draft.state(Place::Source, "records", array(places));
    let left: Vec<String> = (records.iter())
        .filter(|record| !read.iter().any(|one| one.folder == record.folder))
        .map(|record| record.folder.clone())
        .collect();
    if !left.is_empty() {
        draft.note(format!(
            "without outcomes, and not read: {}",
            first_of(&left, 6)
        ));
    }
    if let Some(label) = label {
        draft.is_labelled = true;
        let files = outcomes.iter().flat_map(|table| &table.files);
        draft.state(
            Place::Source,
            "outcomes",
            array(files.map(|file| below_root(file))),
        );
        if label != LABEL {
            draft.state(Place::Source, "label", toml_string(&label));
        }
        drop_incomplete_stays(&mut draft);
    } else {
        super::drop_empty_stays(&mut draft);
    }
    cohort::split_file_or_draw(folder, Some(ID), &mut draft);
    draft.guess(
        Place::Events,
        "hours",
        "48",
        "the challenge's window; later events are left out and counted",
    );
    clip(&mut draft);
    draft.saw_variables(PARAMETERS);
    draft.add_table(cleaning());
    Ok(Some(draft))
}

/// Outcomes of 0 and 1 that all files have.
fn classes(outcomes: &[&Table]) -> Vec<String> {
    let Some(first) = outcomes.first() else {
        return Vec::new();
    };
    let is_class = |name: &&String| {
        outcomes
            .iter()
            .all(|table| table.position(name).is_some_and(|at| table.is_binary(at)))
    };
    first.columns[1..]
        .iter()
        .filter(is_class)
        .cloned()
        .collect()
}

/// Whether a record that was looked at is in the table of outcomes, which was read whole.
fn holds(outcome: &Table, record: &Table) -> bool {
    let Some(file) = record.files.first() else {
        return false;
    };
    let name = file.rsplit('/').next().unwrap_or(file);
    let id = name.split('.').next().unwrap_or(name);
    outcome.cells(0).any(|cell| cell == id)
}

fn array(values: impl Iterator<Item = String>) -> String {
    let values: Vec<String> = values.collect();
    format!("[{}]", values.join(", "))
}

/// The table of valid ranges of the shipped recipe, with the comment that says where they are from.
fn cleaning() -> &'static str {
    let text = pipeline_shipped::recipe("physionet2012").map_or("", |recipe| recipe.text);
    let begin = text
        .find("# What adults in intensive care")
        .unwrap_or_default();
    let rest = &text[begin..];
    let end = rest.find("\n[stages.pretrain]").unwrap_or(rest.len());
    rest[..end].trim_end_matches('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_ranges_are_found() {
        let cleaning = cleaning();
        assert!(
            cleaning.starts_with("# What adults") && cleaning.contains("[stages.events.cleaning]")
        );
        assert!(cleaning.contains("\nWBC = {") && !cleaning.contains("[stages.pretrain]"));
    }
}
