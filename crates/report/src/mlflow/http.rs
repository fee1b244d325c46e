//! One HTTP request to one host: no redirect is followed, an answer has an end in size and in time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a name may take to be looked up, and a host to answer to a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a request may take in all, and for each mebibyte that is sent a second more.
const WHOLE: Duration = Duration::from_secs(60);
/// Bytes that an answer may have.
const MOST: usize = 1 << 20;
/// Bytes that its status and headers may have.
const MOST_HEADERS: usize = 64 << 10;
/// Bytes of the line that says how long a chunk is.
const LONGEST_LENGTH: usize = 256;

/// What a request may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) connect: Duration,
    pub(super) whole: Duration,
}

impl Limits {
    /// Those of a request that sends so many bytes.
    pub(super) fn sending(bytes: usize) -> Self {
        Self {
            connect: CONNECT,
            whole: WHOLE + Duration::from_secs((bytes >> 20) as u64),
        }
    }
}

/// A request, but for what every one has.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// `HOST` or `HOST:PORT`.
    pub(super) authority: &'a str,
    /// Path and query.
    pub(super) target: &'a str,
    pub(super) headers: Vec<(&'a str, &'a str)>,
    pub(super) body: &'a [u8],
}

/// What a server answered.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) reason: String,
    /// Where it says that the answer is to be found.
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

impl Request<'_> {
    /// Sends it and takes the answer.
    pub(super) fn send(&self, limits: Limits) -> io::Result<Response> {
        let deadline = Instant::now() + limits.whole;
        let mut stream = connect(self.authority, limits.connect.min(limits.whole))?;
        let head = self.head()?;
        for bytes in [head.as_bytes(), self.body] {
            for piece in bytes.chunks(MOST) {
                stream.set_write_timeout(Some(left(deadline)?))?;
                stream.write_all(piece).map_err(in_time)?;
            }
        }
        receive(&mut stream, deadline)
    }

    fn head(&self) -> io::Result<String> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept: application/json\r\n",
            self.method, self.target, self.authority
        );
        for (name, value) in &self.headers {
            if value.contains(char::is_control) {
                return Err(io::Error::other(format!(
                    "{name} holds a control character"
                )));
            }
            head += &format!("{name}: {value}\r\n");
        }
        if self.method != "GET" {
            head += &format!("Content-Length: {}\r\n", self.body.len());
        }
        Ok(head + "\r\n")
    }
}

/// What is left until the deadline; over it is an error.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(too_late()),
        false => Ok(left),
    }
}

fn too_late() -> io::Error {
    io::Error::new(ErrorKind::TimedOut, "no whole answer came in time")
}

/// A blocking socket says that it would block where its time is over.
fn in_time(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => too_late(),
        _ => error,
    }
}

fn connect(authority: &str, patience: Duration) -> io::Result<TcpStream> {
    let deadline = Instant::now() + patience;
    let mut failure = io::Error::new(ErrorKind::NotFound, "its name leads to no address");
    for address in addresses(authority, patience)? {
        match TcpStream::connect_timeout(&address, left(deadline).unwrap_or(patience)) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
        if left(deadline).is_err() {
            break;
        }
    }
    Err(match failure.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            let seconds = patience.as_secs_f64();
            io::Error::new(
                ErrorKind::TimedOut,
                format!("no connection within {seconds} s"),
            )
        }
        _ => failure,
    })
}

/// The system's lookup cannot be given a time, so that it is waited for.
fn addresses(authority: &str, patience: Duration) -> io::Result<Vec<SocketAddr>> {
    let with_port = match authority.rsplit_once(':') {
        Some((_, port)) if !port.contains(']') => authority.to_string(),
        _ => format!("{authority}:80"),
    };
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let found = with_port.to_socket_addrs().map(Iterator::collect);
        // Nobody waits any more: nobody needs it.
        let _ = sender.send(found);
    });
    receiver.recv_timeout(patience).unwrap_or_else(|_| {
        Err(io::Error::new(
            ErrorKind::TimedOut,
            "its name was not found in time",
        ))
    })
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

/// What has come of an answer and is not taken yet.
struct Incoming<'s> {
    stream: &'s mut TcpStream,
    deadline: Instant,
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

fn receive(stream: &mut TcpStream, deadline: Instant) -> io::Result<Response> {
    let mut incoming = Incoming {
        stream,
        deadline,
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
    Ok(Response {
        status: head.status,
        location: head.get("location").map(str::to_string),
        reason: head.reason,
        body,
    })
}

impl Incoming<'_> {
    /// Waits for more; false at the end.
    fn more(&mut self) -> io::Result<bool> {
        let mut piece = [0; 16 << 10];
        loop {
            self.stream.set_read_timeout(Some(left(self.deadline)?))?;
            match self.stream.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => {
                    let read = read.map_err(in_time)?;
                    self.bytes.extend_from_slice(&piece[..read]);
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
        loop {
            let looked_at = &self.bytes[..self.bytes.len().min(most)];
            if let Some(at) = looked_at.windows(end.len()).position(|part| part == end) {
                let mut taken: Vec<u8> = self.bytes.drain(..at + end.len()).collect();
                taken.truncate(at);
                return Ok(taken);
            }
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
#[path = "http_tests.rs"]
mod tests;
