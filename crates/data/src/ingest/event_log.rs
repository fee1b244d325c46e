//! The file that events wait in between reading and scoring.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::event::Record;
use pipeline_error::Error;

/// Events encoded at a time.
const AT_A_TIME: usize = 4096;

/// A file without a name: it is gone when the process is. Blocks are appended from any thread.
pub(super) struct EventLog {
    folder: PathBuf,
    file: File,
    end: AtomicU64,
}

impl EventLog {
    /// An empty log on the disk of `folder`.
    pub(super) fn create(folder: &Path) -> Result<Self, Error> {
        let file = tempfile::tempfile_in(folder).map_err(|error| {
            Error::file(folder, format!("no temporary file can be made: {error}"))
        })?;
        Ok(Self {
            folder: folder.to_path_buf(),
            file,
            end: AtomicU64::new(0),
        })
    }

    /// Writes a block; returns where it begins.
    pub(super) fn append<const BYTES: usize>(
        &self,
        records: &[impl Record<BYTES>],
    ) -> Result<u64, Error> {
        let length = (records.len() * BYTES) as u64;
        let start = self.end.fetch_add(length, Ordering::Relaxed);
        let mut bytes = Vec::with_capacity(AT_A_TIME.min(records.len()) * BYTES);
        let mut at = start;
        for chunk in records.chunks(AT_A_TIME) {
            bytes.resize(chunk.len() * BYTES, 0);
            let (places, _) = bytes.as_chunks_mut::<BYTES>();
            for (record, place) in chunk.iter().zip(places) {
                record.encode(place);
            }
            self.file.write_all_at(&bytes, at).map_err(|error| {
                Error::file(&self.folder, format!("events cannot be kept: {error}"))
            })?;
            at += bytes.len() as u64;
        }
        Ok(start)
    }

    /// Appends the block of `count` records at `start` to `records`. `bytes` is room to work in.
    pub(super) fn read<const BYTES: usize, R: Record<BYTES>>(
        &self,
        start: u64,
        count: usize,
        bytes: &mut Vec<u8>,
        records: &mut Vec<R>,
    ) -> Result<(), Error> {
        bytes.resize(count * BYTES, 0);
        self.file.read_exact_at(bytes, start).map_err(|error| {
            Error::file(&self.folder, format!("kept events cannot be read: {error}"))
        })?;
        let (places, _) = bytes.as_chunks::<BYTES>();
        records.extend(places.iter().map(R::decode));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::RawEvent;

    #[test]
    fn blocks_come_back_whole_whatever_was_written_between() {
        let folder = tempfile::tempdir().unwrap();
        let log = EventLog::create(folder.path()).unwrap();
        let event = |value: usize| RawEvent {
            time: value as i64,
            value: value as f64,
            variable: 1,
            set: 0,
        };
        let blocks: Vec<Vec<RawEvent>> = [3, 0, AT_A_TIME + 5]
            .map(|count| (0..count).map(event).collect())
            .into();
        let starts: Vec<u64> = blocks.iter().map(|b| log.append(b).unwrap()).collect();
        let mut bytes = Vec::new();
        for (block, start) in blocks.iter().zip(starts).rev() {
            let mut found: Vec<RawEvent> = Vec::new();
            log.read(start, block.len(), &mut bytes, &mut found)
                .unwrap();
            assert_eq!(&found, block);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
