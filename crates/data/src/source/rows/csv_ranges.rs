//! Where a large text can be cut: after a line end that ends a record.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rayon::prelude::*;

use crate::records::State;
use crate::text_file::{mark_of, unreadable};
use pipeline_error::Error;

/// Bytes read at a time where all are looked at.
const WINDOW: usize = 1 << 20;
/// Bytes read at a time where a line end is looked for.
const NEAR: usize = 1 << 13;
/// Bytes that are followed at a time from each state in which they may begin.
const BLOCK: usize = 1 << 12;

/// Ranges of about `length` bytes that each begin with a record; bytes are counted after the byte
/// order mark. Every stretch of that length is followed at once from each state that it may begin
/// in; which it was is known once those before it are.
pub(super) fn ranges_of(path: &Path, delimiter: u8, length: u64) -> Result<Vec<Range<u64>>, Error> {
    let failed = |error: io::Error| unreadable(path, &error);
    let mut file = File::open(path).map_err(failed)?;
    let mark = mark_of(path, &mut file)?;
    let end = file.metadata().map_err(failed)?.len() - mark;
    let text = Text {
        file,
        mark,
        delimiter,
    };
    let stretches: Vec<Range<u64>> = (0..end.div_ceil(length))
        .map(|index| index * length..((index + 1) * length).min(end))
        .collect();
    let changes = stretches
        .par_iter()
        .map(|stretch| text.change(stretch.clone()))
        .collect::<io::Result<Vec<Change>>>()
        .map_err(failed)?;
    let mut cuts = vec![0];
    let mut state = State::Start;
    for (stretch, change) in stretches.into_iter().zip(changes) {
        if stretch.start > 0 {
            let cut = text.end_of_record(stretch, state).map_err(failed)?;
            cuts.extend(cut.filter(|&cut| cut < end));
        }
        state = change[state as usize];
    }
    let ends = cuts.iter().skip(1).copied().chain([end]);
    Ok(cuts
        .iter()
        .zip(ends)
        .map(|(&start, end)| start..end)
        .collect())
}

/// By the state before some bytes: the state after them.
type Change = [State; 4];

struct Text {
    file: File,
    mark: u64,
    delimiter: u8,
}

impl Text {
    fn change(&self, stretch: Range<u64>) -> io::Result<Change> {
        let mut change = State::ALL;
        self.windows(stretch, WINDOW, |window| {
            for block in window.chunks(BLOCK) {
                // The four states soon become one, which then is followed alone.
                let mut known = [None; 4];
                for state in &mut change {
                    let follow = || state.after_all(block, self.delimiter);
                    *state = *known[*state as usize].get_or_insert_with(follow);
                }
            }
            None
        })?;
        Ok(change)
    }

    /// Where in these bytes a record ends, if one does: behind the first line end outside of quotes.
    fn end_of_record(&self, stretch: Range<u64>, mut state: State) -> io::Result<Option<u64>> {
        let found = self.windows(stretch, NEAR, |window| {
            window.iter().position(|&byte| {
                state = state.after(byte, self.delimiter);
                state == State::Start && byte != self.delimiter
            })
        })?;
        Ok(found.map(|at| at + 1))
    }

    /// Shows `look` the bytes in turn until it has found a place.
    fn windows(
        &self,
        range: Range<u64>,
        window: usize,
        mut look: impl FnMut(&[u8]) -> Option<usize>,
    ) -> io::Result<Option<u64>> {
        let mut bytes = vec![0; window.min((range.end - range.start) as usize)];
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
    use std::io::Read;

    use proptest::prelude::*;

    use super::*;
    use crate::records::{Records, behind_a_line_end, fault_of, reader_builder};
    use crate::text_file;

    /// What texts are made of: what CSV has, and what people put there.
    const PIECES: [&str; 16] = [
        "a", "12", ",", ",", "\n", "\r\n", "\r", "\"", "\"\"", ",\"", "\",", "\"\n", " ",
        "5\" tube", "\u{feff}", "\"x\ny\"",
    ];

    fn records(text: impl Read) -> Vec<Vec<Vec<u8>>> {
        let mut reader = reader_builder(b',')
            .flexible(true)
            .has_headers(false)
            .from_reader(behind_a_line_end(text));
        (reader.byte_records())
            .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect())
            .collect()
    }

    fn fault(text: &[u8]) -> Option<String> {
        let text = Records::new(text, b',', 0);
        let mut reader = reader_builder(b',').flexible(true).from_reader(text);
        let mut records = reader.byte_records();
        let error = records.find_map(Result::err)?;
        Some(fault_of(&error).unwrap().to_string())
    }

    fn written(text: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn issue16_a_text_in_pieces_has_the_records_of_the_whole(
            pieces in prop::collection::vec(0..PIECES.len(), 0..60),
            mark in any::<bool>(),
            length in 1..40_u64,
        ) {
            let text: String = pieces.iter().map(|&piece| PIECES[piece]).collect();
            let bytes = format!("{}{text}", if mark { "\u{feff}" } else { "" }).into_bytes();
            let (_folder, path) = written(&bytes);
            let mut whole = Vec::new();
            text_file::open(&path).unwrap().read_to_end(&mut whole).unwrap();
            let ranges = ranges_of(&path, b',', length).unwrap();
            prop_assert_eq!(ranges[0].start, 0);
            prop_assert_eq!(ranges[ranges.len() - 1].end, whole.len() as u64);
            let mut of_pieces = Vec::new();
            for pair in ranges.windows(2) {
                prop_assert!(pair[0].end == pair[1].start && !pair[0].is_empty());
            }
            for range in &ranges {
                of_pieces.extend(records(&whole[range.start as usize..range.end as usize]));
            }
            prop_assert_eq!(&of_pieces, &records(&whole[..]));
            // Each line end outside of quotes is a place to cut at, if it lies in another stretch.
            if length == 1 && !whole.is_empty() {
                let ends = of_pieces.len();
                prop_assert!(ranges.len() + 1 >= ends, "{} ranges, {ends} records", ranges.len());
            }
        }

        #[test]
        fn issue16_a_quote_is_unclosed_where_the_reader_takes_in_what_follows(
            pieces in prop::collection::vec(0..PIECES.len(), 0..60),
        ) {
            let text: String = pieces.iter().map(|&piece| PIECES[piece]).collect();
            let last = records(format!("{text}\nlast").as_bytes()).pop();
            let takes_in = last != Some(vec![b"last".to_vec()]);
            match fault(text.as_bytes()) {
                None => prop_assert!(!takes_in, "{text:?}"),
                Some(fault) if fault.contains("end of the file") => prop_assert!(takes_in, "{text:?}"),
                Some(fault) => prop_assert!(fault.contains("text follows"), "{fault}"),
            }
        }
    }

    #[test]
    fn a_text_is_cut_between_records_also_where_fields_hold_line_ends() {
        let records: Vec<String> = (0..200)
            .map(|index| match index % 4 {
                0 => format!("{index},\"a\n\"\"b\"\"\n\"\n"),
                1 => format!("{index},\"\"\r\n"),
                2 => format!("{index},tube 5\" deep\n"),
                _ => format!("{index},{}\n", "x".repeat(index % 40)),
            })
            .collect();
        let text = records.concat();
        let starts: Vec<usize> = (records.iter())
            .scan(0, |at, record| {
                Some(std::mem::replace(at, *at + record.len()))
            })
            .collect();
        for length in [1, 7, 50, 1000, 1 << 20] {
            let (_folder, path) = written(text.as_bytes());
            let ranges = ranges_of(&path, b',', length).unwrap();
            let begins = |range: &Range<u64>| {
                let start = range.start as usize;
                // A piece may begin with the line feed of the record before it.
                starts.contains(&start) || starts.contains(&(start + 1))
            };
            assert!(ranges.iter().all(begins), "{length}");
            assert_eq!(ranges.len() == 1, length > text.len() as u64, "{length}");
        }
    }
}
