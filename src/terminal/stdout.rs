//! Results go to standard output, and nothing else does.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use pipeline_error::Error;

/// Writes `text` to standard output. A reader that closed the pipe has seen enough: no error.
pub fn print(text: &str) -> Result<(), Error> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Error::stage(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes `document` as the one JSON document of a command.
pub fn print_json(document: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_string_pretty(document)
        .map_err(|error| Error::stage(format!("the result cannot be written as JSON: {error}")))?;
    text.push('\n');
    print(&text)
}
