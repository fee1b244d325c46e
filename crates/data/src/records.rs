//! What a record of a delimited text is, and which quotes cannot be meant.
//!
//! Records are those of the `csv` crate's reader: a quote opens a quoted field only where a field
//! begins; inside, two quotes are one; what follows the closing quote belongs to the field. That
//! reader never fails: a quote that is not closed takes in all rows that follow, and one behind a
//! backslash closes its field. [`Records`] looks at the same bytes and says so.

mod block;
mod state;

use std::fmt;
use std::io::{self, Read};

use block::Block;
pub(super) use state::State;
use state::{holds_line_end, is_line_end, position_of};

/// Bytes that a quoted field may have. A longer one is a quote that is not closed.
pub(super) const LONGEST_FIELD: u64 = 1 << 20;

/// Bytes that a line may have. A longer one is no table's: whoever reads it needs all of it in memory.
pub(super) const LONGEST_LINE: u64 = 64 << 20;

/// A quote that cannot be meant, or a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Where the quoted field opens, or the line begins: bytes before it in the text.
    pub(super) opened: u64,
    kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FaultKind {
    Unclosed,
    TooLong,
    Followed,
    Text,
    LongLine,
}

impl Fault {
    /// What to do about it.
    pub(super) fn hint(&self) -> &'static str {
        match self.kind {
            FaultKind::LongLine => "is it a table, and do its lines end with a line feed?",
            FaultKind::Text => {
                "a quote inside of a quoted field is doubled (\"\"): a backslash before it is text"
            }
            _ => CLOSE_THE_QUOTE,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let text = match self.kind {
            FaultKind::Unclosed => {
                "the quoted field that opens here goes on to the end of the file"
            }
            FaultKind::TooLong => "the quoted field that opens here is longer than 1 MiB",
            FaultKind::LongLine => {
                let most = LONGEST_LINE >> 20;
                return write!(
                    formatter,
                    "the line that begins here is longer than {most} MiB"
                );
            }
            FaultKind::Text => {
                return formatter
                    .write_str("text follows the closing quote of the field that opens here");
            }
            FaultKind::Followed => {
                "the quoted field that opens here takes in line ends, and text follows its closing quote"
            }
        };
        write!(formatter, "{text}: its own closing quote is missing")
    }
}

impl std::error::Error for Fault {}

/// What to do about a [`Fault`].
pub(super) const CLOSE_THE_QUOTE: &str = "close the quote; one that is part of the text is doubled (\"\"), and its field stands in quotes";

/// Lines inside quoted fields that have as many fields as a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowLike {
    /// How many there are.
    pub(super) lines: u64,
    /// Where the first quoted field opens that has one: bytes before it in the text.
    pub(super) opened: Option<u64>,
}

/// Passes a text on, and fails where its quotes cannot be meant.
pub(super) struct Records<R> {
    text: R,
    delimiter: u8,
    /// Fields of a row; 0 if that does not matter.
    columns: u64,
    state: State,
    /// Bytes before those that are looked at.
    before: u64,
    /// The last of them.
    last: u8,
    /// Bytes since the last line end.
    line: u64,
    /// Where the last quoted field opened.
    opened: u64,
    /// Whether it is the first of its row.
    is_first: bool,
    /// Whether it takes in a line end.
    spans_lines: bool,
    /// Whether it is closed, and blanks followed.
    is_closed: bool,
    /// Of a line that begins inside quotes: the delimiters so far.
    delimiters: Option<u64>,
    row_like: RowLike,
}

impl<R> Records<R> {
    /// The text, whose rows have so many fields.
    pub(super) fn new(text: R, delimiter: u8, columns: usize) -> Self {
        Self {
            text,
            delimiter,
            columns: columns as u64,
            state: State::Start,
            before: 0,
            line: 0,
            opened: 0,
            is_first: true,
            spans_lines: false,
            is_closed: false,
            last: b'\n',
            delimiters: None,
            row_like: RowLike::default(),
        }
    }

    /// What was seen so far.
    pub(super) fn row_like(&self) -> RowLike {
        self.row_like
    }

    fn fault(&self, kind: FaultKind) -> Fault {
        Fault {
            opened: self.opened,
            kind,
        }
    }

    /// Looks at the bytes that follow.
    fn follow(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let (blocks, rest) = bytes.as_chunks::<{ block::LENGTH }>();
        for block in blocks {
            if !self.follow_regular(block) {
                self.follow_few(block)?;
            }
        }
        self.follow_few(rest)
    }

    /// Looks at a block that has nothing to be noted, if it is one: its quotes stand where they should,
    /// around no line end.
    fn follow_regular(&mut self, bytes: &[u8; block::LENGTH]) -> bool {
        let within = matches!(self.state, State::Quoted | State::Closing);
        let end = self.before + bytes.len() as u64;
        if self.is_closed
            || self.delimiters.is_some()
            || within && (self.spans_lines || end > self.longest())
        {
            return false;
        }
        let block = Block::new(bytes, self.delimiter).regular(self.state);
        let Some(block) = block.filter(|block| !block.spans_lines) else {
            return false;
        };
        if let Some(at) = block.opened {
            self.open(bytes, at);
        }
        self.state = block.after;
        self.pass(bytes);
        true
    }

    /// Looks at some bytes, from quote to quote.
    fn follow_few(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let run = position_of(rest, b'"').unwrap_or(rest.len());
            self.follow_run(&rest[..run])?;
            at += run;
            if self.state == State::Quoted && self.before + at as u64 > self.longest() {
                return Err(self.fault(FaultKind::TooLong));
            }
            if at < bytes.len() {
                if self.state == State::Start {
                    self.open(bytes, at);
                }
                self.state = self.state.after(b'"', self.delimiter);
                at += 1;
            }
        }
        self.pass(bytes);
        Ok(())
    }

    /// A quoted field opens here.
    fn open(&mut self, bytes: &[u8], at: usize) {
        (self.opened, self.spans_lines) = (self.before + at as u64, false);
        self.is_first = is_line_end(at.checked_sub(1).map_or(self.last, |at| bytes[at]));
    }

    /// Fails in a line that does not end. These bytes have been followed.
    fn measure_line(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.line = match bytes.iter().rposition(|&byte| is_line_end(byte)) {
            Some(end) => (bytes.len() - 1 - end) as u64,
            None => self.line + bytes.len() as u64,
        };
        match self.line > LONGEST_LINE {
            false => Ok(()),
            true => Err(Fault {
                opened: self.before - self.line,
                kind: FaultKind::LongLine,
            }),
        }
    }

    /// Where the quoted field has to have ended.
    fn longest(&self) -> u64 {
        self.opened + 1 + LONGEST_FIELD
    }

    /// Has looked at these bytes.
    fn pass(&mut self, bytes: &[u8]) {
        self.before += bytes.len() as u64;
        self.last = bytes.last().copied().unwrap_or(self.last);
    }

    /// Looks at bytes without a quote.
    fn follow_run(&mut self, run: &[u8]) -> Result<(), Fault> {
        let (Some(&first), Some(&last)) = (run.first(), run.last()) else {
            return Ok(());
        };
        if self.state == State::Quoted {
            if holds_line_end(run) {
                self.spans_lines = true;
                run.iter().for_each(|&byte| self.count_within_quotes(byte));
            } else if let Some(delimiters) = &mut self.delimiters {
                *delimiters += count(run, self.delimiter);
            }
            return Ok(());
        }
        let ends = first == self.delimiter || is_line_end(first);
        if self.state == State::Closing && self.spans_lines && !ends {
            return Err(self.fault(FaultKind::Followed));
        }
        if self.state == State::Closing || self.is_closed {
            self.follow_closed(run)?;
        }
        if let Some(delimiters) = self.delimiters {
            let end = run.iter().position(|&byte| is_line_end(byte));
            self.delimiters =
                Some(delimiters + count(&run[..end.unwrap_or(run.len())], self.delimiter));
            if end.is_some() {
                self.end_row();
            }
        }
        self.state = self.state.after(last, self.delimiter);
        Ok(())
    }

    /// Looks at what follows a closing quote: blanks, up to the end of the field.
    fn follow_closed(&mut self, run: &[u8]) -> Result<(), Fault> {
        let is_end = |byte: &u8| *byte == self.delimiter || is_line_end(*byte);
        let end = run.iter().position(is_end);
        let rest = &run[..end.unwrap_or(run.len())];
        self.is_closed = end.is_none();
        match rest.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            true => Ok(()),
            false => Err(self.fault(FaultKind::Text)),
        }
    }

    fn count_within_quotes(&mut self, byte: u8) {
        if is_line_end(byte) {
            self.end_line();
            self.delimiters = Some(0);
        } else if byte == self.delimiter
            && let Some(delimiters) = &mut self.delimiters
        {
            *delimiters += 1;
        }
    }

    /// Ends a line that may have begun inside quotes.
    fn end_line(&mut self) {
        let delimiters = self.delimiters.take();
        if self.columns > 1 && delimiters.is_some_and(|count| count + 1 == self.columns) {
            self.row_like.lines += 1;
            self.row_like.opened.get_or_insert(self.opened);
        }
    }

    /// Ends a row, whose last line may have begun inside quotes. Behind a row's first field that
    /// line always looks like a row.
    fn end_row(&mut self) {
        match self.is_first {
            true => self.delimiters = None,
            false => self.end_line(),
        }
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.state == State::Quoted {
            return Err(self.fault(FaultKind::Unclosed));
        }
        self.end_row();
        Ok(())
    }
}

impl<R: Read> Read for Records<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.text.read(bytes)?;
        let followed = match count {
            0 if bytes.is_empty() => Ok(()),
            0 => self.end(),
            _ => (self.follow(&bytes[..count])).and_then(|()| self.measure_line(&bytes[..count])),
        };
        followed.map_err(io::Error::other)?;
        Ok(count)
    }
}

/// Looks at a whole text, whose rows have so many fields.
pub(super) fn look_through(text: &[u8], delimiter: u8, columns: usize) -> Result<RowLike, Fault> {
    let mut records = Records::new((), delimiter, columns);
    records.follow(text)?;
    records.end()?;
    Ok(records.row_like)
}

/// The fault that the `csv` crate's reader was given by [`Records`].
pub(super) fn fault_of(error: &csv::Error) -> Option<Fault> {
    let csv::ErrorKind::Io(error) = error.kind() else {
        return None;
    };
    error.get_ref()?.downcast_ref().copied()
}

/// How the `csv` crate reads the records of a text that went through [`behind_a_line_end`].
pub(super) fn reader_builder(delimiter: u8) -> csv::ReaderBuilder {
    let mut builder = csv::ReaderBuilder::new();
    builder.delimiter(delimiter).buffer_capacity(1 << 16);
    builder
}

/// The text behind an empty line, which holds no record. The `csv` crate takes a byte order mark
/// off whatever it is given, also off some bytes from the middle of a file. All its positions are
/// one too large then.
pub(super) fn behind_a_line_end<R: Read>(text: R) -> impl Read {
    b"\n".chain(text)
}

fn count(bytes: &[u8], wanted: u8) -> u64 {
    bytes.iter().filter(|&&byte| byte == wanted).count() as u64
}

#[cfg(test)]
mod tests;
