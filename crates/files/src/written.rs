use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::{Mutex, PoisonError};

use blake3::Hash;

use crate::tree_hash::{Pieces, hash_pieces};

/// What was written to a file: only [`write_parts`], which digests what it writes, makes one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    hash: Hash,
    length: u64,
}

impl Written {
    /// BLAKE3 of the file's bytes.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// How many bytes the file has.
    pub fn length(&self) -> u64 {
        self.length
    }
}

/// Writes these bytes, one part after the other, to an empty file. All threads of the current pool digest them, each
/// piece while it is in a core's cache.
pub fn write_parts<'a>(
    file: &File,
    parts: impl IntoIterator<Item = Cow<'a, [u8]>>,
) -> io::Result<Written> {
    let mut placed = Vec::new();
    let mut length = 0;
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        let start = length;
        length += part.len() as u64;
        placed.push((start, part));
    }
    let writing = Writing {
        file,
        parts: placed,
        turn: Mutex::new(()),
    };
    let hash = hash_pieces(&writing, length)?;
    Ok(Written { hash, length })
}

/// Bytes on their way into a file: whatever is fetched is written.
struct Writing<'a> {
    file: &'a File,
    /// Where each part begins in the file, in order and without gaps.
    parts: Vec<(u64, Cow<'a, [u8]>)>,
    /// The system lets one thread at a time write to a file, and the next one spins.
    turn: Mutex<()>,
}

impl Pieces for Writing<'_> {
    fn with<T>(
        &self,
        range: Range<u64>,
        memory: &mut Vec<u8>,
        look: impl FnOnce(&[u8]) -> T,
    ) -> io::Result<T> {
        let start = range.start;
        let bytes = self.bytes(range, memory);
        let looked = look(bytes);
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.write_all_at(bytes, start)?;
        Ok(looked)
    }
}

impl Writing<'_> {
    /// The bytes where they lie, or, where parts meet, in `memory`.
    fn bytes<'m>(&'m self, Range { start, end }: Range<u64>, memory: &'m mut Vec<u8>) -> &'m [u8] {
        memory.clear();
        let first = self.parts.partition_point(|(begin, _)| *begin <= start);
        for (begin, part) in &self.parts[first.saturating_sub(1)..] {
            if *begin >= end {
                break;
            }
            let from = start.saturating_sub(*begin) as usize;
            let to = part.len().min((end - begin) as usize);
            if (to - from) as u64 == end - start {
                return &part[from..to];
            }
            memory.extend_from_slice(&part[from..to]);
        }
        memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces that lie in one part, and pieces that many share.
    #[test]
    fn the_file_has_the_parts_and_their_hash() {
        let lengths = [0, 7, 2_800_000, 12, 4, 0, 524_288, 1_048_576, 20];
        for parts in [&lengths[..], &lengths[..2], &[]] {
            let parts = parts.iter().enumerate().map(|(at, length)| -> Vec<u8> {
                (0..*length).map(|i| (i * 31 + at) as u8).collect()
            });
            let parts: Vec<Vec<u8>> = parts.collect();
            let file = tempfile::NamedTempFile::new().unwrap();
            let borrowed = parts.iter().map(|part| Cow::Borrowed(&part[..]));
            let written = write_parts(file.as_file(), borrowed).unwrap();
            let bytes = std::fs::read(file.path()).unwrap();
            assert!(bytes == parts.concat());
            assert_eq!(written.hash(), blake3::hash(&bytes));
            assert_eq!(written.length(), bytes.len() as u64);
        }
    }
}
