//! Mutations of pickles that know opcodes: most results get past the first few of them.

use std::ops::Range;

use pipeline_random::Draws;

use crate::bytes::{border, pick, place, range};
use crate::{archive, bytes, pickle_program};

/// The name of the pickle in an archive, and what it is at least followed by.
const PICKLE: &str = "data.pkl";

/// Changes the pickle of an archive; every checksum fits.
pub fn mutate_archive(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let Some(mut entries) = archive::entries(input) else {
        return bytes::mutate(input, other, draws);
    };
    let is_pickle = |entry: &&(String, Vec<u8>)| entry.0.ends_with(PICKLE);
    let others = archive::entries(other).unwrap_or_default();
    let donor = others.iter().find(is_pickle).map(|(_, data)| &data[..]);
    if let Some((_, pickle)) = entries.iter_mut().find(|entry| is_pickle(&&**entry)) {
        *pickle = match draws.below(6) {
            0 => pickle_program::whole(draws),
            _ => mutate(pickle, donor.unwrap_or_default(), 1, draws),
        };
    }
    archive::written(&entries)
}

/// Changes `pickles` pickles that stand one after the other; what follows them stays.
pub fn mutate(input: &[u8], other: &[u8], pickles: usize, draws: &mut Draws) -> Vec<u8> {
    let tokens = tokens(input, pickles);
    if tokens.is_empty() || draws.below(12) == 0 {
        return bytes::mutate(input, other, draws);
    }
    let tail = tokens.last().map_or(0, |token| token.end);
    let mut list: Vec<Vec<u8>> = tokens
        .iter()
        .map(|token| input[token.clone()].to_vec())
        .collect();
    let at = place(draws, list.len());
    match draws.below(10) {
        0 => drop(list.remove(at)),
        1 => drop(list.drain(range(draws, tokens.len()))),
        2 => {
            let block = list[range(draws, tokens.len())].to_vec();
            let times = 1 + draws.below(2) * draws.below(200);
            list.insert(at, block.concat().repeat(times as usize));
        }
        3 => {
            let second = place(draws, list.len());
            list.swap(at, second);
        }
        4 => list.insert(at, pickle_program::opcode(draws)),
        5 => list.insert(at, pickle_program::value(draws, 3)),
        6 => list[at] = pickle_program::value(draws, 2),
        7 => {
            let theirs = self::tokens(other, pickles);
            let block = theirs[range(draws, theirs.len())].iter();
            let block: Vec<_> = block.map(|token| other[token.clone()].to_vec()).collect();
            list.splice(range(draws, tokens.len()), block);
        }
        _ => argument(&mut list[at], draws),
    }
    let mut result = list.concat();
    result.extend_from_slice(&input[tail..]);
    result
}

/// Changes an opcode's argument: a number to one at a border, a text in one character.
fn argument(token: &mut Vec<u8>, draws: &mut Draws) {
    let width = token.len() - 1;
    match token[0] {
        b'K' | b'q' | b'h' | b'M' | b'J' | b'r' | b'j' => {
            let number = border(draws, 64).to_le_bytes();
            token[1..].copy_from_slice(&number[..width]);
        }
        0x8a => *token = pickle_program::number(border(draws, 64) as i64),
        b'c' | b'X' | 0x8c | 0x8d if width > 0 => {
            let texts = pickle_program::TEXTS;
            *token = match draws.below(2) {
                0 => pickle_program::text(pick(draws, texts)),
                _ => pickle_program::global(draws),
            };
        }
        _ => {
            let at = place(draws, token.len());
            token[at] = draws.bits() as u8;
        }
    }
}

/// The opcodes of the first pickles, with their arguments; up to the first that is unknown.
fn tokens(bytes: &[u8], pickles: usize) -> Vec<Range<usize>> {
    let mut tokens = Vec::new();
    let (mut at, mut left) = (0, pickles);
    while left > 0
        && let Some(length) = length(&bytes[at..])
    {
        left -= usize::from(bytes[at] == b'.');
        tokens.push(at..at + length);
        at += length;
    }
    tokens
}

/// The length of the first opcode with its argument.
fn length(bytes: &[u8]) -> Option<usize> {
    let counted = |width: usize| {
        let mut word = [0; 8];
        word[..width].copy_from_slice(bytes.get(1..1 + width)?);
        usize::try_from(u64::from_le_bytes(word))
            .ok()?
            .checked_add(1 + width)
    };
    let length = match *bytes.first()? {
        0x80 | b'K' | b'q' | b'h' | 0x82 => 2,
        b'M' => 3,
        b'J' | b'r' | b'j' => 5,
        b'G' | 0x95 => 9,
        0x8a | 0x8c | b'U' | b'C' => counted(1)?,
        0x8b | b'X' | b'T' | b'B' => counted(4)?,
        0x8d | 0x8e | 0x96 => counted(8)?,
        b'c' => {
            let breaks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            breaks.map(|(at, _)| at + 1).nth(1)?
        }
        _ => 1,
    };
    (length <= bytes.len()).then_some(length)
}
