//! The format of before PyTorch 1.6: five pickles, then the storages.

use pipeline_random::Draws;

use crate::bytes::{self, overwrite, place};
use crate::{pickle, pickle_program};

/// Magic number, version, machine, the object and the order of its storages.
const PICKLES: usize = 5;

pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    match draws.below(8) {
        0 => whole(draws),
        1 => {
            let mut bytes = input.to_vec();
            let at = place(draws, bytes.len());
            overwrite(&mut bytes, at, 8, draws);
            bytes
        }
        2 => bytes::mutate(input, other, draws),
        _ => pickle::mutate(input, other, PICKLES, draws),
    }
}

/// A file of this format around any object.
fn whole(draws: &mut Draws) -> Vec<u8> {
    let keys: Vec<u8> = (0..4)
        .flat_map(|key| pickle_program::text(&key.to_string()))
        .collect();
    let mut bytes = [
        &b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e"[..],
        b"\x80\x02M\xe9\x03.",
        b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.",
        &pickle_program::whole(draws),
        b"\x80\x02](",
        &keys,
        b"e.",
    ]
    .concat();
    for _ in 0..4 {
        let length = draws.below(24);
        bytes.extend(length.to_le_bytes());
        bytes.extend(vec![0; 4 * length as usize]);
    }
    bytes
}
