//! The files of a source, and the pieces they are read in.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::csv_ranges::ranges_of;
use super::{RowTaker, csv_piece, parquet_piece};
use crate::input_path::InputPath;
use crate::parquet_file;
use crate::records::RowLike;
use crate::source::copies;
use crate::source::folder::SourceFiles;
use crate::source::stay_table::StayTable;
use crate::text_file::{self, Container};
use pipeline_error::Error;

/// Bytes that are worth a part of their own.
const BYTES_OF_PART: u64 = 8 << 20;
/// Endings, less what says how it is compressed, of the files that are read of a folder.
const ENDINGS: [&str; 4] = ["csv", "tsv", "psv", "parquet"];

/// The files of a source, ready to be read.
pub(in crate::source) struct TableFiles {
    files: SourceFiles,
    /// What separates fields of texts; `None`: what a file's name says.
    delimiter: Option<u8>,
    /// Each a run of pieces that one thread reads.
    parts: Vec<Vec<Piece>>,
    /// Found while reading.
    row_like: Mutex<LinesInQuotes>,
}

/// Lines inside quotes that look like rows.
#[derive(Default)]
struct LinesInQuotes {
    count: u64,
    /// Index of a file, and where in it the first quoted field opens that has one.
    first: Option<(usize, u64)>,
}

/// What is read at a time.
struct Piece {
    /// Index into the files.
    file: usize,
    place: Place,
    bytes: u64,
}

enum Place {
    /// All of a text.
    Text,
    /// These bytes of a text that is not compressed.
    TextRange(std::ops::Range<u64>),
    Parquet,
    RowGroup {
        number: usize,
        rows_before: usize,
    },
}

impl TableFiles {
    /// Lists the files; unless `whole_files`, which are a stay each, large ones are read in several
    /// pieces.
    pub(in crate::source) fn open(
        paths: &[InputPath],
        delimiter: Option<u8>,
        whole_files: bool,
    ) -> Result<Self, Error> {
        let mut files = SourceFiles::new(whole_files);
        for path in paths.iter().map(AsRef::as_ref) {
            if files.add(path, has_known_ending)? == 0 {
                return Err(holds_none(path));
            }
        }
        if !whole_files {
            copies::refuse(files.files())?;
        }
        let mut parts: Vec<Vec<Piece>> = Vec::new();
        let mut bytes = BYTES_OF_PART;
        for (index, file) in files.files().iter().enumerate() {
            let delimiter = delimiter.unwrap_or_else(|| text_file::delimiter(file));
            for piece in pieces_of(index, file, delimiter, whole_files)? {
                if bytes >= BYTES_OF_PART {
                    parts.push(Vec::new());
                    bytes = 0;
                }
                bytes += piece.bytes;
                if let Some(part) = parts.last_mut() {
                    part.push(piece);
                }
            }
        }
        Ok(Self {
            files,
            delimiter,
            parts,
            row_like: Mutex::default(),
        })
    }

    /// Whether a path leads to one of the files.
    pub(in crate::source) fn has(&self, path: &Path) -> bool {
        self.files.has(path)
    }

    /// The number of parts.
    pub(in crate::source) fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Reads a part.
    pub(in crate::source) fn read(
        &self,
        part: usize,
        taker: &mut dyn RowTaker,
    ) -> Result<(), Error> {
        let mut last = None;
        for piece in &self.parts[part] {
            let file = &self.files.files()[piece.file];
            if last.replace(piece.file) != Some(piece.file) {
                taker.begin(file)?;
            }
            let range = match &piece.place {
                Place::Text => None,
                Place::TextRange(range) => Some(range),
                Place::Parquet => {
                    parquet_piece::read(file, None, taker)?;
                    continue;
                }
                Place::RowGroup {
                    number,
                    rows_before,
                } => {
                    parquet_piece::read(file, Some((*number, *rows_before)), taker)?;
                    continue;
                }
            };
            let delimiter = self.delimiter.unwrap_or_else(|| text_file::delimiter(file));
            let row_like = csv_piece::read(file, range, delimiter, taker)?;
            self.count_lines_in_quotes(piece.file, row_like);
        }
        Ok(())
    }

    /// Tells `stays` what is not read.
    pub(in crate::source) fn tell(&self, stays: &mut StayTable) -> Result<(), Error> {
        self.files.tell(stays);
        let found = self.row_like.lock();
        let found = found.unwrap_or_else(PoisonError::into_inner);
        if let Some((file, opened)) = found.first {
            let file = &self.files.files()[file];
            let line = text_file::line_at(file, opened)?;
            stays.notes.push(format!(
                "warning: {} lines inside quoted fields look like rows, and are not read as such: the first field that has one opens in {}, line {line}: is its closing quote where it belongs?",
                found.count,
                file.display()
            ));
        }
        stays.lines_in_quotes = found.count;
        Ok(())
    }

    fn count_lines_in_quotes(&self, file: usize, found: RowLike) {
        let all = self.row_like.lock();
        let mut all = all.unwrap_or_else(PoisonError::into_inner);
        all.count += found.lines;
        let opened = found.opened.map(|opened| (file, opened));
        all.first = all.first.into_iter().chain(opened).min();
    }
}

fn holds_none(path: &Path) -> Error {
    match path.is_dir() {
        false => Error::file(path, "fits no file"),
        true => Error::file(path, "holds no table (*.csv, *.tsv, *.psv, *.parquet)").with_hint(
            "files with other endings are read if they are named, or by a pattern: files = [\"FOLDER/*.txt\"] (`records` of \
             physionet-2019); \
             those that begin with `.`, `_` or `~$` only if they are named",
        ),
    }
}

fn has_known_ending(file: &Path) -> bool {
    text_file::ending(file).is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

fn pieces_of(index: usize, file: &Path, delimiter: u8, whole: bool) -> Result<Vec<Piece>, Error> {
    let bytes = std::fs::metadata(file).map_err(|error| text_file::unreadable(file, &error))?;
    let bytes = bytes.len();
    let piece = |place, bytes| Piece {
        file: index,
        place,
        bytes,
    };
    Ok(match text_file::container(file)? {
        Container::Parquet if whole => vec![piece(Place::Parquet, bytes)],
        Container::Parquet => {
            let mut rows_before = 0;
            let mut pieces = Vec::new();
            let metadata = parquet_file::open(file)?.metadata().clone();
            for (number, group) in metadata.row_groups().iter().enumerate() {
                let place = Place::RowGroup {
                    number,
                    rows_before,
                };
                pieces.push(piece(place, group.compressed_size().max(0) as u64));
                rows_before += group.num_rows().max(0) as usize;
            }
            pieces
        }
        Container::Plain if !whole && bytes > 2 * BYTES_OF_PART => {
            let ranges = ranges_of(file, delimiter, BYTES_OF_PART)?.into_iter();
            ranges
                .map(|range| {
                    let bytes = range.end - range.start;
                    piece(Place::TextRange(range), bytes)
                })
                .collect()
        }
        _ => vec![piece(Place::Text, bytes)],
    })
}
