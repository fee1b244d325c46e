//! Files of a source with the same contents: each of their rows would be read twice.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::parquet_file;
use crate::text_file::{self, Container};
use pipeline_error::Error;

/// Bytes by which most files differ already.
const START: u64 = 4096;

/// Fails if two of the files, whose rows name their stays, have the same rows. Only files of one size are read for it.
pub(super) fn refuse(files: &[PathBuf]) -> Result<(), Error> {
    let mut by_size: BTreeMap<u64, Vec<&Path>> = BTreeMap::new();
    let told = |file: &Path, error: io::Error| text_file::unreadable(file, &error);
    for file in files {
        let size = fs::metadata(file).map_err(|error| told(file, error))?;
        by_size.entry(size.len()).or_default().push(file);
    }
    for alike in by_size.into_values().filter(|alike| alike.len() > 1) {
        let mut by_start: HashMap<Vec<u8>, Vec<&Path>> = HashMap::new();
        for file in alike {
            let start = start_of(file).map_err(|error| told(file, error))?;
            let others = by_start.entry(start).or_default();
            for other in others.iter() {
                let same = are_same(file, other).map_err(|error| told(file, error))?;
                if same && has_rows(file)? {
                    return Err(copy(file, other));
                }
            }
            others.push(file);
        }
    }
    Ok(())
}

fn copy(file: &Path, other: &Path) -> Error {
    let what = format!(
        "has the same contents as {}: each of their rows would be read twice",
        other.display()
    );
    Error::file(file, what)
        .with_hint("remove one of the two, or name the intended files one by one")
}

fn start_of(file: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    pipeline_files::open(file)?
        .take(START)
        .read_to_end(&mut start)?;
    Ok(start)
}

fn are_same(one: &Path, other: &Path) -> io::Result<bool> {
    let [one, other] = [pipeline_files::open(one)?, pipeline_files::open(other)?];
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if left[..length] != right[..length] {
            return Ok(false);
        }
        if length == 0 {
            return Ok(left.len() == right.len());
        }
        one.consume(length);
        other.consume(length);
    }
}

/// Whether a table has more than its header.
fn has_rows(file: &Path) -> Result<bool, Error> {
    if matches!(text_file::container(file)?, Container::Parquet) {
        let builder = parquet_file::open(file)?;
        return Ok(builder.metadata().file_metadata().num_rows() > 0);
    }
    let lines = BufReader::new(text_file::open(file)?).split(b'\n');
    let mut rows = 0;
    for line in lines {
        let line = line.map_err(|error| text_file::unreadable(file, &error))?;
        rows += usize::from(!line.trim_ascii().is_empty());
        if rows > 1 {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_under_another_name_is_refused_unless_there_is_no_row_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let written = |files: [(&str, &str); 2]| {
            let paths = files.map(|(name, text)| {
                let path = folder.path().join(name);
                fs::write(&path, text).unwrap();
                path
            });
            refuse(&paths).map_err(|error| error.to_string())
        };
        let error = written([("a.csv", "id,v\n1,2\n"), ("a (1).csv", "id,v\n1,2\n")]);
        let error = error.unwrap_err();
        assert!(
            error.contains("a (1).csv: has the same contents as"),
            "{error}"
        );
        assert!(error.contains("a.csv: each of their rows"), "{error}");
        assert_eq!(
            written([("a.csv", "id,v\n1,2\n"), ("b.csv", "id,v\n1,3\n")]),
            Ok(())
        );
        assert_eq!(written([("a.csv", "id,v\n"), ("b.csv", "id,v\n")]), Ok(()));
    }
}
