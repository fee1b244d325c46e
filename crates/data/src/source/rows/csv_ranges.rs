//! Where a large text can be cut: after a line end that is not inside quotes.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rayon::prelude::*;

use crate::text_file::{mark_of, unreadable};
use pipeline_error::Error;

/// Bytes looked at at a time.
const WINDOW: usize = 1 << 20;

/// Ranges of about `length` bytes that each begin with a record; bytes are counted after the byte
/// order mark. A quote in a quoted field is doubled, so a place is inside quotes exactly where the
/// number of quotes before it is odd.
pub(super) fn ranges_of(path: &Path, length: u64) -> Result<Vec<Range<u64>>, Error> {
    let failed = |error: io::Error| unreadable(path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let mark = mark_of(path, &mut file)?;
    let end = file.metadata().map_err(failed)?.len() - mark;
    let text = Text { file, mark };
    let starts: Vec<u64> = (0..end.div_ceil(length))
        .map(|index| index * length)
        .collect();
    let quotes = starts
        .par_iter()
        .map(|&start| text.quotes(start..(start + length).min(end)))
        .collect::<io::Result<Vec<u64>>>()
        .map_err(failed)?;
    let mut cuts = vec![0];
    let mut before = 0;
    for (&start, quotes) in starts.iter().zip(quotes) {
        if start > 0 {
            let cut = text
                .next_record(start, before % 2 == 1, end)
                .map_err(failed)?;
            if cut > cuts.last().copied().unwrap_or(0) && cut < end {
                cuts.push(cut);
            }
        }
        before += quotes;
    }
    let ends = cuts.iter().skip(1).copied().chain([end]);
    Ok(cuts
        .iter()
        .zip(ends)
        .map(|(&start, end)| start..end)
        .collect())
}

struct Text {
    file: File,
    mark: u64,
}

impl Text {
    fn quotes(&self, range: Range<u64>) -> io::Result<u64> {
        let mut count = 0;
        self.windows(range, |window| {
            count += window.iter().filter(|&&byte| byte == b'"').count() as u64;
            None::<usize>
        })?;
        Ok(count)
    }

    /// Where the first record begins after `start`: behind the first line end outside of quotes.
    fn next_record(&self, start: u64, mut quoted: bool, end: u64) -> io::Result<u64> {
        let found = self.windows(start..end, |window| {
            window.iter().position(|byte| {
                quoted ^= *byte == b'"';
                *byte == b'\n' && !quoted
            })
        })?;
        Ok(found.map_or(end, |at| at + 1))
    }

    /// Shows `look` the bytes in turn until it has found a place.
    fn windows(
        &self,
        range: Range<u64>,
        mut look: impl FnMut(&[u8]) -> Option<usize>,
    ) -> io::Result<Option<u64>> {
        let mut bytes = vec![0; WINDOW.min((range.end - range.start) as usize)];
        let mut at = range.start;
        while at < range.end {
            let length = bytes.len().min((range.end - at) as usize);
            self.file
                .read_exact_at(&mut bytes[..length], self.mark + at)?;
            if let Some(place) = look(&bytes[..length]) {
                return Ok(Some(at + place as u64));
            }
            at += length as u64;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_records_also_where_fields_hold_line_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let records: Vec<String> = (0..200)
            .map(|index| match index % 3 {
                0 => format!("{index},\"a\n\"\"b\"\"\n\"\n"),
                1 => format!("{index},\"\"\r\n"),
                _ => format!("{index},{}\n", "x".repeat(index % 40)),
            })
            .collect();
        let text = records.concat();
        for mark in ["", "\u{feff}"] {
            std::fs::write(&path, format!("{mark}{text}")).unwrap();
            for length in [1, 7, 50, 1000, 1 << 20] {
                let ranges = ranges_of(&path, length).unwrap();
                let starts: Vec<usize> = records
                    .iter()
                    .scan(0, |at, record| {
                        Some(std::mem::replace(at, *at + record.len()))
                    })
                    .collect();
                assert!(
                    ranges
                        .iter()
                        .all(|range| starts.contains(&(range.start as usize)))
                );
                assert!(ranges.windows(2).all(|pair| pair[0].end == pair[1].start));
                assert_eq!(
                    (ranges[0].start, ranges[ranges.len() - 1].end),
                    (0, text.len() as u64)
                );
                assert_eq!(ranges.len() == 1, length > text.len() as u64, "{length}");
            }
        }
    }
}
