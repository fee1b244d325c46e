//! Texts for people, written beside what a command prints.

use std::io::Write;
use std::path::{Path, PathBuf};

use pipeline_error::Error;
use pipeline_store::destination::Destination;

/// Writes a text, whole or not at all, in the place of an earlier one; into a folder under `file_name`.
pub fn write(target: &Path, file_name: &str, text: &str) -> Result<PathBuf, Error> {
    Destination::new(target, file_name, true)?.write(|file, path| {
        let written = file.write_all(text.as_bytes());
        written.map_err(|error| Error::file(path, error))
    })
}
