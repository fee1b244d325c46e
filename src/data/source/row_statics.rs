//! Values that every row of a stay repeats.

use std::collections::BTreeMap;

use crate::data::ingest::{PartWriter, RawEvent, STATIC};
use crate::data::stay_id::StayId;
use crate::error::Error;

/// One value for each stay and column.
#[derive(Default)]
pub(super) struct RowStatics {
    values: BTreeMap<(StayId, String), Static>,
}

struct Static {
    /// Numbers of one part's series and variables.
    series: u32,
    variable: u32,
    /// The variable: of a category, it is part of the value.
    name: String,
    value: f64,
}

impl Static {
    fn is(&self, other: &Self) -> bool {
        self.name == other.name && self.value.to_bits() == other.value.to_bits()
    }
}

impl RowStatics {
    /// Takes the value of a row; the complaint if the stay had another.
    pub(super) fn add(
        &mut self,
        id: &StayId,
        series: u32,
        column: &str,
        (variable, value): (u32, f64),
        out: &PartWriter,
    ) -> Result<(), String> {
        let new = Static {
            series,
            variable,
            name: out.name_of(variable).to_string(),
            value,
        };
        let key = (id.clone(), column.to_string());
        match self.values.get(&key) {
            Some(first) if first.is(&new) => Ok(()),
            Some(_) => Err(two_values(id, column)),
            None => {
                self.values.insert(key, new);
                Ok(())
            }
        }
    }

    /// Takes those of a part, and writes the events of those that are new. A stay whose rows lie
    /// in several parts has one value all the same.
    pub(super) fn write_new(&mut self, part: Self, out: &mut PartWriter) -> Result<(), Error> {
        for (key, found) in part.values {
            match self.values.get(&key) {
                Some(first) if first.is(&found) => {}
                Some(_) => return Err(Error::stage(two_values(&key.0, &key.1))),
                None => {
                    let event = RawEvent {
                        time: STATIC,
                        value: found.value,
                        variable: found.variable,
                        set: 0,
                    };
                    out.push(found.series, event)?;
                    self.values.insert(key, found);
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
