//! Requests to a tracking server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::answer::Answer;
use pipeline_error::Error;
use pipeline_http::{Failure, Http, Patience, Request};

/// How the address of a server begins.
const SCHEMES: [&str; 2] = ["http://", "https://"];
/// Bytes that an answer may have.
const MOST: u64 = 1 << 20;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Anybody.
    None,
    /// A user with a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// Whoever has this token.
    Bearer(String),
}

impl Credentials {
    fn header(&self) -> Option<String> {
        match self {
            Credentials::None => None,
            Credentials::Basic { user, password } => {
                let encoded = STANDARD.encode(format!("{user}:{password}"));
                Some(format!("Basic {encoded}"))
            }
            Credentials::Bearer(token) => Some(format!("Bearer {token}")),
        }
    }
}

/// A tracking server.
pub struct Client {
    base: String,
    authorization: Option<String>,
    http: Http,
}

impl Client {
    /// The server at `url`.
    pub fn new(url: &str, credentials: &Credentials) -> Result<Self, Error> {
        let usage = |message: String, hint: &str| Error::Usage {
            message,
            hint: Some(hint.into()),
        };
        let Some(place) = SCHEMES.iter().find_map(|scheme| url.strip_prefix(scheme)) else {
            return Err(usage(
                format!("{url} is no address of a tracking server"),
                "it looks like http://127.0.0.1:5000, or https://mlflow.example.org",
            ));
        };
        // It would stand in records and errors.
        let authority = place.split('/').next().unwrap_or_default();
        if authority.is_empty()
            || authority.contains(|letter: char| {
                letter == '@' || letter.is_whitespace() || letter.is_control()
            })
        {
            return Err(usage(
                "the address of the tracking server holds a user, or no host".into(),
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, and give http://HOST:PORT or https://HOST",
            ));
        }
        Ok(Self {
            base: url.trim_end_matches('/').into(),
            authorization: credentials.header(),
            http: Http::new(Patience::default())?,
        })
    }

    /// The address that was given.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// The answer of an endpoint below `/api/2.0/mlflow/` to a question; none where there is no such thing.
    pub fn find(&self, endpoint: &str, name: &str, value: &str) -> Result<Option<Value>, Error> {
        let address = self.endpoint(endpoint);
        let question = format!("{address}?{name}={}", encode(value));
        let asked = format!("GET {address}");
        let answer = self.send(&asked, Request::get(&question))?;
        match answer.status {
            404 => Ok(None),
            _ => answer.document(&asked).map(Some),
        }
    }

    /// The answer of an endpoint below `/api/2.0/mlflow/` to a document.
    pub fn post(&self, endpoint: &str, document: &Value) -> Result<Value, Error> {
        let address = self.endpoint(endpoint);
        let document = document.to_string();
        let request = Request::post(&address, document.as_bytes());
        let asked = format!("POST {address}");
        let request = request.header("Content-Type", "application/json");
        self.send(&asked, request)?.document(&asked)
    }

    /// Stores a file behind the server's artifact proxy.
    pub fn put_artifact(&self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let path: Vec<String> = path.split('/').map(encode).collect();
        let address = format!(
            "{}/api/2.0/mlflow-artifacts/artifacts/{}",
            self.base,
            path.join("/")
        );
        let request = Request::put(&address, bytes);
        let asked = format!("PUT {address}");
        let request = request.header("Content-Type", "application/octet-stream");
        self.send(&asked, request)?.document(&asked).map(|_| ())
    }

    fn endpoint(&self, endpoint: &str) -> String {
        format!("{}/api/2.0/mlflow/{endpoint}", self.base)
    }

    /// Asks this server; `asked` is the method and the address, for errors.
    fn send<'a>(&'a self, asked: &str, request: Request<'a>) -> Result<Answer, Error> {
        // A connection that is kept may be closed over there at any time, and a request that is lost so would have to be
        // made again, of which nobody knows whether it was done.
        let request = request.header("Connection", "close");
        let request = request.header("Accept", "application/json");
        let request = match &self.authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => request,
        };
        let answered = || -> Result<Answer, Failure> {
            let answer = self.http.send(request)?;
            Ok(Answer {
                status: answer.status(),
                reason: answer.reason(),
                location: answer.header("Location").map(Into::into),
                body: answer.bytes(MOST)?,
            })
        };
        answered().map_err(|failure| {
            Error::stage(format!("{asked}: {failure}"))
                .with_hint("is the tracking server running, and is this its address?")
        })
    }
}

/// Percent-encodes all but what RFC 3986 calls unreserved.
fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded += &format!("%{byte:02X}"),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_plain_letter_is_encoded() {
        assert_eq!(encode("a b/ü:1"), "a%20b%2F%C3%BC%3A1");
    }

    #[test]
    fn credentials_become_headers() {
        let basic = Credentials::Basic {
            user: "Aladdin".into(),
            password: "open sesame".into(),
        };
        // The example of RFC 7617.
        let expected = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
        assert_eq!(basic.header().as_deref(), Some(expected));
        let bearer = Credentials::Bearer("t".into());
        assert_eq!(bearer.header().as_deref(), Some("Bearer t"));
    }

    #[test]
    fn an_address_that_cannot_be_reached_is_refused() {
        for url in [
            "example.org:5000",
            "ftp://example.org",
            "sqlite:///x.db",
            "http://",
            "http://me:secret@example.org",
            "https://me:secret@example.org",
        ] {
            assert!(Client::new(url, &Credentials::None).is_err(), "{url}");
        }
        let client = Client::new("http://127.0.0.1:5000/", &Credentials::None);
        assert_eq!(client.unwrap().url(), "http://127.0.0.1:5000");
        assert!(Client::new("https://example.org/mlflow/", &Credentials::None).is_ok());
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod client_tests;
