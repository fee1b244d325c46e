use super::rows::{Clock, RowPlace, TimeCell, Told};
use super::rules::ReadRules;
use super::zones::{Seen, Sighting};
use crate::config::Ids;
use crate::dataset::Split;
use crate::missing::is_missing;
use crate::small_table::{SmallRow, SmallTable};
use crate::stay_id::StayId;
use pipeline_error::Error;

/// What the times of the table say beside themselves.
#[derive(Default)]
pub(super) struct StayTimes {
    /// The first times with and without a zone, of each column.
    pub(super) sightings: Vec<(Told, Sighting)>,
    /// Times that clocks showed twice.
    pub(super) folded: u64,
}

/// A row of the table of stays.
pub(super) struct StayPlace<'a> {
    table: &'a SmallTable,
    row: &'a SmallRow,
    pub(super) id: StayId,
    ids: Option<Ids>,
}

impl<'a> StayPlace<'a> {
    pub(super) fn of(
        table: &'a SmallTable,
        row: &'a SmallRow,
        id: usize,
        rules: &ReadRules,
    ) -> Result<Self, Error> {
        let ids = rules.ids;
        let id = table.id(row, id, ids)?;
        let id = id.ok_or_else(|| table.error(row.line, "the stay id is blank"))?;
        Ok(Self {
            table,
            row,
            id,
            ids,
        })
    }

    pub(super) fn bad(&self, column: usize, what: &str) -> Error {
        let (name, text) = (&self.table.header[column], &self.row.fields[column]);
        let what = format!("{name} `{text}` of stay {} {what}", self.id);
        self.table.error(self.row.line, what)
    }

    pub(super) fn subject(&self, column: usize) -> Result<StayId, Error> {
        let subject = self.table.id(self.row, column, self.ids)?;
        subject.ok_or_else(|| self.bad(column, "names no patient"))
    }

    pub(super) fn time(
        &self,
        column: usize,
        clock: &Clock,
        seen: &mut Seen,
        times: &mut StayTimes,
    ) -> Result<i64, Error> {
        let text = &self.row.fields[column];
        let typed = self.table.time(self.row, column);
        let typed = typed.and_then(|time| clock.of_typed(time));
        let (time, told) = match typed.unwrap_or_else(|| clock.of_text(text)) {
            TimeCell::At(time, told) => (time, told),
            TimeCell::Missing => {
                let unit = clock.unit.name();
                let what = format!("is no time as {unit}, which the events' times are");
                return Err(self.bad(column, &what));
            }
            unusable @ (TimeCell::Never | TimeCell::Unreadable) => {
                let mut told = clock.complaint(unusable, text);
                if told.is_of_source {
                    told.what += ", which the events' times are";
                }
                return Err(self.bad(column, &told.what).with_hint(told.hint));
            }
        };
        times.folded += u64::from(told == Told::Folded);
        if seen.is_new(told) {
            let sighting = Sighting {
                place: RowPlace::of_small(self.table, self.row),
                column: self.table.header[column].clone(),
                text: text.to_string(),
            };
            times.sightings.push((told, sighting));
        }
        Ok(time)
    }

    /// The complaint about a stay whose time of prediction comes before its begin, by their columns.
    pub(super) fn predicted_too_early(
        &self,
        prediction: Option<usize>,
        start: Option<usize>,
    ) -> Error {
        let shown = |column: Option<usize>| match column {
            Some(column) => format!(
                "{} `{}`",
                self.table.header[column], &self.row.fields[column]
            ),
            None => "time 0".to_string(),
        };
        let what = format!(
            "stay {} is predicted before it begins: {} is before {}",
            self.id,
            shown(prediction),
            shown(start)
        );
        let hint = "source.stays names the columns: is each of them the one that is meant?";
        self.table.error(self.row.line, what).with_hint(hint)
    }

    /// The split in a field; none where it is empty.
    pub(super) fn split(&self, column: usize) -> Result<Option<Split>, Error> {
        let name = &self.row.fields[column];
        if is_missing(name) {
            return Ok(None);
        }
        Split::from_name(name).map(Some).ok_or_else(|| {
            self.bad(column, "is no split")
                .with_hint("train, validation (or valid, val, tuning), test (or held_out)")
        })
    }
}
