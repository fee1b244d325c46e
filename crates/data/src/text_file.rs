//! Files of text in rows: how their fields are separated, and how they are compressed.
//!
//! Endings of names are compared without case: `B.CSV.GZ` is what `b.csv.gz` is.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::foreign_file;
use super::names::quoted;
use pipeline_error::memory::{self, MORE_MEMORY, shown};
use pipeline_error::{Code, Error};

/// What a file's first bytes say of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Plain,
    Gzip,
    Zstandard,
    Parquet,
}

/// Looks at the first bytes of a file.
pub(super) fn container(path: &Path) -> Result<Container, Error> {
    let read = || -> io::Result<Container> {
        let mut first = Vec::with_capacity(4);
        pipeline_files::open(path)?
            .take(4)
            .read_to_end(&mut first)?;
        Ok(match &first[..] {
            [0x1f, 0x8b, ..] => Container::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Container::Zstandard,
            b"PAR1" => Container::Parquet,
            _ => Container::Plain,
        })
    };
    read().map_err(|error| unreadable(path, &error))
}

/// The text of a file, decompressed, without a byte order mark. What is no text of rows (an
/// archive, a page, UTF-16) is an error that says what it is.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read + Send>, Error> {
    let open = || pipeline_files::open(path).map_err(|error| unreadable(path, &error));
    let mut reader: Box<dyn Read + Send> = match container(path)? {
        Container::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(open()?))),
        Container::Zstandard => {
            let decoder = zstd::Decoder::new(open()?);
            Box::new(decoder.map_err(|error| unreadable(path, &error))?)
        }
        Container::Plain | Container::Parquet => Box::new(open()?),
    };
    let mut first = Vec::with_capacity(foreign_file::LOOKED_AT);
    let start = (&mut reader).take(foreign_file::LOOKED_AT as u64);
    read_all(path, start, &mut first)?;
    foreign_file::refuse(path, &first)?;
    if first.starts_with(MARK) {
        first.drain(..MARK.len());
    }
    Ok(Box::new(io::Cursor::new(first).chain(reader)))
}

/// Fails if a file that should be Parquet is known as something else.
pub(super) fn refuse_foreign(path: &Path) -> Result<(), Error> {
    let mut first = Vec::with_capacity(foreign_file::LOOKED_AT);
    let file = pipeline_files::open(path).map_err(|error| unreadable(path, &error))?;
    read_all(path, file.take(foreign_file::LOOKED_AT as u64), &mut first)?;
    foreign_file::refuse(path, &first)
}

/// What is read whole may take one part in so many of the memory: it becomes rows, which take more.
const SHARE: u64 = 8;

/// The whole text of a file that is small. A few bytes may be a text without an end, compressed.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let most = memory::limit() / SHARE;
    let mut bytes = Vec::new();
    read_all(path, open(path)?.take(most + 1), &mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(too_long(path, &format!("more than {}", shown(most)), most)),
        false => Ok(bytes),
    }
}

fn too_long(path: &Path, length: &str, most: u64) -> Error {
    let what = format!(
        "its text is {length} long, and a text that is read whole may have {} here: 1/{SHARE} of the memory",
        shown(most)
    );
    Error::file(path, what).with_hint(format!(
        "check that this is the intended file; otherwise {MORE_MEMORY}"
    ))
}

/// Bytes of the byte order mark that a plain file begins with: 3 or 0.
pub(super) fn mark_of(path: &Path, file: &mut File) -> Result<u64, Error> {
    let mut read = || -> io::Result<u64> {
        let mut first = Vec::with_capacity(MARK.len());
        file.rewind()?;
        file.take(MARK.len() as u64).read_to_end(&mut first)?;
        Ok(if first == MARK { MARK.len() as u64 } else { 0 })
    };
    read().map_err(|error| unreadable(path, &error))
}

/// What separates fields, by the file's name: a tab in `.tsv`, a bar in `.psv`, else a comma.
pub(super) fn delimiter(path: &Path) -> u8 {
    match ending(path).as_deref() {
        Some("tsv") => b'\t',
        Some("psv") => b'|',
        _ => b',',
    }
}

/// Whether a file is called like a table, which may be compressed.
pub(super) fn has_table_ending(path: &Path) -> bool {
    const TABLES: [&str; 5] = ["csv", "tsv", "psv", "txt", "parquet"];
    ending(path).is_some_and(|ending| TABLES.contains(&ending.as_str()))
}

/// The ending of a file's name in lower case, less what says how it is compressed.
pub(super) fn ending(path: &Path) -> Option<String> {
    let name = uncompressed(path);
    let ending = name.extension()?.to_str()?;
    Some(ending.to_ascii_lowercase())
}

/// A file's name without its ending and what says how it is compressed.
pub(super) fn stem(path: &Path) -> &OsStr {
    uncompressed(path).file_stem().unwrap_or_default()
}

fn uncompressed(path: &Path) -> &Path {
    let name = Path::new(path.file_name().unwrap_or_default());
    let compressed = name.extension().is_some_and(|ending| {
        ["gz", "zst"]
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
    });
    match (compressed, name.file_stem()) {
        (true, Some(stem)) => Path::new(stem),
        _ => name,
    }
}

/// The complaint that a table has no column `name`.
pub(super) fn no_column(path: &Path, header: &[String], name: &str) -> Error {
    let separators = [(';', ";"), ('\t', "tab"), ('|', "|"), (',', ",")];
    if let [only] = header
        && let Some((_, shown)) = separators.iter().find(|(byte, _)| only.contains(*byte))
    {
        let what =
            format!("its header is the one column `{only}`: another character separates fields");
        return Error::file(path, what)
            .with_hint(format!("`delimiter = \"{shown}\"` beside its path says which, where the recipe has a table for it; in `.tsv` it is a tab, in `.psv` a bar, else a comma"))
            .coded(Code::MissingColumn);
    }
    let what = format!("has no column `{name}`; it has {}", quoted(header.iter()));
    let error = Error::file(path, what).coded(Code::MissingColumn);
    let begins = format!("{name}=");
    let is_partition = |part: &OsStr| part.as_encoded_bytes().starts_with(begins.as_bytes());
    match path
        .parent()
        .and_then(|folder| folder.iter().find(|part| is_partition(part)))
    {
        Some(folder) => error.with_hint(format!(
            "the folder `{}` says it, and names of folders are not read: write it into a column",
            folder.display()
        )),
        None => error,
    }
}

/// The complaint about a line that is no UTF-8.
pub(super) fn no_utf8(path: &Path, line: u64) -> Error {
    Error::file(path, format!("line {line}: not UTF-8 text"))
        .with_hint("`iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW` writes most such files as UTF-8; FILE's encoding is not known")
}

/// The line, from 1, of the record at byte `position` of the text (its mark not counted). What
/// stands there may be line ends: the record begins after them.
pub(super) fn line_at(path: &Path, position: u64) -> Result<u64, Error> {
    let mut reader = open(path)?;
    let mut lines = LineCounter::default();
    let mut passed = 0;
    let mut bytes = vec![0; 1 << 16];
    loop {
        let count = (reader.read(&mut bytes)).map_err(|error| unreadable(path, &error))?;
        for &byte in &bytes[..count] {
            if passed >= position && !matches!(byte, b'\r' | b'\n') {
                return Ok(lines.line());
            }
            lines.pass(byte);
            passed += 1;
        }
        if count == 0 {
            return Ok(lines.line());
        }
    }
}

/// Counts lines as an editor does: by line feeds, or by carriage returns where there is no line feed.
#[derive(Default)]
pub(super) struct LineCounter {
    feeds: u64,
    returns: u64,
}

impl LineCounter {
    pub(super) fn pass(&mut self, byte: u8) {
        self.feeds += u64::from(byte == b'\n');
        self.returns += u64::from(byte == b'\r');
    }

    /// The line of the byte that follows, from 1.
    pub(super) fn line(&self) -> u64 {
        1 + match self.feeds {
            0 => self.returns,
            feeds => feeds,
        }
    }
}

const MARK: &[u8] = b"\xef\xbb\xbf";

fn read_all(path: &Path, mut reader: impl Read, bytes: &mut Vec<u8>) -> Result<(), Error> {
    let read = reader.read_to_end(bytes);
    read.map(drop).map_err(|error| unreadable(path, &error))
}

/// Columns of a table at most: each takes memory that its few letters do not show.
const MOST_COLUMNS: usize = 100_000;

/// Fails on a header of more columns than any table has.
pub(super) fn refuse_too_wide(path: &Path, columns: usize) -> Result<(), Error> {
    match columns > MOST_COLUMNS {
        false => Ok(()),
        true => Err(Error::file(
            path,
            format!("has a header of {columns} columns, and {MOST_COLUMNS} are read at most"),
        )
        .with_hint("a long table holds as many variables as there are, one a row")),
    }
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::file(path, format!("cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_header_of_millions_of_columns_is_refused_by_their_number() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("wide.csv");
        assert!(refuse_too_wide(&path, MOST_COLUMNS).is_ok());
        let error = refuse_too_wide(&path, 2_000_000).unwrap_err().to_string();
        assert!(
            error.contains("wide.csv: has a header of 2000000 columns"),
            "{error}"
        );
    }

    #[test]
    fn text_is_the_same_however_it_is_compressed() {
        let folder = tempfile::tempdir().unwrap();
        let text = b"\xef\xbb\xbfa,b\n1,2\n";
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text).unwrap();
        let cases = [
            (write("a.csv", text), Container::Plain),
            (write("a.csv.gz", &gzip.finish().unwrap()), Container::Gzip),
            (
                write("a.csv.zst", &zstd::encode_all(&text[..], 1).unwrap()),
                Container::Zstandard,
            ),
        ];
        for (path, expected) in cases {
            assert_eq!(container(&path).unwrap(), expected);
            assert_eq!(read(&path).unwrap(), b"a,b\n1,2\n", "{}", path.display());
            assert_eq!(line_at(&path, 4).unwrap(), 2);
        }
        let broken = read(&write("b.csv.gz", b"\x1f\x8bxx")).unwrap_err();
        assert!(broken.to_string().contains("b.csv.gz: cannot be read"));
    }

    #[test]
    fn the_name_tells_the_delimiter() {
        for (name, expected) in [
            ("a.csv", b','),
            ("a.tsv.gz", b'\t'),
            ("p000001.psv", b'|'),
            ("a.psv.zst", b'|'),
            ("a", b','),
            ("B.TSV.GZ", b'\t'),
            ("B.Psv", b'|'),
        ] {
            assert_eq!(delimiter(Path::new(name)), expected, "{name}");
        }
    }
}
