//! The stays of a source whose events are rows of tables: who they are, when they begin, what is
//! known of them at once, and their labels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::labels::Labels;
use super::rows::Clock;
use super::rules::ReadRules;
use super::stay_place::{StayPlace, StayTimes};
use super::stay_table::{Start, StayTable};
use super::value_text::value_hint;
use super::zones::{Seen, Zones};
use crate::config::{Ids, LabelTable, SplitRule, StaysTable, TimeColumn, TimeUnit};
use crate::dataset::Split;
use crate::ingest::{Ingested, PartWriter, RawEvent, STATIC};
use crate::missing::is_missing;
use crate::small_table::{Layout, SmallRow, SmallTable};
use crate::spellings::{SPELLING_HINT, Spelled, plain_name, told_apart, twins};
use crate::stay_id::StayId;
use pipeline_error::{Code, Error};

/// The stays of a source.
pub(super) struct Cohort {
    rules: ReadRules,
    clock: Clock,
    /// The column of the label.
    label: Option<String>,
    labels: Option<Labels>,
    listed: Option<ListedStays>,
}

/// What a table says of stays.
struct ListedStays {
    table: SmallTable,
    has_starts: bool,
    /// Static variables: their columns.
    statics: Vec<usize>,
    stays: BTreeMap<StayId, ListedStay>,
    /// The ids among them that are not the plain spelling of the number they are, by that.
    oddly_spelled: BTreeMap<StayId, StayId>,
    times: StayTimes,
}

struct ListedStay {
    /// Index of its row.
    row: usize,
    subject: Option<StayId>,
    start: Option<i64>,
    prediction: Option<i64>,
    split: Option<Split>,
}

impl Cohort {
    /// Reads the tables.
    pub(super) fn open(
        stays: Option<&StaysTable>,
        labels: Option<&LabelTable>,
        time: &TimeColumn,
        split: &SplitRule,
        rules: ReadRules,
    ) -> Result<Self, Error> {
        let read_labels = |table: &LabelTable| {
            let mut labels = Labels::default();
            labels.read_table(table, &rules)?;
            Ok::<_, Error>(labels)
        };
        let split = match split {
            SplitRule::Column(column) => Some(column.as_str()),
            _ => None,
        };
        let clock = Clock::new(time)?;
        Ok(Self {
            label: labels.map(|table| table.column.clone()),
            labels: labels.map(read_labels).transpose()?,
            listed: stays
                .map(|table| ListedStays::read(table, &clock, split, &rules))
                .transpose()?,
            rules,
            clock,
        })
    }

    /// How cells are read.
    pub(super) fn rules(&self) -> &ReadRules {
        &self.rules
    }

    /// Fails if an id that is not among the stays is only another spelling of one that is.
    pub(super) fn check_spelling(&self, id: &StayId) -> Result<(), String> {
        if self.rules.ids == Some(Ids::Text) {
            return Ok(());
        }
        let twin = self.listed.as_ref().and_then(|listed| listed.twin(id));
        twin.map_or(Ok(()), |(twin, place)| {
            let [id, twin] = told_apart([&id.to_string(), &twin.to_string()]);
            Err(format!("stay id {id} is spelled {twin} at {place}"))
        })
    }

    /// Whether a stay belongs to it.
    pub(super) fn holds(&self, id: &StayId) -> bool {
        (self.listed.as_ref()).is_none_or(|listed| listed.stays.contains_key(id))
    }

    /// The table that lists its stays.
    pub(super) fn table(&self) -> Option<&SmallTable> {
        self.listed.as_ref().map(|listed| &listed.table)
    }

    /// The columns of the table of labels but for that of ids.
    pub(super) fn label_columns(&self) -> impl Iterator<Item = &String> {
        self.labels.iter().flat_map(Labels::columns)
    }

    /// How the times of the source are told.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Adds what its own times say of their zones.
    pub(super) fn add_zones(&self, zones: &mut Zones) {
        let sightings = self
            .listed
            .iter()
            .flat_map(|listed| &listed.times.sightings);
        sightings.for_each(|(told, sighting)| zones.add(*told, sighting.clone()));
    }

    /// Whether it says when stays begin.
    pub(super) fn has_starts(&self) -> bool {
        self.listed.as_ref().is_some_and(|listed| listed.has_starts)
    }

    /// Parts that its own table makes: one, if there is any.
    pub(super) fn parts(&self) -> usize {
        usize::from(self.listed.is_some())
    }

    /// Writes the static variables of all stays, which are then there also without any event.
    pub(super) fn write_statics(&self, out: &mut PartWriter) -> Result<(), Error> {
        let Some(listed) = &self.listed else {
            return Ok(());
        };
        out.file(listed.table.path());
        out.counts().folded += listed.times.folded;
        let variables: Vec<u32> = (listed.statics.iter())
            .map(|&column| out.variable(&listed.table.header[column]))
            .collect();
        for (id, stay) in &listed.stays {
            let series = out.series(id.clone());
            let row = &listed.table.rows[stay.row];
            for (&column, &variable) in listed.statics.iter().zip(&variables) {
                let found = listed.value(row, column, variable, &self.rules, out)?;
                if let Some((variable, value)) = found {
                    let event = RawEvent {
                        time: STATIC,
                        value,
                        variable,
                        set: 0,
                    };
                    out.push(series, event)?;
                }
            }
        }
        Ok(())
    }

    /// A stay for each series, with what is known of it.
    pub(super) fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        let mut stays = StayTable::one_for_each_series(ingested);
        // A file that is a stay of its own may be one of another cohort.
        stays.rows.retain(|stay| self.holds(&stay.id));
        stays.is_dated = self.clock.unit == TimeUnit::Timestamp;
        for stay in &mut stays.rows {
            let listed = self.listed.as_ref();
            let listed = listed.and_then(|listed| listed.stays.get(&stay.id));
            stay.start = match (listed.and_then(|listed| listed.start), self.clock.unit) {
                (Some(start), _) => Start::At(start),
                (None, TimeUnit::Timestamp) => Start::FirstEvent,
                (None, _) => Start::At(0),
            };
            if let Some(listed) = listed {
                stay.subject.clone_from(&listed.subject);
                stay.prediction = listed.prediction;
                stay.split = listed.split;
            }
        }
        if let Some(labels) = &self.labels {
            labels.label(&mut stays, ingested)?;
        }
        // What the recipe names as a static variable is meant to be one, if it is not the label.
        if let Some(listed) = &self.listed {
            for &column in &listed.statics {
                stays.outcomes.remove(&listed.table.header[column]);
            }
        }
        stays.outcomes.extend(self.label.clone());
        Ok(stays)
    }
}

impl ListedStays {
    fn read(
        config: &StaysTable,
        clock: &Clock,
        split: Option<&str>,
        rules: &ReadRules,
    ) -> Result<Self, Error> {
        let table = SmallTable::read_as(
            config.path.as_ref(),
            &Layout::separated_by(config.delimiter),
        )?;
        let id = table.column(&config.id)?;
        let column = |name: &Option<String>| name.as_ref().map(|name| table.column(name));
        let subject = column(&config.subject).transpose()?;
        let start = column(&config.start).transpose()?;
        let prediction = column(&config.prediction).transpose()?;
        let split = split.map(|name| table.column(name)).transpose()?;
        let statics = config.variables.iter().map(|name| table.column(name));
        let statics = statics.collect::<Result<Vec<usize>, Error>>()?;
        refuse_a_column_twice(config, table.path())?;
        let mut stays: BTreeMap<StayId, ListedStay> = BTreeMap::new();
        let mut times = StayTimes::default();
        let mut seen = [Seen::default(), Seen::default()];
        for (index, row) in table.rows.iter().enumerate() {
            let place = StayPlace::of(&table, row, id, rules)?;
            let mut time = |column: Option<usize>, seen: &mut Seen| {
                let time = column.map(|column| place.time(column, clock, seen, &mut times));
                time.transpose()
            };
            let [of_start, of_prediction] = &mut seen;
            let stay = ListedStay {
                row: index,
                start: time(start, of_start)?,
                prediction: time(prediction, of_prediction)?,
                subject: subject.map(|column| place.subject(column)).transpose()?,
                split: split
                    .map(|column| place.split(column))
                    .transpose()?
                    .flatten(),
            };
            let from_zero = (clock.unit != TimeUnit::Timestamp).then_some(0);
            if let (Some(begin), Some(end)) = (stay.start.or(from_zero), stay.prediction)
                && end < begin
            {
                return Err(place.predicted_too_early(prediction, start));
            }
            if let Some(other) = stays.insert(place.id.clone(), stay) {
                let other = table.place(table.rows[other.row].line);
                let what = format!("stay {} is at {other} already", place.id);
                return Err(table.error(row.line, what));
            }
        }
        let stay_ids = stays.iter().map(|(id, stay)| (id.into(), stay.row));
        refuse_twins(&table, &config.id, rules.ids, stay_ids)?;
        if let Some(name) = &config.subject {
            let subjects = stays.values().filter_map(|stay| {
                let subject = stay.subject.as_ref()?;
                Some((subject.into(), stay.row))
            });
            refuse_twins(&table, name, rules.ids, subjects)?;
        }
        let is_odd = |id: &&StayId| plain_form(id).is_some_and(|plain| plain != **id);
        let odd = stays.keys().filter(is_odd);
        Ok(Self {
            has_starts: start.is_some(),
            statics,
            oddly_spelled: odd
                .filter_map(|id| Some((plain_form(id)?, id.clone())))
                .collect(),
            stays,
            times,
            table,
        })
    }

    /// The stay whose id is another spelling of `id`, and where it is.
    fn twin(&self, id: &StayId) -> Option<(&StayId, String)> {
        let twin = match id {
            StayId::Number(_) if self.oddly_spelled.is_empty() => return None,
            StayId::Number(_) => self.oddly_spelled.get(id)?,
            StayId::Name(_) => {
                let plain = plain_form(id)?;
                let odd = self.oddly_spelled.get(&plain);
                odd.or_else(|| self.stays.get_key_value(&plain).map(|(id, _)| id))?
            }
        };
        let row = self.stays.get(twin)?.row;
        Some((twin, self.table.place(self.table.rows[row].line)))
    }

    /// The static variable in a field, and its value.
    fn value(
        &self,
        row: &SmallRow,
        column: usize,
        variable: u32,
        rules: &ReadRules,
        out: &mut PartWriter,
    ) -> Result<Option<(u32, f64)>, Error> {
        let text = self.table.category(row, column);
        let text = match out.is_categorical(variable) {
            true => text?,
            false => &row.fields[column],
        };
        let may_be_called_so = out.is_categorical(variable) && !text.is_empty();
        let is_listed = match out.is_categorical(variable) {
            true => rules.lists(text),
            false => rules.lists_value(text),
        };
        if is_listed || (is_missing(text) && !may_be_called_so) {
            out.counts().missing += 1;
            return Ok(None);
        }
        if let Some(category) = out.category(variable, text) {
            return Ok(Some((category, f64::NAN)));
        }
        if let Some(value) = self.table.number_if_any(row, column) {
            return Ok(Some((variable, value)));
        }
        if rules.leave_out(out.name_of(variable)) {
            return Ok(Some((variable, f64::NAN)));
        }
        let name = &self.table.header[column];
        let what = format!("{name} `{text}` is not a finite number");
        let hint = value_hint(name, text, rules.settings);
        Err(self
            .table
            .error(row.line, what)
            .with_hint(hint)
            .coded(Code::InvalidNumber))
    }
}

/// The id that another spelling of an id would be: of the number that it spells, in composed letters.
fn plain_form(id: &StayId) -> Option<StayId> {
    match id {
        StayId::Number(_) => Some(id.clone()),
        StayId::Name(name) => StayId::read(&plain_name(name), None).ok()?,
    }
}

/// Fails if two ids of the column `name` spell one number; with each comes the index of its row.
fn refuse_twins<'a>(
    table: &SmallTable,
    name: &str,
    ids: Option<Ids>,
    found: impl Iterator<Item = (Spelled<'a>, usize)> + Clone,
) -> Result<(), Error> {
    let Some(found) = twins(ids, found) else {
        return Ok(());
    };
    let [first, second] = found.shown();
    let line = |row: usize| table.rows[row].line;
    let what = format!(
        "{name} {second} is spelled {first} at {}",
        table.place(line(found.first.1))
    );
    Err(table
        .error(line(found.second.1), what)
        .with_hint(SPELLING_HINT))
}

fn refuse_a_column_twice(config: &StaysTable, path: &Path) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    match config.variables.iter().find(|name| !seen.insert(*name)) {
        Some(name) => Err(Error::file(
            path,
            format!("`{name}` is among source.stays.variables twice"),
        )),
        None => Ok(()),
    }
}
