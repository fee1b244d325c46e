//! Values that every row of a stay repeats.

use std::collections::BTreeMap;

use crate::ingest::{PartWriter, RawEvent, STATIC};
use crate::stay_id::StayId;
use pipeline_error::Error;

/// Of one part: a value for each series and column.
#[derive(Default)]
pub(super) struct PartStatics {
    /// By the numbers of both, so that a row that repeats its stay's value costs a look-up.
    values: BTreeMap<(u32, usize), Static>,
}

/// The first value of a stay in a part.
struct Static {
    id: StayId,
    column: String,
    variable: u32,
    value: f64,
}

impl PartStatics {
    /// Takes the value of a row; the complaint if the stay had another.
    pub(super) fn add(
        &mut self,
        (id, series): (&StayId, u32),
        (column, name): (usize, &str),
        (variable, value): (u32, f64),
    ) -> Result<(), String> {
        let first = self
            .values
            .entry((series, column))
            .or_insert_with(|| Static {
                id: id.clone(),
                column: name.to_string(),
                variable,
                value,
            });
        let same = first.variable == variable && first.value.to_bits() == value.to_bits();
        match same {
            true => Ok(()),
            false => Err(two_values(id, name)),
        }
    }
}

/// Of all parts: the variable (of a category, it is part of the value) and the value's bits, by
/// stay and column.
#[derive(Default)]
pub(super) struct RowStatics {
    values: BTreeMap<(StayId, String), (String, u64)>,
}

impl RowStatics {
    /// Takes those of a part, and writes the events of those that are new. A stay whose rows lie
    /// in several parts has one value all the same.
    pub(super) fn write_new(
        &mut self,
        part: PartStatics,
        out: &mut PartWriter,
    ) -> Result<(), Error> {
        for ((series, _), found) in part.values {
            let value = (
                out.name_of(found.variable).to_string(),
                found.value.to_bits(),
            );
            let key = (found.id, found.column);
            match self.values.get(&key) {
                Some(first) if *first == value => {}
                Some(_) => return Err(Error::stage(two_values(&key.0, &key.1))),
                None => {
                    let event = RawEvent {
                        time: STATIC,
                        value: found.value,
                        variable: found.variable,
                        set: 0,
                    };
                    out.push(series, event)?;
                    self.values.insert(key, value);
                }
            }
        }
        Ok(())
    }
}

fn two_values(id: &StayId, column: &str) -> String {
    format!(
        "`{column}` of stay {id} has several values, and source.statics says that its rows repeat one"
    )
}
