//! The files of a source, and the pieces they are read in.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::csv_ranges::ranges_of;
use super::{RowTaker, csv_piece, parquet_piece};
use crate::input_path::InputPath;
use crate::parquet_file;
use crate::source::folder::unlisted;
use crate::text_file::{self, Container};
use pipeline_error::Error;
use pipeline_files::{FilePattern, files_below};

/// Bytes that are worth a part of their own.
const BYTES_OF_PART: u64 = 8 << 20;
/// Endings, less what says how it is compressed, of the files that are read of a folder.
const ENDINGS: [&str; 4] = ["csv", "tsv", "psv", "parquet"];

/// The files of a source, ready to be read.
pub(in crate::source) struct TableFiles {
    files: Vec<PathBuf>,
    /// Each a run of pieces that one thread reads.
    parts: Vec<Vec<Piece>>,
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
    /// Lists the files; unless `whole_files`, large ones are read in several pieces.
    pub(in crate::source) fn open(paths: &[InputPath], whole_files: bool) -> Result<Self, Error> {
        let (mut files, mut known) = (Vec::new(), HashSet::new());
        for path in paths {
            let listed = listed(path.as_ref())?.into_iter();
            files.extend(listed.filter(|file| known.insert(file.clone())));
        }
        let mut parts: Vec<Vec<Piece>> = Vec::new();
        let mut bytes = BYTES_OF_PART;
        for (index, file) in files.iter().enumerate() {
            for piece in pieces_of(index, file, whole_files)? {
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
        Ok(Self { files, parts })
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
            let file = &self.files[piece.file];
            if last.replace(piece.file) != Some(piece.file) {
                taker.begin(file)?;
            }
            match &piece.place {
                Place::Text => csv_piece::read(file, None, taker)?,
                Place::TextRange(range) => csv_piece::read(file, Some(range), taker)?,
                Place::Parquet => parquet_piece::read(file, None, taker)?,
                Place::RowGroup {
                    number,
                    rows_before,
                } => parquet_piece::read(file, Some((*number, *rows_before)), taker)?,
            }
        }
        Ok(())
    }
}

fn listed(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let pattern = FilePattern::of(path).map_err(|what| Error::file(path, what))?;
    let files = match &pattern {
        Some(pattern) => pattern.files().map_err(unlisted)?,
        None if path.is_dir() => {
            let mut files = files_below(path).map_err(unlisted)?;
            files.retain(|file| has_known_ending(file));
            files
        }
        None => vec![path.to_path_buf()],
    };
    match (files.is_empty(), pattern) {
        (true, Some(_)) => Err(Error::file(path, "fits no file")),
        (true, None) => Err(Error::file(
            path,
            "holds no table (*.csv, *.tsv, *.psv, *.parquet)",
        )),
        (false, _) => Ok(files),
    }
}

fn has_known_ending(file: &Path) -> bool {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    name.rsplit_once('.')
        .is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

fn pieces_of(index: usize, file: &Path, whole: bool) -> Result<Vec<Piece>, Error> {
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
            let ranges = ranges_of(file, BYTES_OF_PART)?.into_iter();
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
