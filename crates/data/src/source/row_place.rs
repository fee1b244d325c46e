//! Whose a row is, and when it was.

use std::sync::Mutex;

use super::cohort::Cohort;
use super::other_stays::OtherStays;
use super::rows::{Cells, Clock, Rows, TimeCell, Told};
use super::rules::ReadRules;
use super::value_text::value_hint;
use super::zones::{Seen, Sighting, Zones};
use crate::config::{StayPolicy, TimeColumn, TimeUnit};
use crate::ingest::PartWriter;
use crate::spellings::SPELLING_HINT;
use crate::stay_id::StayId;
use pipeline_error::{Code, Error};

/// Finds the stays and times of rows, whose first column is the time, and whose second is the
/// stay's id unless a file is a stay.
pub(super) struct RowPlaces<'a> {
    cohort: &'a Cohort,
    time: &'a TimeColumn,
    clock: &'a Clock,
    /// What times of all parts say of their zones, and what those of this one have said.
    zones: &'a Mutex<Zones>,
    seen: Seen,
    /// The first rows of stays that are not of the cohort, and whether this file has had one.
    others: &'a OtherStays,
    has_other: bool,
    /// The stay of the row before.
    last: LastId,
    id: StayId,
    /// Its series; `None` if it is not of the cohort.
    series: Option<u32>,
    /// Whether a file is a stay.
    by_file: bool,
}

#[derive(PartialEq)]
enum LastId {
    None,
    Number(i64),
    Text(String),
}

impl<'a> RowPlaces<'a> {
    pub(super) fn new(
        cohort: &'a Cohort,
        time: &'a TimeColumn,
        (zones, others): (&'a Mutex<Zones>, &'a OtherStays),
        by_file: bool,
    ) -> Self {
        Self {
            clock: cohort.clock(),
            cohort,
            time,
            zones,
            seen: Seen::default(),
            others,
            has_other: false,
            last: LastId::None,
            id: StayId::Number(0),
            series: None,
            by_file,
        }
    }

    /// The rows that follow are those of another file.
    pub(super) fn begin(
        &mut self,
        file: &std::path::Path,
        out: &mut PartWriter,
    ) -> Result<(), Error> {
        self.has_other = false;
        if !self.by_file {
            out.file(file);
            return Ok(());
        }
        let (series, id) = out.stay_of_file(file, self.cohort.rules().ids)?;
        if !self.cohort.holds(&id) {
            let spelled = self.cohort.check_spelling(&id);
            spelled.map_err(|what| Error::file(file, what).with_hint(SPELLING_HINT))?;
        }
        self.series = self.cohort.holds(&id).then_some(series);
        self.id = id;
        Ok(())
    }

    /// Whether a recipe says how times are told.
    fn states_times(&self) -> bool {
        self.cohort.rules().settings.of_tables
    }

    /// The stay of the row placed last.
    pub(super) fn id(&self) -> &StayId {
        &self.id
    }

    /// The columns that the stay is in: 1 or 2.
    pub(super) fn columns(&self) -> usize {
        2 - usize::from(self.by_file)
    }

    /// The series of a row and its time in microseconds; `None` if its stay is not of the cohort.
    pub(super) fn place(
        &mut self,
        rows: &Rows,
        row: usize,
        out: &mut PartWriter,
    ) -> Result<Option<(u32, i64)>, Error> {
        if !self.by_file {
            self.find(rows, row, out)?;
        }
        let Some(series) = self.series else {
            out.counts().of_others += 1;
            if !self.has_other {
                self.has_other = true;
                self.others.add(rows.place(row), &self.id);
            }
            return Ok(None);
        };
        let time = self.time_of(rows, row, out)?;
        Ok(Some((series, time)))
    }

    /// Sets the stay to that of a row; rows of one stay often follow each other.
    fn find(&mut self, rows: &Rows, row: usize, out: &mut PartWriter) -> Result<(), Error> {
        let cells = &rows.columns[1];
        let named = |what: String| rows.error(row, format!("{} {what}", rows.names[1]));
        let (last, id) = match cells.integer(row).map_err(named)? {
            Some(number) => {
                if self.last == LastId::Number(number) {
                    return Ok(());
                }
                (LastId::Number(number), StayId::of_number(number))
            }
            None => {
                let text = cells.text(row);
                let text = text.ok_or_else(|| rows.error(row, "the stay id is blank"))?;
                if matches!(&self.last, LastId::Text(last) if *last == text) {
                    return Ok(());
                }
                let id = StayId::read(&text, self.cohort.rules().ids).map_err(named)?;
                let id = id.ok_or_else(|| rows.error(row, "the stay id is blank"))?;
                (LastId::Text(text.into_owned()), id)
            }
        };
        let is_of_cohort = self.cohort.holds(&id);
        if !is_of_cohort {
            let spelled = self.cohort.check_spelling(&id);
            spelled.map_err(|what| rows.error(row, what).with_hint(SPELLING_HINT))?;
        }
        self.series = is_of_cohort.then(|| out.series(id.clone()));
        (self.last, self.id) = (last, id);
        Ok(())
    }

    fn time_of(&mut self, rows: &Rows, row: usize, out: &mut PartWriter) -> Result<i64, Error> {
        let cells = &rows.columns[0];
        let name = &self.time.column;
        let of = || format!("(stay {})", self.id);
        let (time, told) = match cells.time(row, self.clock) {
            TimeCell::At(time, told) => (time, told),
            TimeCell::Missing => {
                let what = match cells.text(row) {
                    Some(text) => format!("no {name}: `{text}` says that there is none {}", of()),
                    None => format!("no {name} {}", of()),
                };
                return Err(rows.error(row, what));
            }
            unusable @ (TimeCell::Never | TimeCell::Unreadable) => {
                let text = cells.shown(row);
                let told = self.clock.complaint(unusable, &text);
                let what = format!("{name} `{text}` {} {}", told.what, of());
                let hint = match self.states_times() {
                    true => told.hint,
                    false => format!("write a number of {}: 1, 2, …", self.time.unit.name()),
                };
                return Err(rows.error(row, what).with_hint(hint));
            }
        };
        out.counts().folded += u64::from(told == Told::Folded);
        if self.seen.is_new(told) {
            let sighting = Sighting {
                place: rows.place(row),
                column: name.clone(),
                text: cells.shown(row),
            };
            Zones::add_to(self.zones, told, sighting);
        }
        let refused = self.time.negative == StayPolicy::Error && !self.cohort.has_starts();
        if time < 0 && self.time.unit != TimeUnit::Timestamp && refused {
            let what = format!("{name} `{}` is before 0 {}", cells.shown(row), of());
            let hint = match self.states_times() {
                true => "time = { …, negative = \"drop\" } leaves such events out and counts them",
                false => "the format counts from the begin of the stay: take such rows out",
            };
            return Err(rows.error(row, what).with_hint(hint));
        }
        Ok(time)
    }
}

/// The variable and value of an event: NaN is presence, `None` nothing. Categories are texts as
/// they are written, but for those that say nothing. Infinite numbers, and texts of variables
/// that are not categorical, are errors that name the row; of variables that a model does not
/// have they are presence, which is left out and counted later.
pub(super) fn event_of(
    rows: &Rows,
    row: usize,
    cells: &Cells,
    (variable, name): (u32, &str),
    (id, rules): (&StayId, &ReadRules),
    out: &mut PartWriter,
) -> Result<Option<(u32, f64)>, Error> {
    if out.is_categorical(variable) {
        let named =
            |what: String| rows.error(row, format!("value of `{name}` (stay {id}): {what}"));
        let text = cells.category(row).map_err(named)?;
        let text = text.filter(|text| !rules.lists(text));
        let category = text.and_then(|text| out.category(variable, &text));
        return Ok(category.map(|category| (category, f64::NAN)));
    }
    let number = cells.number(row);
    let is_listed = match number {
        _ if rules.missing.is_empty() => false,
        // Numbers are compared as such: writing each out would take longer than reading it.
        Some(number) if number.is_finite() => rules.lists_number(number),
        _ => cells.text(row).is_some_and(|text| rules.lists(&text)),
    };
    let Some(number) = number.filter(|_| !is_listed) else {
        return Ok(None);
    };
    if number.is_finite() {
        return Ok(Some((variable, number)));
    }
    if rules.leave_out(out.name_of(variable)) {
        return Ok(Some((variable, f64::NAN)));
    }
    let text = cells.text(row).unwrap_or_default();
    let what = format!("value `{text}` of `{name}` is not a finite number (stay {id})");
    Err(rows
        .error(row, what)
        .with_hint(value_hint(name, &text, rules.settings))
        .coded(Code::InvalidNumber))
}
