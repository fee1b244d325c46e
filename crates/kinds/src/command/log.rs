//! What a program prints: kept whole in a file, its end in memory.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::secrets::Secrets;
use pipeline_error::Error;

/// Lines that an error shows.
const SHOWN_LINES: usize = 20;
/// A longer line is cut in an error.
const SHOWN_CHARACTERS: usize = 300;
/// A longer line is taken for several: a program may print for ever without ending one.
const LONGEST_LINE: usize = 1 << 20;

pub(super) struct Log<'s> {
    path: PathBuf,
    file: File,
    /// The latest whole lines.
    lines: VecDeque<String>,
    /// A line that has not ended.
    open: Vec<u8>,
    /// What is kept and told of no line.
    secrets: &'s Secrets,
}

impl<'s> Log<'s> {
    /// An empty log.
    pub(super) fn create(path: &Path, secrets: &'s Secrets) -> Result<Self, Error> {
        let create = || {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            // For the eyes of whoever ran it: nobody knows what a program prints.
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(path)
        };
        Ok(Self {
            path: path.to_path_buf(),
            file: create().map_err(|error| Error::file(path, error))?,
            lines: VecDeque::new(),
            open: Vec::new(),
            secrets,
        })
    }

    /// Keeps what the program printed, and tells every line that ended.
    pub(super) fn append(&mut self, bytes: &[u8], tell: &dyn Fn(&str)) -> Result<(), Error> {
        if self.secrets.is_empty() {
            self.keep(bytes)?;
        }
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.open.extend_from_slice(part);
            if part.ends_with(b"\n") || self.open.len() > LONGEST_LINE {
                self.end_line(part.ends_with(b"\n"), tell)?;
            }
        }
        Ok(())
    }

    /// Ends the last line, if the program did not.
    pub(super) fn end(&mut self, tell: &dyn Fn(&str)) -> Result<(), Error> {
        match self.open.is_empty() {
            true => Ok(()),
            false => self.end_line(true, tell),
        }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| Error::file(&self.path, error))
    }

    /// Takes the open line for a whole one. Of one that goes on, what may be the beginning of a secret stays open.
    fn end_line(&mut self, whole: bool, tell: &dyn Fn(&str)) -> Result<(), Error> {
        let mut line = std::mem::take(&mut self.open);
        if !self.secrets.is_empty() {
            line = self.secrets.redacted(&line).into_owned();
            if !whole {
                let begun = self.secrets.longest().saturating_sub(1);
                self.open = line.split_off(line.len().saturating_sub(begun));
            }
            self.keep(&line)?;
        }
        let line = readable(&line);
        tell(&line);
        if self.lines.len() == SHOWN_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
        Ok(())
    }

    /// The log's end and where the whole of it is, as the last lines of an error.
    pub(super) fn tail(&self) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text += "\n  | ";
            match line.char_indices().nth(SHOWN_CHARACTERS) {
                Some((end, _)) => {
                    text += &line[..end];
                    text += "…";
                }
                None => text += line,
            }
        }
        match self.lines.is_empty() {
            true => "\nit printed nothing".into(),
            false => format!(
                "\nits last lines:{text}\nall of them: {}",
                self.path.display()
            ),
        }
    }
}

/// A line as text: what a progress bar wrote last over itself, without control characters.
fn readable(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    let last = text.rsplit('\r').next().unwrap_or_default();
    last.chars()
        .filter(|character| !character.is_control() || *character == '\t')
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn lines_are_told_once_they_end_and_the_last_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/clean.log");
        let none = Secrets::named(&[]).unwrap();
        let mut log = Log::create(&path, &none).unwrap();
        assert_eq!(log.tail(), "\nit printed nothing");
        let told = RefCell::new(Vec::new());
        let tell = |line: &str| told.borrow_mut().push(line.to_string());
        log.append(b"one\ntw", &tell).unwrap();
        assert_eq!(*told.borrow(), ["one"]);
        log.append(b"o\n 10 %\r 20 %\r\n\xff\x1b[1mend", &tell)
            .unwrap();
        log.end(&tell).unwrap();
        assert_eq!(*told.borrow(), ["one", "two", " 20 %", "\u{fffd}[1mend"]);
        assert!(
            log.tail()
                .starts_with("\nits last lines:\n  | one\n  | two\n")
        );
        for line in 0..30 {
            log.append(format!("{line}\n").as_bytes(), &tell).unwrap();
        }
        assert!(log.tail().starts_with("\nits last lines:\n  | 10\n"));
        assert!(fs::read(&path).unwrap().starts_with(b"one\ntwo\n 10 %\r"));
    }
}
