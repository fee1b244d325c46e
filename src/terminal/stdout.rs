//! Results go to standard output, and nothing else does.

use std::io::{self, ErrorKind, IsTerminal, Stdout, Write};

use serde::Serialize;

use super::shown::shown;
use pipeline_error::plain::json;
use pipeline_error::{Error, STANDARD_OUTPUT};

/// Writes a text for people to standard output.
pub fn print(text: &str) -> Result<(), Error> {
    write(&shown(text))
}

/// Writes `text` as it is.
fn write(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    written.and_then(|()| stdout.flush()).or_else(unless_unread)
}

/// The error of standard output. A reader that closed the pipe has seen enough: no error.
pub fn unless_unread(error: io::Error) -> Result<(), Error> {
    match error.kind() {
        ErrorKind::BrokenPipe => Ok(()),
        _ => Err(Error::stage(format!("{STANDARD_OUTPUT}: {error}"))),
    }
}

/// Writes `document` as the one JSON document of a command.
pub fn print_json(document: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(document)
        .map_err(|error| Error::stage(format!("the result cannot be written as JSON: {error}")))?;
    text.push('\n');
    write(&json(&text))
}

/// Writes `document` as a line of its own, one of several.
pub fn print_json_line(document: &impl Serialize) -> Result<(), Error> {
    let line = serde_json::to_string(document)
        .map_err(|error| Error::stage(format!("an answer cannot be written: {error}")))?;
    write(&format!("{}\n", json(&line)))
}

/// Standard output for rows of data: as they are, but on a terminal.
pub fn rows() -> Box<dyn Write + Send> {
    let stdout = std::io::stdout();
    match stdout.is_terminal() {
        true => Box::new(ShownRows {
            stdout,
            open: Vec::new(),
        }),
        false => Box::new(stdout),
    }
}

/// Rows that people look at.
struct ShownRows {
    stdout: Stdout,
    /// A row that has not ended.
    open: Vec<u8>,
}

impl Write for ShownRows {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(part);
            if part.ends_with(b"\n") {
                self.flush()?;
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let text = String::from_utf8_lossy(&self.open);
        self.stdout.write_all(shown(&text).as_bytes())?;
        self.open.clear();
        self.stdout.flush()
    }
}
