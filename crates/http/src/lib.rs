//! One HTTP request to one host. Its answer has an end in time and in size, and no redirect is followed: whoever it
//! leads to would be given the credentials.
//!
//! ```
//! use pipeline_http::{Http, Patience, Request};
//!
//! # fn main() -> Result<(), pipeline_error::Error> {
//! let http = Http::new(Patience::default())?;
//! let nobody = http.send(Request::get("http://127.0.0.1:9/"));
//! assert!(nobody.unwrap_err().is_transient);
//! # Ok(())
//! # }
//! ```

mod answer;
mod failure;
mod roots;

pub use answer::Answer;
pub use failure::Failure;

use std::fs::File;
use std::time::Duration;

use ureq::http::{Method, Request as Whole};
use ureq::{Agent, AsSendBody};

use pipeline_error::Error;

/// How much is taken off the network for headers.
const MOST_HEADERS: usize = 64 << 10;

/// How long is waited for a server.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For its name to be found, and for it to answer to a connection.
    pub connect: Duration,
    /// For a whole request; each mebibyte that is sent or taken gives a second more.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            whole: Duration::from_secs(60),
        }
    }
}

impl Patience {
    /// For a request that moves so many bytes.
    fn moving(self, bytes: u64) -> Duration {
        self.whole + Duration::from_secs(bytes >> 20)
    }
}

/// Asks servers.
#[derive(Debug)]
pub struct Http {
    agent: Agent,
    patience: Patience,
}

/// What is asked. The address may hold a signature: no error shows it.
#[derive(Debug)]
pub struct Request<'a> {
    method: Method,
    address: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: Body<'a>,
    /// Bytes that the answer may have.
    expected: u64,
}

#[derive(Debug)]
enum Body<'a> {
    None,
    Bytes(&'a [u8]),
    File(File, u64),
}

impl<'a> Request<'a> {
    /// Asks for what is at an address.
    pub fn get(address: &'a str) -> Self {
        Self::of(Method::GET, address, Body::None)
    }

    /// Asks whether something is at an address.
    pub fn head(address: &'a str) -> Self {
        Self::of(Method::HEAD, address, Body::None)
    }

    /// Hands a document over.
    pub fn post(address: &'a str, bytes: &'a [u8]) -> Self {
        Self::of(Method::POST, address, Body::Bytes(bytes))
    }

    /// Puts bytes at an address.
    pub fn put(address: &'a str, bytes: &'a [u8]) -> Self {
        Self::of(Method::PUT, address, Body::Bytes(bytes))
    }

    /// Puts the contents of a file, of this length, at an address.
    pub fn put_file(address: &'a str, file: File, length: u64) -> Self {
        Self::of(Method::PUT, address, Body::File(file, length))
    }

    fn of(method: Method, address: &'a str, body: Body<'a>) -> Self {
        Self {
            method,
            address,
            headers: Vec::new(),
            body,
            expected: 0,
        }
    }

    /// With this header.
    #[must_use]
    pub fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With so much more time as an answer of so many bytes takes.
    #[must_use]
    pub fn expecting(mut self, bytes: u64) -> Self {
        self.expected = bytes;
        self
    }
}

impl Http {
    /// Who waits so long. Certificates are held against Mozilla's authorities, or those in the file that
    /// `AWS_CA_BUNDLE` or `SSL_CERT_FILE` names; one that cannot be read is an error.
    pub fn new(patience: Patience) -> Result<Self, Error> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MOST_HEADERS)
            .user_agent(concat!("pipeline/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(patience.connect.min(patience.whole)))
            .timeout_connect(Some(patience.connect.min(patience.whole)));
        Ok(Self {
            agent: roots::trusted(config)?.build().new_agent(),
            patience,
        })
    }

    /// Sends a request, and takes status and headers of the answer, whatever they are.
    pub fn send(&self, request: Request) -> Result<Answer, Failure> {
        let Request { body, expected, .. } = &request;
        let sent = match body {
            Body::None => 0,
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::File(_, length) => *length,
        };
        let patience = self.patience.moving(sent.max(*expected));
        let head = || {
            let whole = Whole::builder()
                .method(request.method.clone())
                .uri(request.address);
            let headers = request.headers.iter();
            headers.fold(whole, |whole, (name, value)| whole.header(*name, *value))
        };
        match request.body {
            Body::None => self.run(head().body(()), patience),
            Body::Bytes(bytes) => self.run(head().body(bytes), patience),
            Body::File(file, _) => self.run(head().body(file), patience),
        }
    }

    fn run(
        &self,
        request: Result<Whole<impl AsSendBody>, ureq::http::Error>,
        patience: Duration,
    ) -> Result<Answer, Failure> {
        let request = request.map_err(|error| Failure::of(ureq::Error::Http(error), patience))?;
        let request = self
            .agent
            .configure_request(request)
            .timeout_global(Some(patience))
            .build();
        let answer = self.agent.run(request);
        let answer = answer.map_err(|error| Failure::of(error, patience))?;
        Ok(Answer::new(answer, patience))
    }
}

#[cfg(test)]
mod tests;
