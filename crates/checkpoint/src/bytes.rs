use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;

/// How much is read at once: a multiple of a word.
const PIECE: usize = 128 << 10;

/// Memory for the elements of tensors, aligned for f32: what was read as F32 can be used as it lies.
#[derive(Debug)]
pub(super) struct Buffer {
    words: Vec<f32>,
    /// In bytes; the last word may be longer.
    length: usize,
}

impl Buffer {
    /// `length` bytes of zero.
    pub(super) fn zeroed(length: usize) -> Self {
        Buffer {
            words: vec![0.0; length.div_ceil(4)],
            length,
        }
    }

    /// The next `length` bytes of `source`, in pieces that stay in the processor's cache while they are read and checked.
    pub(super) fn read(length: usize, mut source: impl Read) -> io::Result<Self> {
        let mut words = Vec::with_capacity(length.div_ceil(4));
        ask_for_large_pages(&mut words);
        let mut buffer = Buffer { words, length: 0 };
        while buffer.length < length {
            let start = buffer.length;
            buffer.length = length.min(start + PIECE);
            buffer.words.resize(buffer.length.div_ceil(4), 0.0);
            source.read_exact(&mut buffer.as_mut_slice()[start..])?;
        }
        Ok(buffer)
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        // SAFETY: the words are at least `length` bytes, and bytes need no alignment.
        unsafe { std::slice::from_raw_parts(self.words.as_ptr().cast(), self.length) }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as above; whatever is written there is an f32.
        unsafe { std::slice::from_raw_parts_mut(self.words.as_mut_ptr().cast(), self.length) }
    }
}

/// Asks the system for pages of 2 MiB: each page of 4 KiB that is first touched costs a fault, of which a gigabyte has
/// 262,144.
fn ask_for_large_pages(words: &mut Vec<f32>) {
    #[cfg(target_os = "linux")]
    {
        const LARGE: usize = 2 << 20;
        let memory = words.spare_capacity_mut();
        if size_of_val(memory) >= 2 * LARGE {
            let start = (memory.as_ptr() as usize).next_multiple_of(LARGE);
            let end = memory.as_ptr_range().end as usize / LARGE * LARGE;
            // SAFETY: the range lies within the allocation, and the advice changes no byte. A system that has no such
            // pages refuses it, and nothing is lost.
            unsafe { libc::madvise(start as *mut _, end - start, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = words;
}

impl From<&[u8]> for Buffer {
    fn from(bytes: &[u8]) -> Self {
        let mut buffer = Buffer::zeroed(bytes.len());
        buffer.as_mut_slice().copy_from_slice(bytes);
        buffer
    }
}

/// Bytes inside a shared buffer, so that tied and sliced tensors are not copied.
#[derive(Clone, Debug)]
pub(super) struct TensorBytes {
    buffer: Arc<Buffer>,
    range: Range<usize>,
}

impl TensorBytes {
    /// `None` when the buffer does not hold `range`.
    pub(super) fn new(buffer: Arc<Buffer>, range: Range<usize>) -> Option<Self> {
        buffer.as_slice().get(range.clone())?;
        Some(TensorBytes { buffer, range })
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        &self.buffer.as_slice()[self.range.clone()]
    }

    /// The bytes as f32, where they lie so; `None`: they must be converted.
    pub(super) fn as_words(&self) -> Option<&[f32]> {
        let (start, end) = (self.range.start, self.range.end);
        let lies_so = cfg!(target_endian = "little") && start % 4 == 0 && end % 4 == 0;
        lies_so.then(|| &self.buffer.words[start / 4..end / 4])
    }

    /// As [`Self::as_words`], taken out of the buffer, if it holds nothing else and is shared with nobody.
    pub(super) fn into_words(self) -> Result<Vec<f32>, Self> {
        let is_whole = self.as_words().is_some() && self.range == (0..self.buffer.length);
        match is_whole {
            true => Arc::try_unwrap(self.buffer)
                .map(|buffer| buffer.words)
                .map_err(|buffer| TensorBytes {
                    buffer,
                    range: self.range,
                }),
            false => Err(self),
        }
    }
}

impl From<Buffer> for TensorBytes {
    fn from(buffer: Buffer) -> Self {
        let range = 0..buffer.length;
        TensorBytes {
            buffer: Arc::new(buffer),
            range,
        }
    }
}

/// The little-endian bytes of f32, without a copy where memory holds them so.
pub(super) fn little_endian(values: &[f32]) -> std::borrow::Cow<'_, [u8]> {
    if cfg!(target_endian = "little") {
        // SAFETY: f32 has no padding, and bytes need no alignment.
        let bytes = unsafe {
            std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values))
        };
        return bytes.into();
    }
    let bytes = values.iter().flat_map(|value| value.to_le_bytes());
    bytes.collect::<Vec<u8>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_of_any_length_is_read_and_one_that_is_cut_off_is_not() {
        let bytes: Vec<u8> = (0..5 << 20).map(|at: u32| (at % 251) as u8).collect();
        for length in [0, 1, 5, PIECE, PIECE + 3, bytes.len()] {
            let read = Buffer::read(length, &bytes[..]).unwrap();
            assert!(read.as_slice() == &bytes[..length], "{length}");
        }
        assert!(Buffer::read(bytes.len() + 1, &bytes[..]).is_err());
    }

    #[test]
    fn a_buffer_that_nobody_shares_is_handed_over_and_any_other_is_kept() {
        let bytes: Vec<u8> = [1.5_f32, -0.0]
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect();
        let whole = TensorBytes::from(Buffer::from(&bytes[..]));
        assert_eq!(whole.as_slice(), bytes);
        let shared = whole.clone();
        let whole = whole.into_words().unwrap_err();
        drop(shared);
        let at = whole.as_words().unwrap().as_ptr();
        let words = whole.into_words().unwrap();
        assert_eq!((words.as_ptr(), words.as_slice()), (at, &[1.5, -0.0][..]));
        assert_eq!(little_endian(&words), bytes);

        let odd = Arc::new(Buffer::from(&[1_u8, 2, 3, 4, 5][..]));
        assert_eq!(odd.as_slice(), [1, 2, 3, 4, 5]);
        assert!(TensorBytes::new(odd.clone(), 0..6).is_none());
        let part = TensorBytes::new(odd.clone(), 1..5).unwrap();
        assert_eq!(part.as_slice(), [2, 3, 4, 5]);
        assert!(part.as_words().is_none() && part.into_words().is_err());
        let first = TensorBytes::new(odd, 0..4).unwrap();
        assert!(first.as_words().is_some() && first.into_words().is_err());
    }
}
