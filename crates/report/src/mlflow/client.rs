//! Requests to a tracking server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::answer::Answer;
use super::http::{Limits, Request};
use pipeline_error::Error;

/// How the address of a server begins.
const SCHEME: &str = "http://";

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
}

impl Client {
    /// The server at `url`.
    pub fn new(url: &str, credentials: &Credentials) -> Result<Self, Error> {
        let usage = |message: String, hint: &str| Error::Usage {
            message,
            hint: Some(hint.into()),
        };
        if url.starts_with("https://") {
            return Err(usage(
                format!("{url}: https:// is not supported: only http:// servers can be reached"),
                "forward a local port to the server (ssh -L 5000:localhost:5000 HOST), and give http://127.0.0.1:5000",
            ));
        }
        if !url.starts_with(SCHEME) {
            return Err(usage(
                format!("{url} is no address of a tracking server"),
                "it looks like http://127.0.0.1:5000",
            ));
        }
        // It would stand in records and errors.
        let authority = url[SCHEME.len()..].split('/').next().unwrap_or_default();
        if authority.is_empty()
            || authority.contains(|letter: char| {
                letter == '@' || letter.is_whitespace() || letter.is_control()
            })
        {
            return Err(usage(
                "the address of the tracking server holds a user, or no host".into(),
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, and give http://HOST:PORT",
            ));
        }
        Ok(Self {
            base: url.trim_end_matches('/').into(),
            authorization: credentials.header(),
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
        let answer = self.send("GET", &question, None)?;
        match answer.status {
            404 => Ok(None),
            _ => answer.document(&format!("GET {address}")).map(Some),
        }
    }

    /// The answer of an endpoint below `/api/2.0/mlflow/` to a document.
    pub fn post(&self, endpoint: &str, document: &Value) -> Result<Value, Error> {
        let address = self.endpoint(endpoint);
        let document = document.to_string();
        let body = ("application/json", document.as_bytes());
        let answer = self.send("POST", &address, Some(body))?;
        answer.document(&format!("POST {address}"))
    }

    /// Stores a file behind the server's artifact proxy.
    pub fn put_artifact(&self, path: &str, bytes: &[u8]) -> Result<(), Error> {
        let path: Vec<String> = path.split('/').map(encode).collect();
        let address = format!(
            "{}/api/2.0/mlflow-artifacts/artifacts/{}",
            self.base,
            path.join("/")
        );
        let answer = self.send("PUT", &address, Some(("application/octet-stream", bytes)))?;
        answer.document(&format!("PUT {address}")).map(|_| ())
    }

    fn endpoint(&self, endpoint: &str) -> String {
        format!("{}/api/2.0/mlflow/{endpoint}", self.base)
    }

    /// Asks at an address of this server: `body` is its type and its bytes.
    fn send(
        &self,
        method: &str,
        address: &str,
        body: Option<(&str, &[u8])>,
    ) -> Result<Answer, Error> {
        let place = address.strip_prefix(SCHEME).unwrap_or(address);
        let (authority, target) = place.split_at(place.find('/').unwrap_or(place.len()));
        let content_type = body.map(|(name, _)| ("Content-Type", name));
        let authorization = self.authorization.as_deref();
        let authorization = authorization.map(|header| ("Authorization", header));
        let bytes = body.map_or(&b""[..], |(_, bytes)| bytes);
        let request = Request {
            method,
            authority,
            target,
            headers: content_type.into_iter().chain(authorization).collect(),
            body: bytes,
        };
        request.send(Limits::sending(bytes.len())).map_err(|error| {
            Error::stage(format!("{method} {address}: {error}"))
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
            "https://example.org",
            "example.org:5000",
            "sqlite:///x.db",
            "http://",
            "http://me:secret@example.org",
        ] {
            assert!(Client::new(url, &Credentials::None).is_err(), "{url}");
        }
        let client = Client::new("http://127.0.0.1:5000/", &Credentials::None);
        assert_eq!(client.unwrap().url(), "http://127.0.0.1:5000");
    }
}
