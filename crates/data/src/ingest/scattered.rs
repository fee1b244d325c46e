//! Rows in no order of stays: their events are sorted on disk.
//!
//! Where the rows of one series lie far apart, blocks of a series would be as many as events. Such
//! rows are dealt to buckets, by series, as they come; once all are read, each bucket is small
//! enough to be sorted in memory, and every series of it is written as one block.

use super::event::{ENCODED, RawEvent, Record, encoded};
use super::event_log::EventLog;
use super::part::{Block, Part};
use pipeline_error::Error;

/// Buckets that series are dealt to. Which one is no part of any result.
pub(super) const BUCKETS: u32 = 256;
/// With fewer events a block, on average, rows count as scattered.
const LEAST_IN_BLOCK: usize = 16;

/// Whether runs of rows are too short for a block each.
pub(super) fn are_scattered(events: usize, blocks: usize) -> bool {
    events < blocks * LEAST_IN_BLOCK
}

/// Bytes of an [`OwnedEvent`] in the log.
const OWNED: usize = ENCODED + 4;

/// An event and the number of its series.
#[derive(Clone, Copy)]
pub(super) struct OwnedEvent {
    pub(super) series: u32,
    pub(super) event: RawEvent,
}

impl Record<OWNED> for OwnedEvent {
    fn encode(&self, bytes: &mut [u8; OWNED]) {
        let (owner, event) = bytes.split_at_mut(4);
        owner.copy_from_slice(&self.series.to_le_bytes());
        event.copy_from_slice(&encoded(&self.event));
    }

    fn decode(bytes: &[u8; OWNED]) -> Self {
        let [a, b, c, d, event @ ..] = bytes;
        Self {
            series: u32::from_le_bytes([*a, *b, *c, *d]),
            event: RawEvent::decode(event),
        }
    }
}

/// The events of a series in one block, whose variables have the cohort's numbers.
pub(super) struct GatheredBlock {
    pub(super) series: u32,
    pub(super) start: u64,
    pub(super) events: u32,
}

/// Sorts the events of one bucket, those of blocks among them that were not scattered, and writes
/// them again. `bucket_of` tells where a series belongs, `numbers` those of each part's variables among all.
pub(super) fn gather(
    log: &EventLog,
    parts: &[Part],
    bucket: u32,
    bucket_of: &dyn Fn(u32) -> u32,
    numbers: &[Vec<u32>],
) -> Result<Vec<GatheredBlock>, Error> {
    let mut all: Vec<OwnedEvent> = Vec::new();
    let mut bytes = Vec::new();
    for (part, numbers) in parts.iter().zip(numbers) {
        let first = all.len();
        let is_ours = |block: &Block| bucket_of(block.series) == bucket;
        read_part(log, part, bucket, &is_ours, &mut bytes, &mut all)?;
        for owned in &mut all[first..] {
            owned.event.variable = numbers[owned.event.variable as usize];
        }
    }
    // Stable: the events of a series keep the order of their rows.
    all.sort_by_key(|owned| owned.series);
    let mut blocks = Vec::new();
    let mut events = Vec::new();
    for same in all.chunk_by(|a, b| a.series == b.series) {
        events.clear();
        events.extend(same.iter().map(|owned| owned.event));
        blocks.push(GatheredBlock {
            series: same[0].series,
            start: log.append(&events)?,
            events: events.len() as u32,
        });
    }
    Ok(blocks)
}

/// Appends a part's events of a bucket, in the order of its writes.
fn read_part(
    log: &EventLog,
    part: &Part,
    bucket: u32,
    is_ours: &dyn Fn(&Block) -> bool,
    bytes: &mut Vec<u8>,
    all: &mut Vec<OwnedEvent>,
) -> Result<(), Error> {
    let mut grouped = part.blocks.iter().filter(|block| is_ours(block)).peekable();
    let mut events: Vec<RawEvent> = Vec::new();
    let mut take_grouped = |until: u32, all: &mut Vec<OwnedEvent>, bytes: &mut Vec<u8>| {
        while let Some(block) = grouped.next_if(|block| block.flush < until) {
            events.clear();
            log.read(block.start, block.events as usize, bytes, &mut events)?;
            let series = block.series;
            all.extend(events.iter().map(|&event| OwnedEvent { series, event }));
        }
        Ok::<(), Error>(())
    };
    let scattered = part.scattered.iter().filter(|block| block.bucket == bucket);
    for block in scattered {
        take_grouped(block.flush, all, bytes)?;
        log.read(block.start, block.events as usize, bytes, all)?;
    }
    take_grouped(u32::MAX, all, bytes)
}
