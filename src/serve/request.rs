//! What a browser asks for.

use std::io::{BufRead, ErrorKind};

/// A longer head is no browser's.
const LONGEST: u64 = 16 << 10;

/// The head of a request; nothing is read behind it.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// The path, without what follows `?`.
    pub path: String,
    /// Whom the browser asks.
    host: String,
}

impl Request {
    /// Reads a head; none where it is none.
    pub fn read(stream: impl BufRead) -> std::io::Result<Option<Self>> {
        let mut lines = Vec::new();
        for line in stream.take(LONGEST).lines() {
            match line {
                Ok(line) if line.is_empty() => return Ok(Self::parse(&lines)),
                Ok(line) => lines.push(line),
                Err(error) if error.kind() == ErrorKind::InvalidData => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        // It was cut short, or is too long.
        Ok(None)
    }

    fn parse(lines: &[String]) -> Option<Self> {
        let (first, fields) = lines.split_first()?;
        let words: Vec<&str> = first.split(' ').collect();
        let [method, target, "HTTP/1.1" | "HTTP/1.0"] = words.as_slice() else {
            return None;
        };
        let path = target
            .split('?')
            .next()
            .filter(|path| path.starts_with('/'))?;
        let hosts = fields.iter().filter_map(|field| {
            let (name, value) = field.split_once(':')?;
            name.eq_ignore_ascii_case("host").then(|| value.trim())
        });
        let hosts: Vec<&str> = hosts.collect();
        let [host] = hosts.as_slice() else {
            return None;
        };
        Some(Self {
            method: (*method).into(),
            path: path.into(),
            host: (*host).into(),
        })
    }

    /// Whether it asks this machine by a name of its own, at this port.
    pub fn is_for(&self, port: u16) -> bool {
        // A forwarded port may be another one.
        let name = match self.host.rsplit_once(':') {
            Some((name, at)) if at.parse::<u16>().is_ok() => name,
            _ if port == 80 => self.host.as_str(),
            _ => return false,
        };
        ["127.0.0.1", "localhost", "[::1]"].contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Request> {
        Request::read(text.as_bytes()).expect("a text can be read")
    }

    #[test]
    fn a_head_is_read_and_nothing_behind_it() {
        let request = read("GET /runs/a?x=1 HTTP/1.1\r\nhost: localhost:80\r\n\r\nmore").unwrap();
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("GET", "/runs/a")
        );
        assert!(request.is_for(80));
    }

    #[test]
    fn what_is_no_head_is_refused() {
        let long = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "a".repeat(20_000));
        for text in [
            "",
            "GET / HTTP/1.1\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "GET elsewhere HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / SPDY\r\nHost: a\r\n\r\n",
            long.as_str(),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let no_text = [b"GET / \xff HTTP/1.1\r\n\r\n".as_slice()].concat();
        assert_eq!(Request::read(no_text.as_slice()).unwrap(), None);
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let asks = |host: &str| {
            let request = read(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
            request.expect("a request").is_for(4711)
        };
        assert!(
            ["127.0.0.1:4711", "localhost:9000", "[::1]:4711"]
                .map(asks)
                .iter()
                .all(|is| *is)
        );
        let others = [
            "evil.example:4711",
            "localhost.evil.example:4711",
            "127.0.0.1",
            "10.0.0.1:4711",
        ];
        assert!(!others.map(asks).iter().any(|is| *is));
    }
}
