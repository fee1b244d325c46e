//! A small HTTP server for pages that a browser on this machine reads.

mod request;

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pipeline_error::Error;
use request::Request;

/// A browser that says or takes nothing for so long is left alone.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether to stop.
const TICK: Duration = Duration::from_millis(50);
/// Browsers that are answered at a time.
const MOST_BROWSERS: usize = 16;

/// Pages may load nothing from elsewhere, and be shown within no other page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What is at a path.
pub struct Answer {
    kind: &'static str,
    body: String,
}

impl Answer {
    /// An HTML page.
    pub fn page(body: String) -> Self {
        let kind = "text/html; charset=utf-8";
        Self { kind, body }
    }

    /// A script of a page.
    pub fn script(body: &str) -> Self {
        let kind = "text/javascript; charset=utf-8";
        let body = body.into();
        Self { kind, body }
    }

    fn text(body: &str) -> Self {
        let kind = "text/plain; charset=utf-8";
        let body = format!("{body}\n");
        Self { kind, body }
    }
}

/// What finds an answer by its path; none: there is nothing.
type Find<'a> = dyn Fn(&str) -> Result<Option<Answer>, Error> + Sync + 'a;

/// A server at an address.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Takes the address.
    pub fn bind(address: SocketAddr) -> Result<Self, Error> {
        let refused = |error: std::io::Error| Error::Usage {
            message: format!("{address} cannot be served: {error}"),
            hint: Some("port 0 takes any that is free".into()),
        };
        let listener = TcpListener::bind(address).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        Ok(Self { listener, address })
    }

    /// Where it can be reached.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stopped`.
    pub fn serve(&self, stopped: &AtomicBool, find: &Find) -> Result<(), Error> {
        let browsers = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            while !stopped.load(Ordering::Relaxed) {
                let Ok((stream, _)) = self.listener.accept() else {
                    std::thread::sleep(TICK);
                    continue;
                };
                if browsers.fetch_add(1, Ordering::Relaxed) >= MOST_BROWSERS {
                    browsers.fetch_sub(1, Ordering::Relaxed);
                    continue;
                }
                let browsers = &browsers;
                scope.spawn(move || {
                    // A browser that has gone away needs no answer.
                    let _ = self.answer(&stream, find);
                    browsers.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Ok(())
    }

    fn answer(&self, stream: &TcpStream, find: &Find) -> std::io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let request = Request::read(BufReader::new(stream))?;
        let (status, answer, is_head) = match &request {
            None => ("400 Bad Request", Answer::text("no request of HTTP"), false),
            // A page elsewhere whose name was pointed at this machine must not read runs.
            Some(request) if !request.is_for(self.address.port()) => (
                "403 Forbidden",
                Answer::text("not asked for by an address of this machine"),
                false,
            ),
            Some(request) if !["GET", "HEAD"].contains(&request.method.as_str()) => (
                "405 Method Not Allowed",
                Answer::text("pages are only read"),
                false,
            ),
            Some(request) => {
                let is_head = request.method == "HEAD";
                match find(&request.path) {
                    Ok(Some(answer)) => ("200 OK", answer, is_head),
                    Ok(None) => (
                        "404 Not Found",
                        Answer::text("there is nothing here"),
                        is_head,
                    ),
                    Err(error) => {
                        let told = Answer::text(&error.to_string());
                        ("500 Internal Server Error", told, is_head)
                    }
                }
            }
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\
             Cache-Control: no-store\r\nContent-Security-Policy: {POLICY}\r\n\
             X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\r\n",
            answer.kind,
            answer.body.len(),
        );
        let mut stream = stream;
        stream.write_all(head.as_bytes())?;
        if !is_head {
            stream.write_all(answer.body.as_bytes())?;
        }
        stream.flush()
    }
}
