//! Zip files: taken apart and put together again, and broken where it hurts.

use std::io::{Cursor, Read, Write};

use pipeline_random::Draws;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::bytes::{self, border, overwrite, pick, place};

/// First bytes of the records: local and central header, end, end of zip64 and its locator.
const RECORDS: [&[u8; 4]; 5] = [
    b"PK\x03\x04",
    b"PK\x01\x02",
    b"PK\x05\x06",
    b"PK\x06\x06",
    b"PK\x06\x07",
];

/// The entries of an archive that can be read, in order.
pub fn entries(input: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut archive = ZipArchive::new(Cursor::new(input)).ok()?;
    let mut entries = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).ok()?;
        let mut data = Vec::new();
        let name = entry.name().ok()?.into_owned();
        // Damage is for the reader to find, here it is data as well.
        let _ = entry.by_ref().take(1 << 20).read_to_end(&mut data);
        entries.push((name, data));
    }
    Some(entries)
}

/// An archive as torch writes it: stored, with checksums.
pub fn written(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, data) in entries {
        if archive.start_file(name.as_str(), options).is_ok() {
            archive.write_all(data).expect("memory can be written");
        }
    }
    let finished = archive.finish();
    finished.map(Cursor::into_inner).unwrap_or_default()
}

pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let changed = match draws.below(3) {
        0 => entry_list(input, other, draws),
        1 => record_field(input, draws),
        _ => Some(bytes::mutate(input, other, draws)),
    };
    let mut changed = changed.unwrap_or_else(|| bytes::mutate(input, other, draws));
    if draws.below(2) == 0 {
        repair(&mut changed);
    }
    changed
}

/// Entries dropped, repeated, renamed, moved, taken from another archive, lengthened or cut.
fn entry_list(input: &[u8], other: &[u8], draws: &mut Draws) -> Option<Vec<u8>> {
    let mut list = entries(input).filter(|list| !list.is_empty())?;
    let at = place(draws, list.len());
    match draws.below(8) {
        0 => drop(list.remove(at)),
        1 => {
            let (name, data) = list[at].clone();
            list.push((format!("{name}{}", draws.below(3)), data));
        }
        2 => {
            let names = [
                "x/data.pkl",
                "data.pkl",
                "x/byteorder",
                "x/data/0",
                "x/../data.pkl",
                "/",
                "",
            ];
            list[at].0 = pick(draws, &names).to_string();
        }
        3 => {
            let second = place(draws, list.len());
            list.swap(at, second);
        }
        4 => list.extend(entries(other)?),
        5 => {
            let second = place(draws, list.len());
            list[at].1 = list[second].1.clone();
        }
        6 => {
            let length = border(draws, list[at].1.len()).min(1 << 16);
            list[at].1.resize(length as usize, 0);
        }
        _ => {
            let data = &mut list[at].1;
            *data = bytes::mutate(data, other, draws);
        }
    }
    Some(written(&list))
}

/// A field of one of the records set to a number at a border, or to that of another record.
fn record_field(input: &[u8], draws: &mut Draws) -> Option<Vec<u8>> {
    let records: Vec<usize> = input
        .windows(4)
        .enumerate()
        .filter(|(_, window)| RECORDS.iter().any(|record| window == record))
        .map(|(at, _)| at)
        .collect();
    if records.is_empty() {
        return None;
    }
    let mut bytes = input.to_vec();
    let (one, two) = (pick(draws, &records), pick(draws, &records));
    let field = 4 + 2 * place(draws, 24);
    let width = pick(draws, &[2, 4, 8]);
    match bytes
        .get(two + field..two + field + width)
        .map(<[u8]>::to_vec)
    {
        Some(theirs) if draws.below(3) == 0 => {
            bytes
                .get_mut(one + field..one + field + width)?
                .copy_from_slice(&theirs);
        }
        _ => overwrite(&mut bytes, one + field, width, draws),
    }
    Some(bytes)
}

/// Makes the checksums of both headers fit the data, where headers and data can be found.
fn repair(bytes: &mut [u8]) {
    let central: Vec<usize> = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, window)| *window == RECORDS[1])
        .map(|(at, _)| at)
        .collect();
    for at in central {
        repair_entry(bytes, at);
    }
}

fn repair_entry(bytes: &mut [u8], central: usize) -> Option<()> {
    let number = |bytes: &[u8], at: usize, width: usize| {
        let mut word = [0; 8];
        word[..width].copy_from_slice(bytes.get(at..at + width)?);
        Some(u64::from_le_bytes(word) as usize)
    };
    let size = number(bytes, central + 20, 4)?;
    let local = number(bytes, central + 42, 4)?;
    let names = number(bytes, local + 26, 2)? + number(bytes, local + 28, 2)?;
    let data = bytes.get(local + 30 + names..local + 30 + names + size)?;
    let sum = crc32(data).to_le_bytes();
    bytes
        .get_mut(central + 16..central + 20)?
        .copy_from_slice(&sum);
    bytes.get_mut(local + 14..local + 18)?.copy_from_slice(&sum);
    Some(())
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(sum & 1))
        })
    })
}
