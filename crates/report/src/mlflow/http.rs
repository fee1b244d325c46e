//! One HTTP request to one host, whose answer has an end in time.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::answer::Answer;

/// How long a name may take to be looked up, and a host to answer to a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a request may take in all, and for each mebibyte that is sent a second more.
const WHOLE: Duration = Duration::from_secs(60);
/// Bytes that are handed to the system at a time.
const PIECE: usize = 1 << 20;

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

impl Request<'_> {
    /// Sends it and takes the answer.
    pub(super) fn send(&self, limits: Limits) -> io::Result<Answer> {
        let deadline = Instant::now() + limits.whole;
        let mut stream = connect(self.authority, limits.connect.min(limits.whole))?;
        let head = self.head()?;
        for bytes in [head.as_bytes(), self.body] {
            for piece in bytes.chunks(PIECE) {
                stream.set_write_timeout(Some(left(deadline)?))?;
                stream.write_all(piece).map_err(in_time)?;
            }
        }
        Answer::read(Timed { stream, deadline })
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

/// What comes of a connection until the deadline.
struct Timed {
    stream: TcpStream,
    deadline: Instant,
}

impl Read for Timed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        self.stream.read(into).map_err(in_time)
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
