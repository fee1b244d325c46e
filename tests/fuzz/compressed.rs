//! Tables of text in gzip and Zstandard: streams taken apart, changed inside and out, and put together again.

use std::io::{Read, Write};

use flate2::{Compression, GzBuilder};
use pipeline_random::Draws;

use crate::bytes::{self, overwrite, pick, place};
use crate::csv;

/// No more of a stream is decompressed for a mutation.
const MOST: u64 = 64 << 10;

/// Bytes of a text that a short stream is made of: every row of it takes some hundred bytes of memory.
const LONGEST: usize = 4 << 20;

/// The texts of [`csv::seeds`] in one and the other.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    type Compress = fn(&[u8]) -> Vec<u8>;
    let compress: [(&str, Compress); 2] = [("gzip", gzip), ("zstd", zstandard)];
    let mut seeds = Vec::new();
    for (name, text) in csv::seeds() {
        for (how, compress) in compress {
            let stream = compress(&text[1..]);
            seeds.push((format!("{name}, {how}"), [&text[..1], &stream].concat()));
        }
    }
    seeds
}

pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    csv::keeping_use(input, other, draws, stream)
}

fn stream(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    match draws.below(10) {
        0..=3 => {
            let changed = csv::text(&text_of(input), &text_of(other), draws);
            compressed(&changed, draws)
        }
        4 => long(&text_of(input), draws),
        5 => [input, &compressed(&text_of(other), draws)].concat(),
        6 => {
            // The header, or the checksum and the length at the end.
            let mut stream = input.to_vec();
            let at = match draws.below(2) {
                0 => place(draws, 18),
                _ => stream.len().saturating_sub(1 + place(draws, 12)),
            };
            let width = pick(draws, &[1, 2, 4]);
            overwrite(&mut stream, at, width, draws);
            stream
        }
        7 => [input, &vec![0; place(draws, 40)]].concat(),
        _ => bytes::mutate(input, other, draws),
    }
}

/// What a stream holds, up to where it is damaged.
fn text_of(stream: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    // What cannot be decompressed is for the reader to find.
    let _ = match stream.starts_with(b"\x1f\x8b") {
        true => (flate2::read::MultiGzDecoder::new(stream).take(MOST)).read_to_end(&mut text),
        false => {
            zstd::Decoder::new(stream).and_then(|decoder| decoder.take(MOST).read_to_end(&mut text))
        }
    };
    text
}

/// In one stream or several, of either kind.
fn compressed(text: &[u8], draws: &mut Draws) -> Vec<u8> {
    let (first, second) = text.split_at(place(draws, text.len() + 1));
    match draws.below(6) {
        0 => gzip(text),
        1 => zstandard(text),
        2 => [gzip(first), gzip(second)].concat(),
        3 => [zstandard(first), zstandard(second)].concat(),
        4 => named(text),
        _ => [gzip(first), zstandard(second)].concat(),
    }
}

/// A short stream of a long text: a cell, a header or rows without end.
fn long(text: &[u8], draws: &mut Draws) -> Vec<u8> {
    let times = 1 << (10 + draws.below(8));
    let line = text.split_inclusive(|byte| *byte == b'\n').next_back();
    let piece: &[u8] = match draws.below(5) {
        0 => line.unwrap_or_default(),
        1 => b"7",
        2 => b"\"",
        3 => b"a,",
        _ => b"\n",
    };
    let text = [text, &piece.repeat(times.min(LONGEST / piece.len().max(1)))].concat();
    match draws.below(2) {
        0 => gzip(&text),
        _ => zstandard(&text),
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// With every field that a header may have.
fn named(text: &[u8]) -> Vec<u8> {
    let builder = GzBuilder::new()
        .filename("table.csv")
        .comment("none")
        .extra(vec![1; 9]);
    let mut encoder = builder.write(Vec::new(), Compression::none());
    encoder.write_all(text).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

fn zstandard(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).expect("memory can be read")
}
