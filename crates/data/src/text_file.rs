//! Files of text in rows: how their fields are separated, and how they are compressed.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use pipeline_error::Error;

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
        File::open(path)?.take(4).read_to_end(&mut first)?;
        Ok(match &first[..] {
            [0x1f, 0x8b, ..] => Container::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Container::Zstandard,
            b"PAR1" => Container::Parquet,
            _ => Container::Plain,
        })
    };
    read().map_err(|error| unreadable(path, &error))
}

/// The text of a file, decompressed, without a byte order mark.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read + Send>, Error> {
    let open = || File::open(path).map_err(|error| unreadable(path, &error));
    let mut reader: Box<dyn Read + Send> = match container(path)? {
        Container::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(open()?))),
        Container::Zstandard => {
            let decoder = zstd::Decoder::new(open()?);
            Box::new(decoder.map_err(|error| unreadable(path, &error))?)
        }
        Container::Plain | Container::Parquet => return open_plain(path),
    };
    let mut first = Vec::with_capacity(MARK.len());
    let mark = (&mut reader).take(MARK.len() as u64);
    read_all(path, mark, &mut first)?;
    match first == MARK {
        true => Ok(reader),
        false => Ok(Box::new(io::Cursor::new(first).chain(reader))),
    }
}

/// The whole text of a file that is small.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    read_all(path, open(path)?, &mut bytes)?;
    Ok(bytes)
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
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    match name.rsplit_once('.') {
        Some((_, "tsv")) => b'\t',
        Some((_, "psv")) => b'|',
        _ => b',',
    }
}

/// The line, from 1, of the record at byte `position` of the text (its mark not counted). What
/// stands there may be line ends: the record begins after them.
pub(super) fn line_at(path: &Path, position: u64) -> Result<u64, Error> {
    let mut reader = BufReader::with_capacity(1 << 16, open(path)?);
    let (mut line, mut passed) = (1, 0);
    let mut bytes = vec![0; 1 << 16];
    loop {
        let count = (reader.read(&mut bytes)).map_err(|error| unreadable(path, &error))?;
        for &byte in &bytes[..count] {
            if passed >= position && !matches!(byte, b'\r' | b'\n') {
                return Ok(line);
            }
            line += u64::from(byte == b'\n');
            passed += 1;
        }
        if count == 0 {
            return Ok(line);
        }
    }
}

const MARK: &[u8] = b"\xef\xbb\xbf";

fn open_plain(path: &Path) -> Result<Box<dyn Read + Send>, Error> {
    let mut file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mark = mark_of(path, &mut file)?;
    (file.seek(io::SeekFrom::Start(mark))).map_err(|error| unreadable(path, &error))?;
    Ok(Box::new(file))
}

fn read_all(path: &Path, mut reader: impl Read, bytes: &mut Vec<u8>) -> Result<(), Error> {
    let read = reader.read_to_end(bytes);
    read.map(drop).map_err(|error| unreadable(path, &error))
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::file(path, format!("cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

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
        ] {
            assert_eq!(delimiter(Path::new(name)), expected, "{name}");
        }
    }
}
