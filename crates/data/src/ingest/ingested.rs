//! Every series of a source, and where its events are.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::SourceCounts;
use super::event::{ENCODED, RawEvent};
use super::event_log::EventLog;
use super::origins::refuse_two_origins;
use super::part::{Block, Part};
use super::part_writer::PartWriter;
use super::scattered::{BUCKETS, GatheredBlock, gather};
use super::series_table::{FilePlace, MetSeries, SeriesTable, bucket_of};
use crate::go_on;
use crate::source::EventSource;
use crate::stay_id::StayId;
use pipeline_error::Error;

/// Bytes that an event held back by a [`PartWriter`] takes: once as it came, once gathered by series.
const HELD: usize = 2 * ENCODED;
/// Fewest events that are worth a write of their own.
const LEAST_ROOM: usize = 1 << 12;
/// More events than these at a time make nothing faster.
const MOST_ROOM: usize = 1 << 20;

/// The events of one stay, or of one patient of whom several stays are made.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) id: StayId,
    /// Whether the source says which events form a set.
    pub(crate) has_set_index: bool,
    part: u32,
    file: u32,
    blocks: Range<usize>,
}

/// Events of one series that lie together in the log.
#[derive(Clone, Copy)]
struct SeriesBlock {
    /// Whose numbers the variables have; [`GATHERED`]: the cohort's.
    part: u32,
    start: u64,
    events: u32,
}

/// No part: events of many, sorted.
const GATHERED: u32 = u32::MAX;

/// A source that has been read.
pub(crate) struct Ingested {
    log: EventLog,
    /// Names of the variables, sorted.
    pub(crate) variables: Vec<String>,
    /// By id.
    pub(crate) series: Vec<Series>,
    pub(crate) counts: SourceCounts,
    blocks: Vec<SeriesBlock>,
    /// Of each part: its files, and the numbers of its variables among all.
    files: Vec<Vec<PathBuf>>,
    numbers: Vec<Vec<u32>>,
}

impl Ingested {
    /// Reads every part of `source` in the current pool, with at most about `memory` bytes of
    /// events at a time; what does not fit waits on the disk of `folder`. Of several bad parts,
    /// the first is the one complained about.
    pub(crate) fn read(
        source: &dyn EventSource,
        folder: &Path,
        memory: u64,
        categorical: &BTreeSet<String>,
        interrupted: &AtomicBool,
    ) -> Result<Self, Error> {
        let log = EventLog::create(folder)?;
        let table = SeriesTable::new();
        let threads = rayon::current_num_threads() as u64;
        let room = (memory / threads) as usize / HELD;
        let room = room.clamp(LEAST_ROOM, MOST_ROOM);
        let parts: Vec<Result<Part, Error>> = (0..source.parts())
            .into_par_iter()
            .map(|part| {
                go_on(interrupted)?;
                let mut writer = PartWriter::new(&log, &table, part as u32, room, categorical);
                source.read(part, &mut writer, interrupted)?;
                writer.finish()
            })
            .collect();
        let parts = parts.into_iter().collect::<Result<Vec<Part>, Error>>()?;
        Self::join(log, parts, table)
    }

    /// Variables by name, series by id, the blocks of a series in the order of its rows.
    fn join(log: EventLog, parts: Vec<Part>, table: SeriesTable) -> Result<Self, Error> {
        refuse_two_origins(&parts)?;
        let names: BTreeSet<&String> = parts.iter().flat_map(|part| &part.variables).collect();
        let variables: Vec<String> = names.into_iter().cloned().collect();
        let number = |name: &String| variables.partition_point(|other| other < name) as u32;
        let numbers: Vec<Vec<u32>> = (parts.iter())
            .map(|part| part.variables.iter().map(number).collect())
            .collect();
        let mut counts = SourceCounts::default();
        for part in &parts {
            counts.rows += part.counts.rows;
            counts.missing += part.counts.missing;
            counts.of_others += part.counts.of_others;
            counts.unnamed += part.counts.unnamed;
            counts.folded += part.counts.folded;
        }
        let (met, end) = table.into_sorted();
        refuse_second_files(&parts, &met)?;
        let mut place_of = vec![0; end];
        for (place, met) in (0..).zip(&met) {
            place_of[met.number as usize] = place;
        }
        let scattered = parts.iter().any(|part| !part.scattered.is_empty());
        let (blocks, ends) = match scattered {
            true => {
                let buckets = met.iter().map(|met| bucket_of(&met.id, BUCKETS)).collect();
                gathered_blocks(&log, &parts, &numbers, &place_of, buckets)?
            }
            false => blocks_as_read(&parts, &place_of, met.len()),
        };
        let mut first_block = 0;
        let of_met = |(met, end): (MetSeries, usize)| Series {
            id: met.id,
            has_set_index: met.facts.has_set_index,
            part: met.facts.first.0,
            file: met.facts.first.1,
            blocks: std::mem::replace(&mut first_block, end)..end,
        };
        Ok(Self {
            log,
            variables,
            series: met.into_iter().zip(ends).map(of_met).collect(),
            counts,
            blocks,
            files: parts.into_iter().map(|part| part.files).collect(),
            numbers,
        })
    }

    /// The file that a series was read from first; empty for one that was generated.
    pub(crate) fn origin(&self, series: &Series) -> &Path {
        let file = self.files[series.part as usize].get(series.file as usize);
        file.map_or(Path::new(""), PathBuf::as_path)
    }

    /// The series for messages: `stay 7 (7.txt)`.
    pub(crate) fn title(&self, series: &Series) -> String {
        let origin = self.origin(series);
        match origin.as_os_str().is_empty() {
            true => format!("stay {}", series.id),
            false => format!("stay {} ({})", series.id, origin.display()),
        }
    }

    /// Number of events of a series.
    pub(crate) fn events_of(&self, series: &Series) -> usize {
        let blocks = &self.blocks[series.blocks.clone()];
        blocks.iter().map(|block| block.events as usize).sum()
    }

    /// Puts the events of a series into `events`, in the order of its rows, with the cohort's
    /// numbers of their variables. `bytes` is room to work in.
    pub(crate) fn load(
        &self,
        series: &Series,
        bytes: &mut Vec<u8>,
        events: &mut Vec<RawEvent>,
    ) -> Result<(), Error> {
        events.clear();
        for block in &self.blocks[series.blocks.clone()] {
            let first = events.len();
            (self.log).read(block.start, block.events as usize, bytes, events)?;
            if block.part == GATHERED {
                continue;
            }
            let numbers = &self.numbers[block.part as usize];
            for event in &mut events[first..] {
                event.variable = numbers[event.variable as usize];
            }
        }
        Ok(())
    }
}

/// The blocks by the place of their series, those of a series in the order of its rows; and where
/// those of each series end.
fn blocks_as_read(
    parts: &[Part],
    place_of: &[u32],
    series: usize,
) -> (Vec<SeriesBlock>, Vec<usize>) {
    let place = |block: &Block| place_of[block.series as usize] as usize;
    let mut ends = vec![0; series];
    let all = || parts.iter().flat_map(|part| &part.blocks);
    all().for_each(|block| ends[place(block)] += 1);
    let mut next = Vec::with_capacity(series);
    let mut total = 0;
    for end in &mut ends {
        next.push(total);
        total += *end;
        *end = total;
    }
    let nothing = SeriesBlock {
        part: 0,
        start: 0,
        events: 0,
    };
    let mut blocks = vec![nothing; total];
    for (part, of) in (0..).zip(parts) {
        for block in &of.blocks {
            let at = &mut next[place(block)];
            blocks[*at] = SeriesBlock {
                part,
                start: block.start,
                events: block.events,
            };
            *at += 1;
        }
    }
    (blocks, ends)
}

/// The same of events that had to be sorted: one block for each series.
fn gathered_blocks(
    log: &EventLog,
    parts: &[Part],
    numbers: &[Vec<u32>],
    place_of: &[u32],
    buckets: Vec<u32>,
) -> Result<(Vec<SeriesBlock>, Vec<usize>), Error> {
    let bucket_of = |series: u32| buckets[place_of[series as usize] as usize];
    let gathered: Vec<Result<Vec<GatheredBlock>, Error>> = (0..BUCKETS)
        .into_par_iter()
        .map(|bucket| gather(log, parts, bucket, &bucket_of, numbers))
        .collect();
    let mut of_series: Vec<Option<SeriesBlock>> = vec![None; buckets.len()];
    for blocks in gathered {
        for block in blocks? {
            of_series[place_of[block.series as usize] as usize] = Some(SeriesBlock {
                part: GATHERED,
                start: block.start,
                events: block.events,
            });
        }
    }
    let mut blocks = Vec::with_capacity(of_series.len());
    let mut ends = Vec::with_capacity(of_series.len());
    for block in of_series {
        blocks.extend(block);
        ends.push(blocks.len());
    }
    Ok((blocks, ends))
}

/// A stay that has a file of its own has no second one.
fn refuse_second_files(parts: &[Part], met: &[MetSeries]) -> Result<(), Error> {
    let path = |(part, file): FilePlace| &parts[part as usize].files[file as usize];
    let twice = met.iter().find_map(|met| match met.facts.own_files {
        [Some(first), Some(second)] => Some((met, path(first), path(second))),
        _ => None,
    });
    match twice {
        Some((met, first, second)) => Err(Error::stage(format!(
            "stay {} is there twice: {} and {}",
            met.id,
            first.display(),
            second.display()
        ))
        .with_hint("one file is one stay; a stay in two splits would leak the answer")),
        None => Ok(()),
    }
}
