//! Every series of a source, and where its events are.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::SourceCounts;
use super::event::{ENCODED, RawEvent};
use super::event_log::EventLog;
use super::part::{Part, PartWriter, stay_in_two_files};
use crate::data::go_on;
use crate::data::source::EventSource;
use crate::data::stay_id::StayId;
use crate::error::Error;

/// Bytes that an event held back by a [`PartWriter`] takes: once as it came, once gathered by series.
const HELD: usize = 2 * ENCODED;
/// Fewest events that are worth a write of their own.
const LEAST_ROOM: usize = 1 << 12;
/// More events than these at a time make nothing faster.
const MOST_ROOM: usize = 1 << 20;

/// The events of one stay, or of one patient of whom several stays are made.
#[derive(Debug)]
pub(in crate::data) struct Series {
    pub(in crate::data) id: StayId,
    /// Whether the source says which events form a set.
    pub(in crate::data) has_set_index: bool,
    part: u32,
    file: u32,
    blocks: Range<usize>,
}

struct SeriesBlock {
    part: u32,
    start: u64,
    events: u32,
}

/// A source that has been read.
pub(in crate::data) struct Ingested {
    log: EventLog,
    /// Names of the variables, sorted.
    pub(in crate::data) variables: Vec<String>,
    /// By id.
    pub(in crate::data) series: Vec<Series>,
    pub(in crate::data) counts: SourceCounts,
    blocks: Vec<SeriesBlock>,
    /// Of each part: its files, and the numbers of its variables among all.
    files: Vec<Vec<PathBuf>>,
    numbers: Vec<Vec<u32>>,
}

impl Ingested {
    /// Reads every part of `source` in the current pool, with at most about `memory` bytes of
    /// events at a time; what does not fit waits on the disk of `folder`. Of several bad parts,
    /// the first is the one complained about.
    pub(in crate::data) fn read(
        source: &dyn EventSource,
        folder: &Path,
        memory: u64,
        categorical: &BTreeSet<String>,
        interrupted: &AtomicBool,
    ) -> Result<Self, Error> {
        let log = EventLog::create(folder)?;
        let threads = rayon::current_num_threads() as u64;
        let room = (memory / threads) as usize / HELD;
        let room = room.clamp(LEAST_ROOM, MOST_ROOM);
        let parts: Vec<Result<Part, Error>> = (0..source.parts())
            .into_par_iter()
            .map(|part| {
                go_on(interrupted)?;
                let mut writer = PartWriter::new(&log, room, categorical);
                source.read(part, &mut writer, interrupted)?;
                writer.finish()
            })
            .collect();
        let parts = parts.into_iter().collect::<Result<Vec<Part>, Error>>()?;
        Self::join(log, parts)
    }

    /// Variables by name, series by id, the blocks of a series in the order of its rows.
    fn join(log: EventLog, parts: Vec<Part>) -> Result<Self, Error> {
        let names: BTreeSet<&String> = parts.iter().flat_map(|part| &part.variables).collect();
        let variables: Vec<String> = names.into_iter().cloned().collect();
        let number = |name: &String| variables.partition_point(|other| other < name) as u32;
        let numbers = (parts.iter())
            .map(|part| part.variables.iter().map(number).collect())
            .collect();
        let mut entries: Vec<(&StayId, u32, u32)> = Vec::new();
        for (place, part) in (0..).zip(&parts) {
            entries.extend(
                (0..)
                    .zip(&part.series)
                    .map(|(local, s)| (&s.id, place, local)),
            );
        }
        entries.par_sort_unstable();
        let mut counts = SourceCounts::default();
        // Where the blocks of each series of each part begin, counted within the part.
        let by_series: Vec<Vec<Vec<usize>>> = (parts.iter())
            .map(|part| {
                counts.rows += part.counts.rows;
                counts.missing += part.counts.missing;
                counts.of_others += part.counts.of_others;
                let mut of = vec![Vec::new(); part.series.len()];
                for (index, block) in part.blocks.iter().enumerate() {
                    of[block.series as usize].push(index);
                }
                of
            })
            .collect();
        let (mut series, mut blocks) = (Vec::new(), Vec::new());
        for same in entries.chunk_by(|a, b| a.0 == b.0) {
            refuse_second_file(&parts, same)?;
            let first_block = blocks.len();
            for &(_, part, local) in same {
                for &index in &by_series[part as usize][local as usize] {
                    let block = parts[part as usize].blocks[index];
                    blocks.push(SeriesBlock {
                        part,
                        start: block.start,
                        events: block.events,
                    });
                }
            }
            let (id, part, local) = same[0];
            let of_part = |part: u32, local: u32| &parts[part as usize].series[local as usize];
            series.push(Series {
                id: id.clone(),
                has_set_index: same.iter().any(|&(_, p, l)| of_part(p, l).has_set_index),
                part,
                file: of_part(part, local).file,
                blocks: first_block..blocks.len(),
            });
        }
        Ok(Self {
            log,
            variables,
            series,
            counts,
            blocks,
            files: parts.into_iter().map(|part| part.files).collect(),
            numbers,
        })
    }

    /// The file that a series was read from first; empty for one that was generated.
    pub(in crate::data) fn origin(&self, series: &Series) -> &Path {
        let file = self.files[series.part as usize].get(series.file as usize);
        file.map_or(Path::new(""), PathBuf::as_path)
    }

    /// The series for messages: `stay 7 (7.txt)`.
    pub(in crate::data) fn title(&self, series: &Series) -> String {
        let origin = self.origin(series);
        match origin.as_os_str().is_empty() {
            true => format!("stay {}", series.id),
            false => format!("stay {} ({})", series.id, origin.display()),
        }
    }

    /// Number of events of a series.
    pub(in crate::data) fn events_of(&self, series: &Series) -> usize {
        let blocks = &self.blocks[series.blocks.clone()];
        blocks.iter().map(|block| block.events as usize).sum()
    }

    /// Puts the events of a series into `events`, in the order of its rows, with the cohort's
    /// numbers of their variables. `bytes` is room to work in.
    pub(in crate::data) fn load(
        &self,
        series: &Series,
        bytes: &mut Vec<u8>,
        events: &mut Vec<RawEvent>,
    ) -> Result<(), Error> {
        events.clear();
        for block in &self.blocks[series.blocks.clone()] {
            let first = events.len();
            (self.log).read(block.start, block.events as usize, bytes, events)?;
            let numbers = &self.numbers[block.part as usize];
            for event in &mut events[first..] {
                event.variable = numbers[event.variable as usize];
            }
        }
        Ok(())
    }
}

/// A stay that has a file of its own has no second one.
fn refuse_second_file(parts: &[Part], same: &[(&StayId, u32, u32)]) -> Result<(), Error> {
    let [(id, part, local), (_, other_part, other), ..] = same else {
        return Ok(());
    };
    let home = |part: u32, local: u32| {
        let part = &parts[part as usize];
        let series = &part.series[local as usize];
        let file = part.files.get(series.file as usize);
        file.filter(|_| series.alone_in_file)
    };
    match (home(*part, *local), home(*other_part, *other)) {
        (Some(first), Some(second)) => Err(stay_in_two_files(id, first, second)),
        _ => Ok(()),
    }
}
