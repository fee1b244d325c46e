//! Which stay a row of a table is of, by its id or by its patient and time.

use std::collections::HashMap;

use super::config::{Ids, PredictionKey};
use super::small_table::{SmallRow, SmallTable};
use super::source::JoinClock;
use super::stay_columns::StayNames;
use super::stay_id::StayId;
use pipeline_error::Error;

/// What helps where patients and times do not tell stays apart.
const BY_STAY: &str = "join by the stay's id: `id` names its column";

/// A stay that rows are joined with.
pub(super) struct JoinedStay {
    pub(super) id: StayId,
    pub(super) subject: StayId,
    /// When it is predicted, in microseconds on the source's clock.
    pub(super) time: Option<i64>,
}

/// Which row is of which stay.
pub(super) struct StayJoin {
    by: By,
    /// How ids are compared.
    ids: Option<Ids>,
    clock: JoinClock,
}

/// The columns that tell, and the number of the stay by what they hold.
enum By {
    Stay(usize, HashMap<StayId, usize>),
    SubjectAndTime(usize, usize, HashMap<(StayId, i64), usize>),
}

impl StayNames {
    /// What rows are joined with.
    pub(super) fn joined(&self) -> Vec<JoinedStay> {
        let id = |text: &String| {
            let read = StayId::read(text, None).ok().flatten();
            read.unwrap_or(StayId::Name(text.clone()))
        };
        let stays = self.ids.iter().zip(&self.subjects).enumerate();
        let joined = stays.map(|(row, (stay, subject))| JoinedStay {
            id: id(stay),
            subject: id(subject),
            time: self.times.as_ref().and_then(|times| times[row]),
        });
        joined.collect()
    }
}

impl StayJoin {
    pub(super) fn new(
        table: &SmallTable,
        key: PredictionKey,
        (ids, clock): (Option<Ids>, JoinClock),
        stays: &[JoinedStay],
    ) -> Result<Self, Error> {
        let by = match key {
            PredictionKey::Stay(column) => {
                let rows = stays.iter().enumerate();
                let rows = rows.map(|(row, stay)| (stay.id.clone(), row));
                By::Stay(table.column(column)?, rows.collect())
            }
            PredictionKey::SubjectAndTime(subject, time) => {
                if stays.iter().all(|stay| stay.time.is_none()) {
                    return Err(
                        Error::stage("the stays of these data have no time of prediction")
                            .with_hint(BY_STAY),
                    );
                }
                let (subject, time) = (table.column(subject)?, table.column(time)?);
                let mut rows = HashMap::new();
                for (row, stay) in stays.iter().enumerate() {
                    let Some(at) = stay.time else { continue };
                    if let Some(first) = rows.insert((stay.subject.clone(), at), row) {
                        let (first, second) = (&stays[first].id, &stay.id);
                        return Err(Error::stage(format!(
                            "the stays {first} and {second} are of one patient at one time"
                        ))
                        .with_hint(BY_STAY));
                    }
                }
                By::SubjectAndTime(subject, time, rows)
            }
        };
        Ok(Self { by, ids, clock })
    }

    /// The id that a row is joined by; none where a patient and a time tell.
    pub(super) fn id_of(&self, table: &SmallTable, row: &SmallRow) -> Option<StayId> {
        match &self.by {
            By::Stay(column, _) => table.id(row, *column, self.ids).ok().flatten(),
            By::SubjectAndTime(..) => None,
        }
    }

    /// What the row's stay is called in messages, and its number; none where it is none of them.
    pub(super) fn stay_of(
        &mut self,
        table: &SmallTable,
        row: &SmallRow,
    ) -> Result<(String, Option<usize>), Error> {
        let ids = self.ids;
        let id = |column: usize| {
            let id = table.id(row, column, ids)?;
            id.ok_or_else(|| table.error(row.line, format!("{} is empty", table.header[column])))
        };
        Ok(match &self.by {
            By::Stay(column, stays) => {
                let id = id(*column)?;
                (format!("stay {id}"), stays.get(&id).copied())
            }
            By::SubjectAndTime(subject, time, stays) => {
                let micros = self.clock.read(table, row, *time)?;
                let subject = id(*subject)?;
                let title = format!("patient {subject} at {}", &row.fields[*time]);
                (title, stays.get(&(subject, micros)).copied())
            }
        })
    }

    /// Fails if times of the rows have a zone and those of the stays none, or the other way round.
    pub(super) fn check_zones(&self) -> Result<(), Error> {
        self.clock.check()
    }
}
