//! Texts and tables, written beside what a command prints.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use pipeline_error::Error;
use pipeline_store::destination::Destination;

/// How every page begins.
const PAGE: &[u8] = b"<!doctype html>";

/// The place for a text, where an earlier one is replaced; in a folder under `file_name`.
pub fn place(target: &Path, file_name: &str) -> Result<Destination, Error> {
    refuse_other_file(target, file_name)?;
    Destination::new(target, file_name, true)
}

/// Writes a text to its place, whole or not at all.
pub fn write(destination: Destination, text: &[u8]) -> Result<PathBuf, Error> {
    destination.write(|file, path| {
        let written = file.write_all(text);
        written.map_err(|error| Error::file(path, error))
    })
}

/// Writes a text to `path`. An earlier file is replaced only if `force`, and none of the files `read`.
pub fn replace(
    path: &Path,
    force: bool,
    read: impl FnOnce() -> Vec<PathBuf>,
    text: &[u8],
) -> Result<PathBuf, Error> {
    let destination = Destination::new(path, "", force)?;
    destination.refuse_any_of(read)?;
    write(destination, text)
}

/// Fails if a file is there that neither ends as `file_name` does nor begins as our pages do: a recipe given by mistake, say.
fn refuse_other_file(target: &Path, file_name: &str) -> Result<(), Error> {
    let ending = Path::new(file_name).extension().unwrap_or_default();
    let found = target.extension().unwrap_or_default();
    let begins_as_page = || {
        let mut start = [0; PAGE.len()];
        let read = File::open(target).and_then(|mut file| file.read_exact(&mut start));
        ending == "html" && read.is_ok() && start.eq_ignore_ascii_case(PAGE)
    };
    if !target.is_file() || found.eq_ignore_ascii_case(ending) || begins_as_page() {
        return Ok(());
    }
    let ending = ending.display();
    Err(Error::Usage {
        message: format!(
            "{} is there already, and is no .{ending} file",
            target.display()
        ),
        hint: Some(format!(
            "give a name that ends in .{ending}, or remove the file"
        )),
    })
}
