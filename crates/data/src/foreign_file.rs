//! Files that are no table: what they are instead, and what makes one of them.

use std::path::Path;

use pipeline_error::Error;
use pipeline_error::pasted::shell_word;

/// Bytes that are looked at.
pub(super) const LOOKED_AT: usize = 1024;

/// What a file is that is no table, and what makes one of it.
type Foreign = (&'static str, String);

/// First bytes, what begins with them, and the hint.
const MAGIC: [(&[u8], &str, &str); 25] = [
    (
        b"version https://git-lfs.github.com/spec/",
        "is a pointer of Git LFS, not the file itself",
        "`git lfs pull` in its repository brings the file",
    ),
    (
        b"PK\x03\x04",
        "is a zip archive (or an Excel workbook)",
        "unpack it (`unzip FILE`), or save the workbook's sheet as CSV",
    ),
    (
        b"\xd0\xcf\x11\xe0",
        "is an Excel workbook",
        "save its sheet as CSV",
    ),
    (
        b"\x1f\x8b",
        "holds gzip where a table should be",
        "it is compressed once more than its name says: `gunzip < FILE > NEW`, and name the result",
    ),
    (
        b"\x28\xb5\x2f\xfd",
        "holds Zstandard where a table should be",
        "it is compressed once more than its name says: `unzstd < FILE > NEW`, and name the result",
    ),
    (
        b"BZh",
        "is compressed by bzip2",
        "unpack it: `bunzip2 < FILE > NEW`",
    ),
    (
        b"\xfd7zXZ\0",
        "is compressed by xz",
        "unpack it: `unxz < FILE > NEW`",
    ),
    (
        b"7z\xbc\xaf\x27\x1c",
        "is a 7z archive",
        "unpack it: `7z x FILE`",
    ),
    (b"Rar!", "is a RAR archive", "unpack it: `unrar x FILE`"),
    (
        b"\x04\x22\x4d\x18",
        "is compressed by LZ4",
        "unpack it: `unlz4 < FILE > NEW`",
    ),
    (
        b"ARROW1",
        "is an Arrow (Feather) file",
        "write it as Parquet: pandas.read_feather(…).to_parquet(…)",
    ),
    (
        b"\x89HDF",
        "is an HDF5 file",
        "write its table as Parquet: pandas.read_hdf(…).to_parquet(…)",
    ),
    (
        b"SQLite format 3\0",
        "is an SQLite database",
        "write its table as CSV: `sqlite3 -header -csv FILE \"select …\"`",
    ),
    (
        b"\x80\x04\x95",
        "is a Python pickle",
        "write it as Parquet: pandas.read_pickle(…).to_parquet(…)",
    ),
    (
        b"\x80\x05\x95",
        "is a Python pickle",
        "write it as Parquet: pandas.read_pickle(…).to_parquet(…)",
    ),
    (
        b"RDX3\n",
        "is a file of R objects",
        "write its table as CSV: write.csv(…, row.names = FALSE)",
    ),
    (
        b"X\n\0\0\0",
        "is a file of R objects",
        "write its table as CSV: write.csv(readRDS(…), row.names = FALSE)",
    ),
    (
        b"%PDF-",
        "is a PDF document",
        "a table is needed: CSV or Parquet",
    ),
    (
        b"ORC",
        "is an ORC file",
        "write it as Parquet: pandas.read_orc(…).to_parquet(…)",
    ),
    (
        b"Obj\x01",
        "is an Avro file",
        "write it as Parquet: polars.read_avro(…).write_parquet(…)",
    ),
    (
        b"FEA1",
        "is a Feather file of the first version",
        "write it as Parquet: pandas.read_feather(…).to_parquet(…)",
    ),
    (
        b"\0\0\0\0\0\0\0\0\0\0\0\0\xc2\xea\x81\x60",
        "is a SAS file",
        "write it as Parquet: pandas.read_sas(…).to_parquet(…)",
    ),
    (
        b"HEADER RECORD*******LIB",
        "is a SAS transport file",
        "write it as Parquet: pandas.read_sas(…, format=\"xport\").to_parquet(…)",
    ),
    (
        b"$FL2",
        "is an SPSS file",
        "write it as Parquet: pandas.read_spss(…).to_parquet(…)",
    ),
    (
        b"<stata_dta>",
        "is a Stata file",
        "write it as Parquet: pandas.read_stata(…).to_parquet(…)",
    ),
];

/// Fails if a file, whose first bytes these are once it is decompressed, is no table.
pub(super) fn refuse(path: &Path, first: &[u8]) -> Result<(), Error> {
    match of(path, first) {
        Some((what, hint)) => Err(Error::file(path, what).with_hint(hint)),
        None => Ok(()),
    }
}

fn of(path: &Path, first: &[u8]) -> Option<Foreign> {
    let magic = MAGIC.iter().find(|(magic, ..)| first.starts_with(magic));
    if let Some((_, what, hint)) = magic {
        return Some((what, (*hint).into()));
    }
    if first.get(257..262) == Some(b"ustar") {
        return Some(("is a tar archive", "unpack it: `tar xf FILE`".into()));
    }
    if let Some(encoding) = wide_text(first) {
        let name = shell_word(&path.display().to_string());
        let hint = format!("`iconv -f {encoding} -t UTF-8 {name} > NEW` writes it as UTF-8");
        return Some(match encoding {
            "UTF-32" => ("is UTF-32 text; UTF-8 is read", hint),
            _ => ("is UTF-16 text; UTF-8 is read", hint),
        });
    }
    is_page(first).then(|| {
        let hint =
            "what was downloaded is probably a login or an error page: look at it in a browser";
        ("is an HTML page", hint.into())
    })
}

/// The encoding, as iconv calls it. Without a mark UTF-16 shows in zero bytes at every second place.
fn wide_text(first: &[u8]) -> Option<&'static str> {
    if first.starts_with(b"\xff\xfe\0\0") || first.starts_with(b"\0\0\xfe\xff") {
        return Some("UTF-32");
    }
    if first.starts_with(b"\xff\xfe") || first.starts_with(b"\xfe\xff") {
        return Some("UTF-16");
    }
    let zeros = |from: usize| {
        first
            .iter()
            .skip(from)
            .step_by(2)
            .filter(|&&byte| byte == 0)
    };
    let (even, odd) = (zeros(0).count(), zeros(1).count());
    let most = first.len() / 2 * 3 / 4;
    match (even, odd) {
        _ if first.len() < 8 => None,
        (0, odd) if odd > most => Some("UTF-16LE"),
        (even, 0) if even > most => Some("UTF-16BE"),
        _ => None,
    }
}

fn is_page(first: &[u8]) -> bool {
    let text = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    let text = text.trim_ascii_start();
    let begins = |with: &[u8]| {
        text.get(..with.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(with))
    };
    begins(b"<!doctype html") || begins(b"<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_foreign_file() {
        let texts: [&[u8]; 6] = [
            b"",
            b"a",
            b"id,value\n1,2\n",
            b"\xef\xbb\xbfid,value\n1,2\n",
            b"id;<html\n1;2\n",
            b"id,PK\x03\x04\n",
        ];
        for text in texts {
            assert!(refuse(Path::new("a.csv"), text).is_ok(), "{text:?}");
        }
    }

    #[test]
    fn files_of_other_programs_are_called_what_they_are() {
        for (first, what) in [
            (&b"ORC\x0a"[..], "is an ORC file"),
            (b"Obj\x01\x04", "is an Avro file"),
            (b"FEA1\0\0", "is a Feather file"),
            (b"$FL2@(#)", "is an SPSS file"),
            (b"HEADER RECORD*******LIBRARY", "is a SAS transport file"),
            (b"\x1f\x8b\x08", "holds gzip"),
        ] {
            let error = refuse(Path::new("a.csv"), first).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn wide_text_is_known_with_and_without_its_mark() {
        let text = "stay_id,value\r\n1,2\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(wide_text(&little), Some("UTF-16LE"));
        assert_eq!(wide_text(&big), Some("UTF-16BE"));
        for (mark, text) in [(b"\xff\xfe", little), (b"\xfe\xff", big)] {
            let marked = [&mark[..], &text].concat();
            assert_eq!(wide_text(&marked), Some("UTF-16"));
        }
        assert_eq!(wide_text(text.as_bytes()), None);
        let error = refuse(Path::new("my c.csv"), b"\xff\xfea\0").unwrap_err();
        let hint = error.hint().unwrap_or_default();
        assert!(hint.contains("-t UTF-8 'my c.csv' > NEW"), "{hint}");
        for mark in [b"\xff\xfe\0\0i\0\0\0", b"\0\0\xfe\xff\0\0\0i"] {
            assert_eq!(wide_text(mark), Some("UTF-32"));
        }
    }
}
