//! Labels that rows carry.

use std::collections::BTreeMap;

use super::labels::class;
use super::rows::Rows;
use super::rules::ReadRules;
use super::stay_table::StayTable;
use crate::config::StayPolicy;
use crate::stay_id::StayId;
use pipeline_error::Error;

/// The stays whose rows carry labels: when the first positive row was, in microseconds.
#[derive(Default)]
pub(super) struct RowLabels {
    first_positive: BTreeMap<StayId, Option<i64>>,
}

impl RowLabels {
    /// Takes a row.
    pub(super) fn add(&mut self, id: &StayId, time: i64, positive: bool) {
        let found = positive.then_some(time);
        match self.first_positive.get_mut(id) {
            Some(first) => *first = earlier(*first, found),
            None => {
                self.first_positive.insert(id.clone(), found);
            }
        }
    }

    /// Takes those of other rows.
    pub(super) fn merge(&mut self, others: Self) {
        for (id, found) in others.first_positive {
            let first = self.first_positive.entry(id).or_default();
            *first = earlier(*first, found);
        }
    }

    /// Gives stays their labels, and ends those that become positive just before they do.
    pub(super) fn label(&self, stays: &mut StayTable) {
        for stay in &mut stays.rows {
            let Some(first) = self.first_positive.get(&stay.id) else {
                continue;
            };
            stay.label = Some(u32::from(first.is_some()));
            if let Some(first) = first {
                let before = first - 1;
                stay.prediction = Some(stay.prediction.map_or(before, |time| time.min(before)));
            }
        }
    }
}

fn earlier(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a.into_iter().chain(b).min()
}

/// Whether the row is positive; what is neither 0 nor 1 (or false and true) is an error. `None`
/// where it says nothing, and the recipe that stays without a label are left out.
pub(super) fn row_class(
    rows: &Rows,
    row: usize,
    column: usize,
    id: &StayId,
    rules: &ReadRules,
) -> Result<Option<bool>, Error> {
    let cells = &rows.columns[column];
    match cells.number(row) {
        Some(0.0) => Ok(Some(false)),
        Some(1.0) => Ok(Some(true)),
        number => {
            let text = cells.text(row).unwrap_or_default();
            if let Some(class @ (0 | 1)) = class(&text) {
                return Ok(Some(class == 1));
            }
            let says_none = number.is_none() || rules.lists(&text);
            if says_none && rules.without_label == StayPolicy::Drop {
                return Ok(None);
            }
            let what = format!(
                "{} `{text}` is neither 0 nor 1 (stay {id})",
                rows.names[column]
            );
            let error = rows.error(row, what);
            Err(match says_none {
                true => error.with_hint(
                    "without_label = \"drop\" passes over rows without a label, and leaves out stays without any",
                ),
                false => error,
            })
        }
    }
}
