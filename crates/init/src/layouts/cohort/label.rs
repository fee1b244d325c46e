//! The label of stays, in a table beside the events.

use super::event_stays::EventStays;
use super::join::Join;
use super::{constant, delimiter, outcomes};
use crate::draft::{Draft, Place};
use crate::layouts::{Looking, no_label};
use crate::names::{KNOWN_AT_ADMISSION, rank};
use crate::table::Table;
use crate::text::below_root;
use pipeline_error::Error;
use pipeline_error::listed::first_of;
use pipeline_error::pasted::toml_string;

/// The label of stays in a table.
pub struct Label<'a> {
    found: Found<'a>,
    /// Other columns of the tables that could be it.
    others: Vec<String>,
    /// Files that have a label of the same name, of stays that this one does not know.
    left_out: Vec<String>,
    is_asked: bool,
    /// Two spellings of one id in the events and here.
    spellings: Option<(String, String)>,
}

/// A column that could be the label.
#[derive(Clone)]
struct Found<'a> {
    table: &'a Table,
    id: usize,
    column: usize,
    /// Why the rows are joined by `id`, if that was guessed.
    why_id: Option<String>,
}

impl Found<'_> {
    fn name(&self) -> &str {
        &self.table.columns[self.column]
    }
}

/// The label that was asked for, or the likeliest.
pub fn label<'a>(
    tables: &[&'a Table],
    stays: &EventStays,
    looking: Looking,
) -> Result<Option<Label<'a>>, Error> {
    let mut found: Vec<Found> = Vec::new();
    for table in tables.iter().filter(|table| table.files.len() == 1) {
        found.extend(candidates(table, stays, looking));
    }
    found.sort_by_key(|one| {
        let rows = std::cmp::Reverse(one.table.rows.len());
        (outcomes::place(one.name()), rows)
    });
    let names: Vec<String> = found.iter().map(|one| one.name().to_string()).collect();
    let chosen = match looking.label {
        Some(label) => match names.iter().position(|name| name == label) {
            Some(at) => at,
            None => {
                let rejected = outcomes::complaint(label, stays);
                return Err(rejected.unwrap_or_else(|| no_label(label, &names)));
            }
        },
        None if found.is_empty() => return Ok(None),
        None => 0,
    };
    let chosen = found.remove(chosen);
    let is_alike = |other: &Table| {
        other.columns == chosen.table.columns && other.place() != chosen.table.place()
    };
    let others = found.iter().filter(|other| !is_alike(other.table));
    let left_out = tables.iter().filter(|other| is_alike(other));
    Ok(Some(Label {
        others: others.map(|other| other.name().to_string()).collect(),
        left_out: left_out.flat_map(|other| other.files.clone()).collect(),
        is_asked: looking.label.is_some(),
        spellings: stays.spelled_twice(chosen.table, chosen.id),
        found: chosen,
    }))
}

fn candidates<'a>(table: &'a Table, stays: &EventStays, looking: Looking) -> Vec<Found<'a>> {
    let Join::On { column: id, why } = Join::of(table, stays) else {
        return Vec::new();
    };
    let is_candidate = |column: &usize| {
        let name = &table.columns[*column];
        let is_asked =
            looking.label.is_some_and(|label| label == name) && table.classes(*column).is_some();
        let is_known = rank(name, &KNOWN_AT_ADMISSION).is_some() || table.is_row_number(*column);
        let is_label = table.is_binary(*column) && constant(table, *column).is_none();
        *column != id && (is_asked || is_label && !is_known)
    };
    let columns = (0..table.columns.len()).filter(is_candidate);
    let found = |column| Found {
        table,
        id,
        column,
        why_id: why.clone(),
    };
    columns.map(found).collect()
}

impl<'a> Label<'a> {
    /// The table that it is in.
    pub fn table(&self) -> &'a Table {
        self.found.table
    }

    pub fn write(&self, draft: &mut Draft) {
        let (table, names) = (self.found.table, &self.found.table.columns);
        let value = format!(
            "{{ path = {},{} id = {}, column = {} }}",
            below_root(table.place()),
            delimiter(table),
            toml_string(&names[self.found.id]),
            toml_string(self.found.name())
        );
        draft.has_classes(table.classes(self.found.column));
        if let Some((one, other)) = &self.spellings {
            draft.compare_ids_as_numbers(one, other);
        }
        let mut why: Vec<String> = self.found.why_id.iter().cloned().collect();
        if let Some(why_id) = &self.found.why_id {
            draft.note(format!("the labels: {why_id}"));
        }
        why.extend(self.why());
        match why.is_empty() {
            true => draft.state(Place::Source, "labels", value),
            false => draft.guess(Place::Source, "labels", value, why.join("; ")),
        }
    }

    /// Why it is this column of this file, if it was guessed.
    fn why(&self) -> Option<String> {
        if !self.left_out.is_empty() {
            return Some(format!(
                "`labels` reads one file: {} has this column too and is left out with its stays, until all are in one file",
                first_of(&self.left_out, 8)
            ));
        }
        (!self.is_asked).then(|| match &self.others[..] {
            [] => format!("`{}` is the only column of 0 and 1", self.found.name()),
            others => format!("the label could also be {}", first_of(others, 8)),
        })
    }
}
