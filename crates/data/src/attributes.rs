//! What stays are, by the columns of a table of its own: sex, age group, ward.

use std::collections::HashMap;
use std::path::Path;

use arrow::array::ArrayRef;

use super::attribute_column::AttributeColumn;
use super::config::{AttributeTable, Ids, Source};
use super::missing::{MissingText, lists};
use super::small_table::{Layout, SmallTable};
use super::source::{StayRow, StayTable};
use super::spellings::{plain_name, spelling_hint, told_apart};
use super::stay_id::StayId;
use pipeline_error::Error;

/// The columns, by stay.
#[derive(Default)]
pub(super) struct Attributes {
    columns: Vec<AttributeColumn>,
    /// Texts that say nothing.
    missing: Vec<MissingText>,
    /// Stays that the table does not hold.
    pub(super) without: u64,
}

impl Attributes {
    /// Reads the table and joins it with `stays`; a landmark has what the stay is that it is cut from.
    pub(super) fn read<'s>(
        table: &AttributeTable,
        source: &Source,
        stays: &'s StayTable,
    ) -> Result<Self, Error> {
        let (stays, missing) = (&stays.rows, &stays.missing);
        let path: &Path = table.path.as_ref();
        let rows = SmallTable::read_as(path, &Layout::separated_by(table.delimiter))?;
        let key = table.subject.as_deref().or(table.id.as_deref());
        let key = rows.column(key.unwrap_or("stay_id"))?;
        let columns: Vec<usize> = (table.columns.iter())
            .map(|column| rows.column(column))
            .collect::<Result<_, _>>()?;
        let mut row_of: HashMap<StayId, usize> = HashMap::new();
        for (at, row) in rows.rows.iter().enumerate() {
            let id = rows.id(row, key, source.ids())?;
            let id =
                id.ok_or_else(|| rows.error(row.line, format!("{} is empty", rows.header[key])))?;
            if let Some(first) = row_of.insert(id.clone(), at) {
                let place = rows.place(rows.rows[first].line);
                return Err(rows
                    .error(row.line, format!("{id} again, as on {place}"))
                    .with_hint("one row a stay, or a patient, is expected"));
            }
        }
        let key_of = |stay: &'s StayRow| match table.subject {
            Some(_) => stay.subject.as_ref(),
            None => Some(stay.landmark_of.as_ref().unwrap_or(&stay.id)),
        };
        let found = |stay: &'s StayRow| row_of.get(key_of(stay)?).copied();
        let found: Vec<Option<usize>> = stays.iter().map(found).collect();
        if source.ids() != Some(Ids::Text) {
            let without = stays.iter().zip(&found).filter(|(_, row)| row.is_none());
            let without = without.filter_map(|(stay, _)| key_of(stay));
            refuse_second_spellings(&rows, key, &row_of, without)
                .map_err(|error| error.with_hint(spelling_hint(source)))?;
        }
        if !stays.is_empty() && found.iter().all(Option::is_none) {
            let what = format!(
                "`{}` names none of the {} stays",
                rows.header[key],
                stays.len()
            );
            return Err(Error::file(path, what)
                .with_hint("`id` is the column of stay ids, `subject` that of patients"));
        }
        let says = |column: usize| {
            let cell = |row: usize| {
                let text = &rows.rows[row].fields[column];
                let says_nothing = text.is_empty() || lists(missing, text);
                (!says_nothing).then(|| text.to_string())
            };
            found.iter().map(|row| row.and_then(cell)).collect()
        };
        let columns = table.columns.iter().zip(columns);
        let columns = columns.map(|(name, column)| AttributeColumn {
            name: name.clone(),
            texts: says(column),
            is_float: rows.is_float(column),
        });
        Ok(Self {
            columns: columns.collect(),
            without: found.iter().filter(|row| row.is_none()).count() as u64,
            missing: missing.clone(),
        })
    }

    /// The columns of the stays at these positions.
    pub(super) fn columns(&self, kept: &[usize]) -> Vec<(String, ArrayRef)> {
        let columns = self.columns.iter();
        let columns =
            columns.map(|column| (column.name.clone(), column.array(kept, &self.missing)));
        columns.collect()
    }
}

/// Fails if the id of a row is only another spelling of that of a stay, or patient, without a row.
fn refuse_second_spellings<'a>(
    rows: &SmallTable,
    key: usize,
    row_of: &HashMap<StayId, usize>,
    without: impl Iterator<Item = &'a StayId>,
) -> Result<(), Error> {
    let without: HashMap<String, &StayId> = without
        .map(|id| (plain_name(&id.to_string()), id))
        .collect();
    if without.is_empty() {
        return Ok(());
    }
    let twin = |id: &StayId| without.get(&plain_name(&id.to_string()));
    let twins = row_of
        .iter()
        .filter_map(|(id, row)| Some((*row, id, *twin(id)?)));
    match twins.min() {
        None => Ok(()),
        Some((row, id, other)) => {
            let [id, other] = told_apart([&id.to_string(), &other.to_string()]);
            let what = format!("{} {id} is spelled {other} in the source", rows.header[key]);
            Err(rows.error(rows.rows[row].line, what))
        }
    }
}
