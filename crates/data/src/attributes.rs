//! What stays are, by the columns of a table of its own: sex, age group, ward.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, StringArray};

use super::config::{AttributeTable, Source};
use super::missing::is_missing;
use super::small_table::{Layout, SmallTable};
use super::source::StayRow;
use super::stay_id::StayId;
use pipeline_error::Error;

/// The columns, by stay.
#[derive(Default)]
pub(super) struct Attributes {
    /// By column: its name, and what it says of every stay.
    columns: Vec<(String, Vec<Option<String>>)>,
    /// Stays that the table does not hold.
    pub(super) without: u64,
}

impl Attributes {
    /// Reads the table and joins it with `stays`; a landmark has what the stay is that it is cut from.
    pub(super) fn read(
        table: &AttributeTable,
        source: &Source,
        stays: &[StayRow],
    ) -> Result<Self, Error> {
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
        let found = |stay: &StayRow| {
            let id = match table.subject {
                Some(_) => stay.subject.as_ref()?,
                None => stay.landmark_of.as_ref().unwrap_or(&stay.id),
            };
            row_of.get(id).copied()
        };
        let found: Vec<Option<usize>> = stays.iter().map(found).collect();
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
                let says_nothing = text.is_empty() || source.missing().iter().any(|it| it == text);
                (!says_nothing).then(|| text.to_string())
            };
            found.iter().map(|row| row.and_then(cell)).collect()
        };
        let names = table.columns.iter().cloned();
        Ok(Self {
            columns: names.zip(columns.into_iter().map(says)).collect(),
            without: found.iter().filter(|row| row.is_none()).count() as u64,
        })
    }

    /// The columns of the stays at these positions.
    pub(super) fn columns(&self, kept: &[usize]) -> Vec<(String, ArrayRef)> {
        let column = |(name, texts): &(String, Vec<Option<String>>)| {
            let number = |text: &String| text.parse::<f64>().ok().filter(|n| n.is_finite());
            let fits = |text: &String| {
                is_missing(text) || (number(text).is_some() && !begins_with_zeros(text))
            };
            let is_number = texts.iter().flatten().all(fits);
            let kept = kept.iter().map(|stay| texts[*stay].as_ref());
            let column: ArrayRef = match is_number {
                true => Arc::new(Float64Array::from_iter(
                    kept.map(|text| text.and_then(number)),
                )),
                false => Arc::new(StringArray::from_iter(kept)),
            };
            (name.clone(), column)
        };
        self.columns.iter().map(column).collect()
    }
}

/// Whether it is a code like `0117`: as a number it would be `117`, which may be another.
fn begins_with_zeros(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']).as_bytes();
    matches!(digits, [b'0', next, ..] if next.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use arrow::array::Array;
    use arrow::datatypes::DataType;

    use super::*;

    #[test]
    fn codes_are_text_and_numbers_may_be_missing() {
        let of = |texts: &[&str]| {
            let texts = texts.iter().map(|text| Some(text.to_string()));
            let attributes = Attributes {
                columns: vec![("code".into(), texts.collect())],
                without: 0,
            };
            attributes.columns(&[0, 1]).remove(0).1
        };
        assert_eq!(of(&["0117", "117"]).data_type(), &DataType::Utf8);
        assert_eq!(of(&["None", "daily"]).null_count(), 0);
        let numbers = of(&["1.5", "NA"]);
        assert_eq!(numbers.data_type(), &DataType::Float64);
        assert_eq!(numbers.null_count(), 1);
        assert_eq!(of(&["0", "0.5"]).data_type(), &DataType::Float64);
    }
}
