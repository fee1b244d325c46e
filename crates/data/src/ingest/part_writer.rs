//! Writes the rows of one part of a source into the log.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::SourceCounts;
use super::event::RawEvent;
use super::event_log::EventLog;
use super::part::{Block, Part, ScatteredBlock};
use super::scattered::{BUCKETS, OwnedEvent, are_scattered};
use super::series_table::{FilePlace, SeriesFacts, SeriesTable, bucket_of};
use crate::config::Ids;
use crate::stay_id::StayId;
use crate::text_file;
use pipeline_error::Error;

/// Takes the rows of one part: in any order, though one by series needs the least work.
pub(crate) struct PartWriter<'a> {
    log: &'a EventLog,
    /// Of all parts.
    table: &'a SeriesTable,
    /// Which part it is.
    number: u32,
    /// Events held back before they are written.
    room: usize,
    /// Variables whose values are categories.
    categorical: &'a BTreeSet<String>,
    part: Part,
    numbers: HashMap<String, u32>,
    /// By variable: whether its values are categories.
    is_categorical: Vec<bool>,
    /// The numbers of the series that this part has.
    series: HashMap<StayId, u32>,
    /// Writes so far.
    flushes: u32,
    events: Vec<RawEvent>,
    /// The series of each run of `events`, and where the run begins.
    runs: Vec<(u32, usize)>,
}

impl<'a> PartWriter<'a> {
    pub(super) fn new(
        log: &'a EventLog,
        table: &'a SeriesTable,
        number: u32,
        room: usize,
        categorical: &'a BTreeSet<String>,
    ) -> Self {
        Self {
            log,
            table,
            number,
            room,
            categorical,
            part: Part::default(),
            numbers: HashMap::new(),
            is_categorical: Vec::new(),
            series: HashMap::new(),
            flushes: 0,
            events: Vec::new(),
            runs: Vec::new(),
        }
    }

    /// Says which file the series that follow are read from.
    pub(crate) fn file(&mut self, path: &Path) {
        self.part.files.push(path.to_path_buf());
    }

    /// The stay whose file this is: its name's stem is the stay's id. A second file of it is an error
    /// once all parts are read.
    pub(crate) fn stay_of_file(
        &mut self,
        path: &Path,
        ids: Option<Ids>,
    ) -> Result<(u32, StayId), Error> {
        let id = StayId::read(text_file::stem(path).to_str().unwrap_or_default(), ids);
        let id = id
            .map_err(|what| Error::file(path, format!("the file's name as a stay id: {what}")))?
            .ok_or_else(|| Error::file(path, "the file's name holds no stay id"))?;
        self.file(path);
        let place = self.place();
        let facts = SeriesFacts {
            own_files: [Some(place), None],
            ..SeriesFacts::of(place)
        };
        let series = self.table.note(&id, &facts);
        self.series.insert(id.clone(), series);
        Ok((series, id))
    }

    /// The number of a variable; a heap string is made only for a name not seen before.
    pub(crate) fn variable(&mut self, name: &str) -> u32 {
        self.variable_from(name, None)
    }

    /// The same of a category of a variable, or of what the source names itself.
    fn variable_from(&mut self, name: &str, whose: Option<u32>) -> u32 {
        let name = name.trim();
        if let Some(&number) = self.numbers.get(name) {
            let origin = whose.unwrap_or(number);
            if self.part.origins[number as usize] != origin {
                self.part.second_origins.insert((number, origin));
            }
            return number;
        }
        let number = self.part.variables.len() as u32;
        self.part.variables.push(name.to_string());
        self.part.origins.push(whose.unwrap_or(number));
        self.numbers.insert(name.to_string(), number);
        (self.is_categorical).push(self.categorical.contains(name));
        number
    }

    /// What a variable is called.
    pub(crate) fn name_of(&self, variable: u32) -> &str {
        &self.part.variables[variable as usize]
    }

    /// Whether the values of a variable are categories.
    pub(crate) fn is_categorical(&self, variable: u32) -> bool {
        self.is_categorical[variable as usize]
    }

    /// The variable that says that `variable` has the category `text`; `None` if its values are amounts.
    pub(crate) fn category(&mut self, variable: u32, text: &str) -> Option<u32> {
        if !self.is_categorical[variable as usize] {
            return None;
        }
        let name = category_name(self.name_of(variable), text);
        Some(self.variable_from(&name, Some(variable)))
    }

    /// The number of a series, which exists from now on even if no event follows.
    pub(crate) fn series(&mut self, id: StayId) -> u32 {
        if let Some(&number) = self.series.get(&id) {
            return number;
        }
        let number = self.table.note(&id, &SeriesFacts::of(self.place()));
        self.series.insert(id, number);
        number
    }

    /// Says that the source tells which events of this series form a set.
    pub(crate) fn has_set_index(&mut self, id: &StayId) {
        let facts = SeriesFacts {
            has_set_index: true,
            ..SeriesFacts::of(self.place())
        };
        self.table.note(id, &facts);
    }

    /// This part, and its file at hand.
    fn place(&self) -> FilePlace {
        let file = self.part.files.len().saturating_sub(1);
        (self.number, file as u32)
    }

    /// Takes an event of a series.
    pub(crate) fn push(&mut self, series: u32, mut event: RawEvent) -> Result<(), Error> {
        if self.is_categorical[event.variable as usize]
            && !event.value.is_nan()
            && let Some(category) = self.category(event.variable, &event.value.to_string())
        {
            (event.variable, event.value) = (category, f64::NAN);
        }
        if self.runs.last().is_none_or(|run| run.0 != series) {
            self.runs.push((series, self.events.len()));
        }
        self.events.push(event);
        if self.events.len() >= self.room {
            self.flush()?;
        }
        Ok(())
    }

    /// The counts of this part.
    pub(crate) fn counts(&mut self) -> &mut SourceCounts {
        &mut self.part.counts
    }

    pub(super) fn finish(mut self) -> Result<Part, Error> {
        self.flush()?;
        Ok(self.part)
    }

    /// Writes the events at hand, those of a series together, or those of a bucket of series.
    fn flush(&mut self) -> Result<(), Error> {
        let ends = (self.runs.iter().skip(1).map(|run| run.1)).chain([self.events.len()]);
        let mut runs: Vec<(u32, std::ops::Range<usize>)> = (self.runs.iter().zip(ends))
            .map(|(&(series, start), end)| (series, start..end))
            .collect();
        // Stable: the events of a series keep the order of their rows.
        runs.sort_by_key(|run| run.0);
        let blocks = runs.chunk_by(|a, b| a.0 == b.0).count();
        match are_scattered(self.events.len(), blocks) && blocks > BUCKETS as usize {
            true => self.write_scattered()?,
            false => self.write_grouped(&runs)?,
        }
        self.flushes += 1;
        self.events.clear();
        self.runs.clear();
        Ok(())
    }

    fn write_grouped(&mut self, runs: &[(u32, std::ops::Range<usize>)]) -> Result<(), Error> {
        let mut gathered = Vec::new();
        for same in runs.chunk_by(|a, b| a.0 == b.0) {
            let events = match same {
                [(_, range)] => &self.events[range.clone()],
                _ => {
                    gathered.clear();
                    for (_, range) in same {
                        gathered.extend_from_slice(&self.events[range.clone()]);
                    }
                    &gathered[..]
                }
            };
            self.part.blocks.push(Block {
                series: same[0].0,
                flush: self.flushes,
                start: self.log.append(events)?,
                events: events.len() as u32,
            });
        }
        Ok(())
    }

    fn write_scattered(&mut self) -> Result<(), Error> {
        let buckets: HashMap<u32, u32> = (self.series.iter())
            .map(|(id, &number)| (number, bucket_of(id, BUCKETS)))
            .collect();
        let mut dealt: Vec<Vec<OwnedEvent>> = vec![Vec::new(); BUCKETS as usize];
        let ends = (self.runs.iter().skip(1).map(|run| run.1)).chain([self.events.len()]);
        for (&(series, start), end) in self.runs.iter().zip(ends) {
            let bucket = &mut dealt[buckets[&series] as usize];
            let events = self.events[start..end].iter();
            bucket.extend(events.map(|&event| OwnedEvent { series, event }));
        }
        for (bucket, events) in (0..).zip(&dealt).filter(|(_, events)| !events.is_empty()) {
            self.part.scattered.push(ScatteredBlock {
                bucket,
                flush: self.flushes,
                start: self.log.append(events)?,
                events: events.len() as u32,
            });
        }
        Ok(())
    }
}

/// What the variable is called that says that `variable` has a category.
fn category_name(variable: &str, category: &str) -> String {
    format!("{variable}={category}")
}

/// The variable of whose categories `name` is one.
pub(crate) fn variable_of_category<'a>(name: &'a str, categorical: &[String]) -> Option<&'a str> {
    let places = name.match_indices('=').map(|(at, _)| &name[..at]);
    let mut bases = places.filter(|base| categorical.iter().any(|name| name == base));
    bases.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_a_categorical_variable_is_the_presence_of_its_category() {
        let folder = tempfile::tempdir().unwrap();
        let log = EventLog::create(folder.path()).unwrap();
        let categorical = BTreeSet::from(["unit".to_string()]);
        let table = SeriesTable::new();
        let mut writer = PartWriter::new(&log, &table, 0, 4, &categorical);
        let stay = writer.series(StayId::Number(1));
        let [unit, rate] = ["unit", "HR"].map(|name| writer.variable(name));
        for (variable, value) in [(unit, 2.0), (rate, 2.0), (unit, 2.5), (unit, f64::NAN)] {
            let event = RawEvent {
                time: 0,
                value,
                variable,
                set: 0,
            };
            writer.push(stay, event).unwrap();
        }
        assert_eq!(writer.category(rate, "high"), None);
        assert_eq!(writer.category(unit, "2"), Some(2));
        let part = writer.finish().unwrap();
        assert_eq!(part.variables, ["unit", "HR", "unit=2", "unit=2.5"]);
        let mut events: Vec<RawEvent> = Vec::new();
        log.read(0, 4, &mut Vec::new(), &mut events).unwrap();
        let variables: Vec<u32> = events.iter().map(|event| event.variable).collect();
        assert_eq!(variables, [2, 1, 3, 0]);
        assert!(events[0].value.is_nan() && events[1].value == 2.0);
        let names = ["unit".to_string()];
        assert_eq!(variable_of_category("unit=2=x", &names), Some("unit"));
        assert_eq!(variable_of_category("HR=2", &names), None);
    }

    #[test]
    fn interleaved_series_are_written_apart_each_in_the_order_of_its_rows() {
        let folder = tempfile::tempdir().unwrap();
        let log = EventLog::create(folder.path()).unwrap();
        let categorical = BTreeSet::new();
        let table = SeriesTable::new();
        let mut writer = PartWriter::new(&log, &table, 0, 4, &categorical);
        let [a, b] = [1, 2].map(|id| writer.series(StayId::Number(id)));
        let variable = writer.variable("HR");
        for (value, series) in [(1, a), (2, b), (3, a), (4, a), (5, b), (6, a)] {
            let event = RawEvent {
                time: 0,
                value: f64::from(value),
                variable,
                set: 0,
            };
            writer.push(series, event).unwrap();
        }
        let part = writer.finish().unwrap();
        let mut bytes = Vec::new();
        let blocks: Vec<(u32, Vec<f64>)> = (part.blocks.iter())
            .map(|block| {
                let mut events: Vec<RawEvent> = Vec::new();
                let count = block.events as usize;
                log.read(block.start, count, &mut bytes, &mut events)
                    .unwrap();
                (block.series, events.iter().map(|e| e.value).collect())
            })
            .collect();
        let expected: [(u32, Vec<f64>); 4] = [
            (a, vec![1.0, 3.0, 4.0]),
            (b, vec![2.0]),
            (a, vec![6.0]),
            (b, vec![5.0]),
        ];
        assert_eq!(blocks, expected);
    }
}
