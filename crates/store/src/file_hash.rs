//! BLAKE3 of a file, read and digested by all threads at once.

use std::cell::RefCell;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use blake3::hazmat::{self, ChainingValue, HasherExt, Mode};
use blake3::{Hash, Hasher};

/// Bytes that one thread reads and digests while they are in its core's cache: a power of two, for the tree
/// of BLAKE3 divides an input at powers of two.
const PIECE: u64 = 512 << 10;

/// The hash of the first `length` bytes of a file. That it has fewer is an error.
///
/// Inputs of more than a piece are divided where BLAKE3's own tree divides them (section 2.1 of its paper), so
/// that every thread reads what it digests.
pub(super) fn hash_file(file: &File, length: u64) -> io::Result<Hash> {
    if length <= PIECE {
        return with_bytes(file, 0, length, blake3::hash);
    }
    let (left, right) = halves(file, 0, length)?;
    Ok(hazmat::merge_subtrees_root(&left, &right, Mode::Hash))
}

fn subtree(file: &File, start: u64, length: u64) -> io::Result<ChainingValue> {
    if length <= PIECE {
        return with_bytes(file, start, length, |bytes| {
            let mut hasher = Hasher::new();
            hasher.set_input_offset(start);
            hasher.update(bytes).finalize_non_root()
        });
    }
    let (left, right) = halves(file, start, length)?;
    Ok(hazmat::merge_subtrees_non_root(&left, &right, Mode::Hash))
}

fn halves(file: &File, start: u64, length: u64) -> io::Result<(ChainingValue, ChainingValue)> {
    let left = hazmat::left_subtree_len(length);
    let (left, right) = rayon::join(
        || subtree(file, start, left),
        || subtree(file, start + left, length - left),
    );
    Ok((left?, right?))
}

/// Gives `look` the bytes from `start` on, in memory that the thread keeps.
fn with_bytes<T>(
    file: &File,
    start: u64,
    length: u64,
    look: impl FnOnce(&[u8]) -> T,
) -> io::Result<T> {
    thread_local! {
        static MEMORY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }
    MEMORY.with_borrow_mut(|memory| {
        memory.resize(length as usize, 0);
        file.read_exact_at(memory, start)?;
        Ok(look(memory))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
