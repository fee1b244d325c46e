//! Whether the footer of a Parquet file can be as long as it says, before the library believes it.
//!
//! The library makes room for as many entries as a list or a group of columns claims to have. A claim of two thousand
//! million in a file of two kilobytes would end the process for want of memory. What else is wrong with a footer, the
//! library says.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// Bytes behind the footer: its length, and the name of the format.
const TAIL: u64 = 8;
/// Tables and columns are a few levels deep; no reader follows a thousand.
const MOST_DEEP: usize = 100;

/// The impossible claim of the footer of `file`, if it makes one.
pub(super) fn impossible_claim(file: &File) -> Option<String> {
    let length = file.metadata().ok()?.len();
    let mut tail = [0; TAIL as usize];
    file.read_exact_at(&mut tail, length.checked_sub(TAIL)?)
        .ok()?;
    let footer = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
    let start = (length - TAIL).checked_sub(u64::from(footer))?;
    if &tail[4..] != b"PAR1" {
        return None;
    }
    let mut bytes = vec![0; footer as usize];
    file.read_exact_at(&mut bytes, start).ok()?;
    claim_of(&bytes)
}

fn claim_of(footer: &[u8]) -> Option<String> {
    match Walk(footer).structure(Place::File, MOST_DEEP) {
        Err(Stop::Impossible(claim)) => Some(claim),
        Ok(()) | Err(Stop::Unsound) => None,
    }
}

enum Stop {
    /// More entries than the footer has bytes, or more parts than columns are described.
    Impossible(String),
    /// No Thrift: the library has a word for it.
    Unsound,
}

/// What of the footer is walked over, as far as it matters.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    File,
    /// A column or group of columns, in a list of so many.
    Column(u64),
    Elsewhere,
}

/// The rest of a footer, in Thrift's compact protocol.
struct Walk<'a>(&'a [u8]);

impl Walk<'_> {
    fn byte(&mut self) -> Result<u8, Stop> {
        let (first, rest) = self.0.split_first().ok_or(Stop::Unsound)?;
        self.0 = rest;
        Ok(*first)
    }

    fn pass(&mut self, count: u64) -> Result<(), Stop> {
        let count = usize::try_from(count).map_err(|_| Stop::Unsound)?;
        self.0 = self.0.get(count..).ok_or(Stop::Unsound)?;
        Ok(())
    }

    /// A number of seven bits a byte, the lowest first.
    fn number(&mut self) -> Result<u64, Stop> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Stop::Unsound)
    }

    fn structure(&mut self, place: Place, depth: usize) -> Result<(), Stop> {
        /// `FileMetaData.schema`, and `SchemaElement.num_children`, of Parquet's parquet.thrift.
        const SCHEMA: i16 = 2;
        const CHILDREN: i16 = 5;
        let depth = depth.checked_sub(1).ok_or(Stop::Unsound)?;
        let mut field = 0_i16;
        loop {
            let head = self.byte()?;
            let (step, kind) = (head >> 4, head & 0x0f);
            if kind == 0 {
                return Ok(());
            }
            field = match step {
                // Numbers that are too long for their type are cut, as the library cuts them.
                0 => zigzag(self.number()?) as i16,
                _ => field.wrapping_add(i16::from(step)),
            };
            match (place, field, kind) {
                (Place::File, SCHEMA, 9) => self.list(Place::Column(0), depth)?,
                (Place::Column(columns), CHILDREN, 5) => {
                    let children = zigzag(self.number()?) as i32;
                    if children > 0 && u64::from(children.unsigned_abs()) >= columns {
                        return Err(Stop::Impossible(format!(
                            "its footer says that a column has {children} parts, and describes {columns} columns in all"
                        )));
                    }
                }
                _ => self.value(kind, depth)?,
            }
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<(), Stop> {
        match kind {
            // A truth in a structure is its own head.
            1 | 2 => Ok(()),
            3 => self.pass(1),
            4..=6 => self.number().map(|_| ()),
            7 => self.pass(8),
            8 => {
                let length = self.number()?;
                self.pass(length)
            }
            9 | 10 => self.list(Place::Elsewhere, depth),
            12 => self.structure(Place::Elsewhere, depth),
            // Parquet has no maps.
            _ => Err(Stop::Unsound),
        }
    }

    fn list(&mut self, place: Place, depth: usize) -> Result<(), Stop> {
        let depth = depth.checked_sub(1).ok_or(Stop::Unsound)?;
        let head = self.byte()?;
        let (short, kind) = (head >> 4, head & 0x0f);
        let count = match short {
            15 => self.number()?,
            short => u64::from(short),
        };
        if count > self.0.len() as u64 {
            return Err(Stop::Impossible(format!(
                "its footer says that a list has {count} entries, and {} bytes follow",
                self.0.len()
            )));
        }
        for _ in 0..count {
            match (place, kind) {
                (Place::Column(_), 12) => self.structure(Place::Column(count), depth)?,
                // In a list a truth is a byte.
                (_, 1 | 2) => self.pass(1)?,
                _ => self.value(kind, depth)?,
            }
        }
        Ok(())
    }
}

fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Field `id` after `before`, of a kind.
    fn head(before: u8, id: u8, kind: u8) -> u8 {
        (id - before) << 4 | kind
    }

    /// A file of two columns: a group with so many parts, and a leaf.
    fn footer(parts: &[u8], entries: &[u8]) -> Vec<u8> {
        let mut bytes = vec![head(0, 1, 5), 2, head(1, 2, 9), 0x2c];
        bytes.extend([head(0, 4, 8), 1, b'r', head(4, 5, 5)]);
        bytes.extend(parts);
        bytes.extend([0, head(0, 1, 5), 2, head(1, 4, 8), 1, b'x', 0]);
        bytes.extend([head(2, 3, 6), 0, head(3, 4, 9)]);
        bytes.extend(entries);
        bytes.push(0);
        bytes
    }

    #[test]
    fn a_sound_footer_claims_nothing_impossible() {
        assert_eq!(claim_of(&footer(&[2], &[0x0c])), None);
        let whole = footer(&[2], &[0x0c]);
        for cut in 0..whole.len() {
            // A list may be longer than what is left of it, and nothing else is claimed.
            let claim = claim_of(&whole[..cut]).unwrap_or_default();
            assert!(
                claim.is_empty() || claim.contains("entries, and"),
                "{claim}"
            );
        }
    }

    #[test]
    fn parts_and_entries_beyond_what_is_there_are_told() {
        // 2³¹ − 1, and −2³¹ − 1, which is the same in 32 bits.
        for many in [
            [0xfe, 0xff, 0xff, 0xff, 0x0f],
            [0x81, 0x80, 0x80, 0x80, 0x10],
        ] {
            let claim = claim_of(&footer(&many, &[0x0c])).unwrap_or_default();
            assert!(
                claim.contains("has 2147483647 parts, and describes 2 columns"),
                "{claim}"
            );
        }
        let long = [0xfc, 0xff, 0xff, 0xff, 0xff, 0x07];
        assert_eq!(
            claim_of(&footer(&[2], &long)).as_deref(),
            Some("its footer says that a list has 2147483647 entries, and 1 bytes follow")
        );
    }

    #[test]
    fn lists_in_lists_end_somewhere() {
        let mut bytes = vec![head(0, 7, 9)];
        bytes.extend([0x19; 100_000]);
        assert_eq!(claim_of(&bytes), None);
    }
}
