//! Everything but results goes to standard error.

use std::io::Write;

use super::shown::shown;

/// Writes `text` to standard error. Nobody is left to tell when it is closed.
pub fn print(text: &str) {
    let _ = std::io::stderr().write_all(shown(text).as_bytes());
}
