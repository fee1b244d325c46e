//! The tables of a data stage, some stays at a time: no more of them is in memory.

use std::ops::Range;
use std::path::{Path, PathBuf};

use arrow::array::{Float32Array, Float64Array, UInt32Array};

use super::dataset::Dataset;
use super::load::{Grouping, Sizes, read_stays, read_variables};
use super::parquet_file::{StreamedRows, column};
use pipeline_error::Error;

/// Reads a data stage's artifacts in runs of stays, in the order of the table of stays.
pub struct StayChunks {
    path: PathBuf,
    rows: StreamedRows,
    /// Variables, without their embeddings, and every stay, without its sets.
    whole: Dataset,
    sizes: Vec<Sizes>,
    /// The stay that the next chunk begins with.
    next: usize,
    /// Events that have been read and not yet given.
    ahead: Events,
    most_events: u64,
}

/// Events, in columns.
#[derive(Default)]
struct Events {
    sets: Vec<u32>,
    minutes: Vec<f64>,
    variables: Vec<u32>,
    values: Vec<f32>,
}

impl StayChunks {
    /// Opens the artifacts; a chunk has no more events than `most_events`, unless it is one stay.
    pub fn open(
        events: &Path,
        stays: &Path,
        variables: &Path,
        most_events: u64,
    ) -> Result<Self, Error> {
        let mut whole = Dataset::default();
        read_variables(variables, &mut whole)?;
        whole.embeddings = Vec::new();
        let sizes = read_stays(stays, &mut whole)?;
        Ok(Self {
            path: events.to_path_buf(),
            rows: StreamedRows::open(events, &["set", "minute", "variable", "value"])?,
            whole,
            sizes,
            next: 0,
            ahead: Events::default(),
            most_events,
        })
    }

    /// All stays.
    pub fn stays(&self) -> usize {
        self.sizes.len()
    }

    /// The rows of the stays that follow, and those stays; none after the last.
    pub fn next_chunk(&mut self) -> Result<Option<(Range<usize>, Dataset)>, Error> {
        let range = self.range();
        if range.is_empty() {
            return match self.read_batch()? || !self.ahead.sets.is_empty() {
                true => Err(self.refused("events of no stay".into())),
                false => Ok(None),
            };
        }
        let sizes = &self.sizes[range.clone()];
        let wanted: usize = sizes.iter().map(|sizes| sizes.events as usize).sum();
        while self.ahead.sets.len() < wanted && self.read_batch()? {}
        let held = wanted.min(self.ahead.sets.len());
        let mut dataset = self.empty(&range);
        let events = self.ahead.split_off_first(held);
        let mut grouping = Grouping::new(&self.sizes[range.clone()], &mut dataset);
        let grouped = grouping
            .add(&events.sets, &events.minutes, &events.variables)
            .and_then(|()| grouping.finish());
        grouped.map_err(|what| self.refused(what))?;
        dataset.event_value = events.values;
        self.next = range.end;
        Ok(Some((range, dataset)))
    }

    fn range(&self) -> Range<usize> {
        let mut events = 0;
        let fits = |sizes: &&Sizes| {
            events += u64::from(sizes.events);
            events <= self.most_events
        };
        let count = self.sizes[self.next..].iter().take_while(fits).count();
        let left = self.sizes.len() - self.next;
        self.next..self.next + count.max(1).min(left)
    }

    /// The stays of a range, whose sets are counted from its first.
    fn empty(&self, range: &Range<usize>) -> Dataset {
        let stays = &self.whole.stays[range.clone()];
        let before = stays.first().map_or(0, |stay| stay.sets.start);
        let mut stays = stays.to_vec();
        for stay in &mut stays {
            stay.sets = stay.sets.start - before..stay.sets.end - before;
        }
        Dataset {
            variables: self.whole.variables.clone(),
            embedding_dim: self.whole.embedding_dim,
            stays,
            ..Dataset::default()
        }
    }

    /// Reads on; `false`: there is no more.
    fn read_batch(&mut self) -> Result<bool, Error> {
        let Some(batch) = self.rows.next() else {
            return Ok(false);
        };
        let (batch, path) = (batch?, &self.path);
        let sets: &UInt32Array = column(path, &batch, "set")?;
        let minutes: &Float64Array = column(path, &batch, "minute")?;
        let variables: &UInt32Array = column(path, &batch, "variable")?;
        let values: &Float32Array = column(path, &batch, "value")?;
        self.ahead.sets.extend_from_slice(sets.values());
        self.ahead.minutes.extend_from_slice(minutes.values());
        self.ahead.variables.extend_from_slice(variables.values());
        self.ahead.values.extend_from_slice(values.values());
        Ok(true)
    }

    fn refused(&self, what: String) -> Error {
        Error::file(&self.path, what)
    }
}

impl Events {
    fn split_off_first(&mut self, count: usize) -> Self {
        Self {
            sets: self.sets.drain(..count).collect(),
            minutes: self.minutes.drain(..count).collect(),
            variables: self.variables.drain(..count).collect(),
            values: self.values.drain(..count).collect(),
        }
    }
}
