//! Tables of text: mutations cell by cell and row by row.

use pipeline_random::Draws;

use crate::bytes::{self, pick, place, range};
use crate::tables;

/// What cells hold that is easily misread.
const CELLS: &[&str] = &[
    "",
    "NA",
    "nan",
    "None",
    "inf",
    "-inf",
    "1e400",
    "-0",
    "0x10",
    "1_000",
    "1,234",
    "<0.01",
    "9007199254740993",
    "18446744073709551616",
    "-9223372036854775808",
    "1e-320",
    "007",
    "+7",
    "7.0",
    "7.5",
    "1e0",
    "\"",
    "\"a\nb\"",
    "\"1,2,3,4\n5,6,7,8\"",
    "\"\"\"\"",
    "a\"b",
    " 1 ",
    "\u{feff}1",
    "\u{200b}1",
    "1\u{a0}",
    "\u{130}",
    "\0",
    "2150-01-31 14:05:00",
    "2150-01-31T14:05:00Z",
    "2150-01-31 14:05:00+25:00",
    "2150-02-30 00:00",
    "-9999-01-01 00:00:00",
    "26:30",
    "99999999999 days 00:00:00",
    "PT1E400S",
    "3.3e12",
    "true",
    "train",
    "HR",
    "rhythm=sinus",
];

/// Texts of every use, with the byte that says which.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let seed = |(usage, text): (u8, &str)| {
        let name = format!("table for {}", char::from(usage));
        (name, [&[usage], text.as_bytes()].concat())
    };
    tables::USES.into_iter().map(seed).collect()
}

/// The file behind the byte, changed.
pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    keeping_use(input, other, draws, text)
}

/// Changes the file behind the byte that says what it is used as, and rarely the byte.
pub fn keeping_use(
    input: &[u8],
    other: &[u8],
    draws: &mut Draws,
    change: impl Fn(&[u8], &[u8], &mut Draws) -> Vec<u8>,
) -> Vec<u8> {
    let (usage, file) = input.split_first().unwrap_or((&b'l', &[]));
    let (theirs, other) = other.split_first().unwrap_or((&b'l', &[]));
    let usage = match draws.below(64) {
        0 => *theirs,
        _ => *usage,
    };
    [&[usage], &change(file, other, draws)[..]].concat()
}

/// A text with one change.
pub fn text(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let (Ok(text), Ok(theirs)) = (std::str::from_utf8(input), std::str::from_utf8(other)) else {
        return bytes::mutate(input, other, draws);
    };
    let mut rows: Vec<String> = text.split_inclusive('\n').map(str::to_string).collect();
    let theirs: Vec<&str> = theirs.split_inclusive('\n').collect();
    let at = place(draws, rows.len());
    match draws.below(14) {
        0 => drop(rows.drain(range(draws, rows.len()))),
        1 => {
            let block = rows[range(draws, rows.len())].to_vec();
            let times = 1 + draws.below(2) * draws.below(40);
            let block = (0..times).flat_map(|_| block.clone()).collect::<Vec<_>>();
            rows.splice(at..at, block);
        }
        2 => {
            let block = theirs[range(draws, theirs.len())].iter();
            rows.splice(at..at, block.map(|row| row.to_string()));
        }
        3 => {
            let second = place(draws, rows.len());
            if !rows.is_empty() {
                rows.swap(at, second);
            }
        }
        4 => {
            let (from, to) = pick(
                draws,
                &[
                    ("\n", "\r\n"),
                    ("\n", "\r"),
                    (",", ";"),
                    (",", "\t"),
                    ("\n", "\n\n"),
                ],
            );
            return text.replace(from, to).into_bytes();
        }
        5 => return [b"\xef\xbb\xbf", input].concat(),
        6 => return bytes::mutate(input, other, draws),
        7 => column(&mut rows, draws),
        _ => {
            if let Some(row) = rows.get_mut(at) {
                *row = changed(row, draws);
            }
        }
    }
    rows.concat().into_bytes()
}

/// A column twice, gone, or in another place.
fn column(rows: &mut [String], draws: &mut Draws) {
    let (from, to, kind) = (place(draws, 6), place(draws, 6), draws.below(3));
    for row in rows {
        let end = if row.ends_with('\n') { "\n" } else { "" };
        let mut cells: Vec<&str> = row.trim_end_matches('\n').split(',').collect();
        if from.max(to) >= cells.len() {
            continue;
        }
        match kind {
            0 => drop(cells.remove(from)),
            1 => cells.insert(to, cells[from]),
            _ => cells.swap(from, to),
        }
        *row = cells.join(",") + end;
    }
}

/// A row with another cell, one more or one less.
fn changed(row: &str, draws: &mut Draws) -> String {
    let end = if row.ends_with('\n') { "\n" } else { "" };
    let mut cells: Vec<String> = (row.trim_end_matches('\n').split(','))
        .map(str::to_string)
        .collect();
    let at = place(draws, cells.len());
    match draws.below(8) {
        0 => drop(cells.remove(at)),
        1 => cells.insert(at, pick(draws, CELLS).into()),
        2 => cells[at] = format!("\"{}\"", cells[at]),
        3 => cells[at] = cells[at].repeat(1 + place(draws, 300)),
        4 => {
            let number = bytes::border(draws, 64) as i64;
            cells[at] = number.to_string();
        }
        _ => cells[at] = pick(draws, CELLS).into(),
    }
    cells.join(",") + end
}
