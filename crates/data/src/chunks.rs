//! Works through stays in chunks: in parallel, yet with every result taken in the order of the stays.

use std::ops::Range;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

use super::go_on;
use super::ingest::Ingested;
use super::source::StayRow;
use pipeline_error::Error;

/// Events of the source that a chunk has at least: the size of a row group.
const EVENTS_IN_CHUNK: usize = 1 << 18;
/// Bytes that an event of a chunk takes while it is worked on.
const BYTES_OF_EVENT: u64 = 80;

/// Runs of stays with about as many events each. They depend on the stays alone.
pub(super) fn chunks_of(stays: &[StayRow], ingested: &Ingested) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let (mut first, mut events) = (0, 0);
    for (index, stay) in stays.iter().enumerate() {
        events += ingested.events_of(&ingested.series[stay.series]);
        if events >= EVENTS_IN_CHUNK {
            chunks.push(first..index + 1);
            (first, events) = (index + 1, 0);
        }
    }
    if first < stays.len() {
        chunks.push(first..stays.len());
    }
    chunks
}

/// Does `work` on the chunks in the current pool, on as many at a time as `memory` bytes allow, and
/// hands the results to `take` in order. The first failure, in order, ends it.
pub(super) fn in_order<T: Send>(
    chunks: &[Range<usize>],
    memory: u64,
    interrupted: &AtomicBool,
    work: impl Fn(Range<usize>) -> Result<T, Error> + Sync,
    mut take: impl FnMut(Vec<T>) -> Result<(), Error>,
) -> Result<(), Error> {
    let fitting = memory / (EVENTS_IN_CHUNK as u64 * BYTES_OF_EVENT);
    let at_a_time = (fitting as usize).clamp(1, 2 * rayon::current_num_threads());
    for some in chunks.chunks(at_a_time) {
        go_on(interrupted)?;
        let results: Vec<Result<T, Error>> = some.par_iter().cloned().map(&work).collect();
        take(results.into_iter().collect::<Result<_, _>>()?)?;
    }
    Ok(())
}
