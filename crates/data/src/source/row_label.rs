//! Labels that rows carry.

use std::collections::BTreeMap;

use super::labels::class;
use super::landmarks;
use super::row_span::RowSpan;
use super::rows::Rows;
use super::rules::ReadRules;
use super::stay_table::{Start, StayTable};
use crate::config::{Negatives, StayPolicy, WideSource};
use crate::stay_id::StayId;
use pipeline_error::Error;

/// The spans of stays whose rows may carry labels.
#[derive(Default)]
pub(super) struct RowLabels {
    spans: BTreeMap<StayId, RowSpan>,
}

impl RowLabels {
    /// Takes a row.
    pub(super) fn add(&mut self, id: &StayId, found: RowSpan) {
        match self.spans.get_mut(id) {
            Some(span) => span.widen(found),
            None => {
                self.spans.insert(id.clone(), found);
            }
        }
    }

    /// Takes those of other rows.
    pub(super) fn merge(&mut self, others: Self) {
        for (id, found) in others.spans {
            self.spans
                .entry(id)
                .and_modify(|span| span.widen(found))
                .or_insert(found);
        }
    }

    /// Gives stays their labels, and ends those that become positive just before they do.
    pub(super) fn label(&self, config: &WideSource, stays: &mut StayTable) -> Result<(), Error> {
        if let Some(landmarks) = &config.landmarks {
            return landmarks::expand(landmarks, |id| self.spans.get(id), stays);
        }
        for stay in &mut stays.rows {
            let labelled = |span: &&RowSpan| span.last.is_some();
            let Some(span) = self.spans.get(&stay.id).filter(labelled) else {
                continue;
            };
            stay.label = Some(u32::from(span.first_positive.is_some()));
            if let Some(first) = span.first_positive {
                let before = first - 1;
                stay.prediction = Some(stay.prediction.map_or(before, |time| time.min(before)));
            }
            // Lengths of stays are compared, so each must have a begin.
            if config.negatives == Negatives::Matched && stay.start == Start::FirstEvent {
                stay.start = Start::At(span.begin());
            }
        }
        Ok(())
    }
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
            let says_none = number.is_none() || rules.lists_value(&text);
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
