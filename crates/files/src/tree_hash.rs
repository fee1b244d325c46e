//! BLAKE3 of many bytes by all threads at once: of a file that is read, or of one while it is written.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use blake3::hazmat::{self, ChainingValue, HasherExt, Mode};
use blake3::{Hash, Hasher};
use rayon::ThreadPoolBuilder;

/// Bytes that one thread fetches and digests while they are in its core's cache: a power of two, for the tree
/// of BLAKE3 divides an input at powers of two.
const PIECE: u64 = 512 << 10;

/// From here on, threads of its own repay their start.
const LARGE: u64 = 16 << 20;

/// Bytes that are fetched piece by piece.
pub(crate) trait Pieces: Sync {
    /// Gives `look` the bytes of this range. `memory` is the thread's own, for bytes that do not lie anywhere yet.
    fn with<T>(
        &self,
        range: Range<u64>,
        memory: &mut Vec<u8>,
        look: impl FnOnce(&[u8]) -> T,
    ) -> io::Result<T>;
}

/// The hash of the first `length` bytes, each of which is fetched once.
///
/// Inputs of more than a piece are divided where BLAKE3's own tree divides them (section 2.1 of its paper), so
/// that every thread fetches what it digests.
pub(crate) fn hash_pieces(pieces: &impl Pieces, length: u64) -> io::Result<Hash> {
    if length <= PIECE {
        return fetch(pieces, 0..length, blake3::hash);
    }
    let (left, right) = halves(pieces, 0..length)?;
    Ok(hazmat::merge_subtrees_root(&left, &right, Mode::Hash))
}

/// The hash of the first `length` bytes of a file. That it has fewer is an error.
///
/// Called from no pool of threads, it makes one for a large file.
pub fn hash_file(file: &File, length: u64) -> io::Result<Hash> {
    let hash = || hash_pieces(&FileBytes(file), length);
    if length < LARGE || rayon::current_thread_index().is_some() {
        return hash();
    }
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    match ThreadPoolBuilder::new().num_threads(processors).build() {
        Ok(pool) => pool.install(hash),
        Err(_) => hash(),
    }
}

struct FileBytes<'a>(&'a File);

impl Pieces for FileBytes<'_> {
    fn with<T>(
        &self,
        range: Range<u64>,
        memory: &mut Vec<u8>,
        look: impl FnOnce(&[u8]) -> T,
    ) -> io::Result<T> {
        memory.resize((range.end - range.start) as usize, 0);
        self.0.read_exact_at(memory, range.start)?;
        Ok(look(memory))
    }
}

fn subtree(pieces: &impl Pieces, range: Range<u64>) -> io::Result<ChainingValue> {
    if range.end - range.start <= PIECE {
        let start = range.start;
        return fetch(pieces, range, |bytes| {
            let mut hasher = Hasher::new();
            hasher.set_input_offset(start);
            hasher.update(bytes).finalize_non_root()
        });
    }
    let (left, right) = halves(pieces, range)?;
    Ok(hazmat::merge_subtrees_non_root(&left, &right, Mode::Hash))
}

fn halves(
    pieces: &impl Pieces,
    Range { start, end }: Range<u64>,
) -> io::Result<(ChainingValue, ChainingValue)> {
    let middle = start + hazmat::left_subtree_len(end - start);
    let (left, right) = rayon::join(
        || subtree(pieces, start..middle),
        || subtree(pieces, middle..end),
    );
    Ok((left?, right?))
}

fn fetch<T>(
    pieces: &impl Pieces,
    range: Range<u64>,
    look: impl FnOnce(&[u8]) -> T,
) -> io::Result<T> {
    thread_local! {
        static MEMORY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    MEMORY.with_borrow_mut(|memory| pieces.with(range, memory, look))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_has_the_same_hash_from_a_pool_and_from_none() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..LARGE + 5).map(|at| (at % 251) as u8).collect();
        let path = folder.path().join("bytes");
        std::fs::write(&path, &bytes).unwrap();
        let file = File::open(&path).unwrap();
        let hash = || hash_file(&file, bytes.len() as u64).unwrap();
        let pool = ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!([hash(), pool.install(hash)], [blake3::hash(&bytes); 2]);
    }

    #[test]
    fn a_file_of_any_length_has_the_hash_of_its_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let bytes: Vec<u8> = (0..5 * PIECE + 3000)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        let piece = PIECE as usize;
        for length in [
            0,
            1,
            1024,
            piece - 1,
            piece,
            piece + 1,
            2 * piece,
            2 * piece + 1,
            3 * piece,
            4 * piece + 1024,
            5 * piece + 1025,
            bytes.len(),
        ] {
            let path = folder.path().join("bytes");
            std::fs::write(&path, &bytes[..length]).unwrap();
            let file = File::open(&path).unwrap();
            let found = hash_file(&file, length as u64).unwrap();
            assert_eq!(found, blake3::hash(&bytes[..length]), "{length} bytes");
            assert!(hash_file(&file, length as u64 + 1).is_err());
        }
    }
}
