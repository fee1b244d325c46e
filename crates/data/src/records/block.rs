//! The quotes of 64 bytes at a time, as long as they stand where they should.

use super::state::State;

/// Bytes of a block.
pub(super) const LENGTH: usize = 64;

/// Where in a block what stands: a bit a byte, the first the lowest.
#[derive(Clone, Copy)]
pub(super) struct Block {
    quotes: u64,
    delimiters: u64,
    line_ends: u64,
}

/// A block whose quotes each open a field, close one, or stand twice inside one.
#[derive(Clone, Copy)]
pub(super) struct Regular {
    /// The state behind the block.
    pub(super) after: State,
    /// Where the last quoted field opens that opens here.
    pub(super) opened: Option<usize>,
    /// Whether a quoted field takes in a line end.
    pub(super) spans_lines: bool,
}

impl Block {
    pub(super) fn new(bytes: &[u8; LENGTH], delimiter: u8) -> Self {
        let [quotes, delimiters, feeds, returns] = places(bytes, [b'"', delimiter, b'\n', b'\r']);
        Self {
            quotes,
            delimiters,
            line_ends: feeds | returns,
        }
    }

    /// The block behind this state, unless a quote stands elsewhere: in a field without quotes, or in
    /// what follows a closing quote.
    pub(super) fn regular(&self, before: State) -> Option<Regular> {
        let ends = self.delimiters | self.line_ends;
        let inside = up_to_each(self.quotes) ^ if before == State::Quoted { u64::MAX } else { 0 };
        let opening = self.quotes & inside;
        let closing = self.quotes & !inside;
        // Twice inside one: the first closes, and the second opens again.
        let again = opening & (closing << 1 | u64::from(before == State::Closing));
        let first = opening & !again;
        if first & !(ends << 1 | u64::from(before == State::Start)) != 0 {
            return None;
        }
        let last = 1 << (LENGTH - 1);
        // Behind a closing quote comes the end of its field, or another quote.
        let follow = ends | self.quotes;
        let open_end = closing & !last & !(follow >> 1);
        if open_end != 0 || before == State::Closing && follow & 1 == 0 {
            return None;
        }
        Some(Regular {
            after: match () {
                () if inside & last != 0 => State::Quoted,
                () if closing & last != 0 => State::Closing,
                () if ends & last != 0 => State::Start,
                () => State::Plain,
            },
            opened: first.checked_ilog2().map(|bit| bit as usize),
            spans_lines: self.line_ends & inside != 0,
        })
    }
}

impl State {
    /// The state behind many bytes.
    pub(crate) fn after_all(self, bytes: &[u8], delimiter: u8) -> Self {
        let (blocks, rest) = bytes.as_chunks::<{ LENGTH }>();
        let state = blocks.iter().fold(self, |state, bytes| {
            let regular = Block::new(bytes, delimiter).regular(state);
            regular.map_or_else(|| state.after_few(bytes, delimiter), |block| block.after)
        });
        state.after_few(rest, delimiter)
    }
}

/// By bit: whether an odd number of bits is set up to it and with it.
fn up_to_each(bits: u64) -> u64 {
    (0..6).fold(bits, |sum, step| sum ^ sum << (1 << step))
}

/// Where each of some bytes stands.
#[cfg(target_arch = "x86_64")]
fn places(bytes: &[u8; LENGTH], wanted: [u8; 4]) -> [u64; 4] {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};
    let mut places = [0; 4];
    for (index, part) in bytes.as_chunks::<16>().0.iter().enumerate() {
        // SAFETY: the load is of the 16 bytes of `part`, aligned or not.
        let part = unsafe { _mm_loadu_si128(part.as_ptr().cast()) };
        for (places, wanted) in places.iter_mut().zip(wanted) {
            // Every processor of this kind has these instructions.
            let found =
                unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(part, _mm_set1_epi8(wanted as i8))) };
            *places |= u64::from(found as u32) << (16 * index);
        }
    }
    places
}

/// Where each of some bytes stands.
#[cfg(not(target_arch = "x86_64"))]
fn places(bytes: &[u8; LENGTH], wanted: [u8; 4]) -> [u64; 4] {
    wanted.map(|wanted| {
        let bytes = bytes.iter().enumerate();
        bytes.fold(0, |places, (index, &byte)| {
            places | u64::from(byte == wanted) << index
        })
    })
}
