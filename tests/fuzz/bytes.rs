//! Mutations of bytes without regard to what they mean, and the numbers that break things.

use pipeline_random::Draws;

/// A number at a border of some type or of a file's length.
pub fn border(draws: &mut Draws, length: usize) -> u64 {
    let near = [
        0,
        1,
        length as u64,
        u64::from(u8::MAX),
        u64::from(u16::MAX),
        i32::MAX as u64,
        u64::from(u32::MAX),
        1 << 40,
        i64::MAX as u64,
        u64::MAX,
        u64::MAX / 4 + 1,
        u64::MAX / 8 + 1,
    ];
    let base = near[draws.below(near.len() as u64) as usize];
    base.wrapping_add(draws.below(5)).wrapping_sub(2)
}

/// A place in `0..length`, or 0.
pub fn place(draws: &mut Draws, length: usize) -> usize {
    draws.below(length.max(1) as u64) as usize
}

/// One of a list.
pub fn pick<T: Copy>(draws: &mut Draws, list: &[T]) -> T {
    list[place(draws, list.len())]
}

/// A range, mostly short.
pub fn range(draws: &mut Draws, length: usize) -> std::ops::Range<usize> {
    let start = place(draws, length);
    let most = match draws.below(3) {
        0 => 4,
        1 => 32,
        _ => length,
    };
    let end = start + place(draws, most.min(length - start) + 1);
    start..end
}

/// Overwrites a little-endian integer with one at a border.
pub fn overwrite(bytes: &mut [u8], at: usize, width: usize, draws: &mut Draws) {
    let number = border(draws, bytes.len()).to_le_bytes();
    let Some(field) = bytes.get_mut(at..at + width) else {
        return;
    };
    field.copy_from_slice(&number[..width]);
}

/// One change: a bit, a byte, a number, a block cut, repeated, moved, or taken from `other`.
pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let mut bytes = input.to_vec();
    let at = place(draws, bytes.len());
    match draws.below(9) {
        0 if !bytes.is_empty() => bytes[at] ^= 1 << draws.below(8),
        1 if !bytes.is_empty() => bytes[at] = draws.bits() as u8,
        2 | 3 => {
            let width = 1 << draws.below(4);
            overwrite(&mut bytes, at, width, draws);
        }
        4 => bytes.truncate(at),
        5 => drop(bytes.drain(range(draws, input.len()))),
        6 => {
            let block = input[range(draws, input.len())].to_vec();
            let times = 1 + draws.below(3) * draws.below(8);
            let block = block.repeat(times as usize);
            bytes.splice(at..at, block);
        }
        7 => {
            let block = other[range(draws, other.len())].iter().copied();
            bytes.splice(range(draws, input.len()), block);
        }
        _ => {
            let noise = (0..1 + draws.below(8)).map(|_| draws.bits() as u8);
            bytes.splice(at..at, noise.collect::<Vec<_>>());
        }
    }
    bytes
}
