//! What a server answers: HTTP and then JSON, with an end in size; no redirect is followed.

use std::io::{self, ErrorKind, Read};

use pipeline_error::Error;
use serde_json::Value;

/// Bytes that an answer may have.
const MOST: usize = 1 << 20;
/// Bytes that its status and headers may have.
const MOST_HEADERS: usize = 64 << 10;
/// Bytes that are taken at a time.
const PIECE: usize = 16 << 10;
/// Bytes of the line that says how long a chunk is.
const LONGEST_LENGTH: usize = 256;

/// Characters that an error holds of what a server says.
const MOST_WORDS: usize = 300;

/// An answer of a server to one request.
#[derive(Debug)]
pub struct Answer {
    /// The number of its status.
    pub status: u16,
    reason: String,
    /// Where it says that the answer is to be found.
    location: Option<String>,
    body: Vec<u8>,
}

impl Answer {
    /// Reads an answer of HTTP/1 to its end. Fails on other things, on one that ends early, has more than
    /// 64 KiB of headers or more than 1 MiB behind them.
    pub fn read(incoming: impl Read) -> io::Result<Self> {
        let mut incoming = Incoming {
            stream: incoming,
            piece: vec![0; PIECE],
            bytes: Vec::new(),
        };
        let mut head = incoming.head()?;
        // What comes before the answer itself: `100 Continue`.
        while (100..200).contains(&head.status) {
            head = incoming.head()?;
        }
        let body = match (head.get("transfer-encoding"), head.get("content-length")) {
            _ if matches!(head.status, 204 | 304) => Vec::new(),
            (Some(encoding), _) if encoding.eq_ignore_ascii_case("chunked") => incoming.chunks()?,
            (Some(_), _) => return Err(damaged("its transfer encoding is not known")),
            (None, Some(length)) => {
                let length = length.parse();
                incoming.exactly(length.map_err(|_| damaged("its length is no number"))?)?
            }
            (None, None) => incoming.all_that_comes()?,
        };
        Ok(Self {
            status: head.status,
            location: head.get("location").map(str::to_string),
            reason: head.reason,
            body,
        })
    }

    /// What it says, null where it says nothing. `request` is its method and address, for errors: a redirect, a
    /// status that tells of a failure, what is no JSON.
    pub fn document(&self, request: &str) -> Result<Value, Error> {
        self.refuse_redirect(request)?;
        let status = self.status;
        let text = String::from_utf8_lossy(&self.body);
        if (200..300).contains(&status) {
            if text.trim().is_empty() {
                return Ok(Value::Null);
            }
            return serde_json::from_str(&text).map_err(|error| {
                Error::stage(format!("{request}: the answer is no JSON: {error}"))
                    .with_hint("is this the address of an MLflow server?")
            });
        }
        let message = explain(&text);
        let reason = beginning(&self.reason);
        let error = Error::stage(format!("{request}: {status} {reason}: {message}"));
        Err(match status {
            401 | 403 => error.with_hint(
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            ),
            _ => error,
        })
    }

    /// Whoever it leads to would be given the token.
    fn refuse_redirect(&self, request: &str) -> Result<(), Error> {
        match (self.status, &self.location) {
            (300..=399, Some(location)) => {
                let location = beginning(location);
                let what = format!("the server redirects to {location}, which is not followed");
                Err(Error::stage(format!("{request}: {what}"))
                    .with_hint("if you trust it, give that address as --url"))
            }
            _ => Ok(()),
        }
    }
}

/// What a server says went wrong: its code and message, or the beginning of what it sent.
fn explain(text: &str) -> String {
    let document: Option<Value> = serde_json::from_str(text).ok();
    let part = |name: &str| Some(beginning(document.as_ref()?.get(name)?.as_str()?));
    match (part("error_code"), part("message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => beginning(text),
    }
}

/// As much of a server's words as an error is to hold.
fn beginning(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MOST_WORDS) {
        None => text.into(),
        Some((at, _)) => {
            let more = text[at..].chars().count();
            format!("{}… ({more} more characters)", &text[..at])
        }
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// What has come of an answer and is not taken yet.
struct Incoming<R> {
    stream: R,
    /// Room for what comes next.
    piece: Vec<u8>,
    bytes: Vec<u8>,
}

/// Status and headers.
struct Head {
    status: u16,
    reason: String,
    headers: Vec<(String, String)>,
}

impl Head {
    fn get(&self, wanted: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        Some(&found.1)
    }
}

impl<R: Read> Incoming<R> {
    /// Waits for more; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        loop {
            match self.stream.read(&mut self.piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => {
                    let read = read?;
                    self.bytes.extend_from_slice(&self.piece[..read]);
                    return Ok(read > 0);
                }
            }
        }
    }

    fn expect_more(&mut self) -> io::Result<()> {
        match self.more()? {
            true => Ok(()),
            false => Err(damaged("the answer ends in the middle")),
        }
    }

    /// Takes what comes before this end, and the end; it must come within so many bytes.
    fn up_to(&mut self, end: &[u8], most: usize) -> io::Result<Vec<u8>> {
        // A server that sends a byte at a time makes nobody look at all of them each time.
        let mut passed = 0;
        loop {
            let looked_at = &self.bytes[..self.bytes.len().min(most)];
            let found = looked_at[passed..]
                .windows(end.len())
                .position(|part| part == end);
            if let Some(at) = found.map(|at| passed + at) {
                let mut taken: Vec<u8> = self.bytes.drain(..at + end.len()).collect();
                taken.truncate(at);
                return Ok(taken);
            }
            passed = (looked_at.len() + 1).saturating_sub(end.len());
            if self.bytes.len() > most {
                return Err(damaged(&format!(
                    "its headers are longer than {most} bytes"
                )));
            }
            self.expect_more()?;
        }
    }

    fn head(&mut self) -> io::Result<Head> {
        let head = self.up_to(b"\r\n\r\n", MOST_HEADERS)?;
        let head = String::from_utf8_lossy(&head);
        let mut lines = head.split("\r\n");
        let (status, reason) = status(lines.next().unwrap_or_default())?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        let owned = |(name, value): (&str, &str)| (name.trim().into(), value.trim().into());
        Ok(Head {
            status,
            reason,
            headers: headers.map(owned).collect(),
        })
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        if length > MOST {
            return Err(too_large());
        }
        while self.bytes.len() < length {
            self.expect_more()?;
        }
        Ok(self.bytes.drain(..length).collect())
    }

    fn all_that_comes(&mut self) -> io::Result<Vec<u8>> {
        while self.more()? {
            if self.bytes.len() > MOST {
                return Err(too_large());
            }
        }
        Ok(std::mem::take(&mut self.bytes))
    }

    /// The body that stands in chunks, each behind its length.
    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.up_to(b"\r\n", LONGEST_LENGTH)?;
            let line = String::from_utf8_lossy(&line);
            let length = line.split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(length, 16);
            let length = length.map_err(|_| damaged("the length of a chunk is no number"))?;
            if length == 0 {
                return Ok(body);
            }
            if length > MOST - body.len() {
                return Err(too_large());
            }
            body.extend(self.exactly(length)?);
            self.up_to(b"\r\n", 2)?;
        }
    }
}

fn too_large() -> io::Error {
    damaged("the answer is longer than 1 MiB")
}

/// `HTTP/1.1 404 Not Found`.
fn status(line: &str) -> io::Result<(u16, String)> {
    let mut words = line.splitn(3, ' ');
    let version = words.next().unwrap_or_default();
    let code = words.next().and_then(|code| code.parse().ok());
    match code {
        Some(code) if version.starts_with("HTTP/1.") => {
            Ok((code, words.next().unwrap_or_default().to_string()))
        }
        _ => Err(damaged("the answer is no HTTP")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_s_own_words_are_told() {
        let text = r#"{"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}"#;
        assert_eq!(explain(text), "INVALID_PARAMETER_VALUE: no");
        assert_eq!(explain(" <html> "), "<html>");
        let long = explain(&"é".repeat(1000));
        assert_eq!(long, format!("{}… (700 more characters)", "é".repeat(300)));
    }
}
