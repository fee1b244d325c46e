//! Requests to a tracking server.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minreq::{Method, Request, Response};
use serde_json::Value;

use pipeline_error::Error;

/// Seconds after which a request is given up.
const PATIENCE: u64 = 300;

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
                format!("{url}: only http:// servers can be reached"),
                "forward a local port to the server (ssh -L 5000:localhost:5000 HOST), and give http://127.0.0.1:5000",
            ));
        }
        if !url.starts_with("http://") {
            return Err(usage(
                format!("{url} is no address of a tracking server"),
                "it looks like http://127.0.0.1:5000",
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
        let request = Request::new(Method::Get, format!("{address}?{name}={}", encode(value)));
        let response = self.send(request, "GET", &address)?;
        match response.status_code {
            404 => Ok(None),
            _ => self.answer(&response, "GET", &address).map(Some),
        }
    }

    /// The answer of an endpoint below `/api/2.0/mlflow/` to a document.
    pub fn post(&self, endpoint: &str, document: &Value) -> Result<Value, Error> {
        let address = self.endpoint(endpoint);
        let request = Request::new(Method::Post, address.clone())
            .with_header("Content-Type", "application/json")
            .with_body(document.to_string());
        let response = self.send(request, "POST", &address)?;
        self.answer(&response, "POST", &address)
    }

    /// Stores a file behind the server's artifact proxy.
    pub fn put_artifact(&self, path: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let path: Vec<String> = path.split('/').map(encode).collect();
        let address = format!(
            "{}/api/2.0/mlflow-artifacts/artifacts/{}",
            self.base,
            path.join("/")
        );
        let request = Request::new(Method::Put, address.clone())
            .with_header("Content-Type", "application/octet-stream")
            .with_body(bytes);
        let response = self.send(request, "PUT", &address)?;
        self.answer(&response, "PUT", &address).map(|_| ())
    }

    fn endpoint(&self, endpoint: &str) -> String {
        format!("{}/api/2.0/mlflow/{endpoint}", self.base)
    }

    fn send(&self, request: Request, verb: &str, address: &str) -> Result<Response, Error> {
        let request = request.with_timeout(PATIENCE);
        let request = match &self.authorization {
            Some(header) => request.with_header("Authorization", header.as_str()),
            None => request,
        };
        request.send().map_err(|error| {
            Error::stage(format!("{verb} {address}: {error}"))
                .with_hint("is the tracking server running, and is this its address?")
        })
    }

    fn answer(&self, response: &Response, verb: &str, address: &str) -> Result<Value, Error> {
        let status = response.status_code;
        let text = String::from_utf8_lossy(response.as_bytes());
        if (200..300).contains(&status) {
            if text.trim().is_empty() {
                return Ok(Value::Null);
            }
            return serde_json::from_str(&text).map_err(|error| {
                Error::stage(format!("{verb} {address}: the answer is no JSON: {error}"))
                    .with_hint("is this the address of an MLflow server?")
            });
        }
        let message = explain(&text);
        let reason = &response.reason_phrase;
        let error = Error::stage(format!("{verb} {address}: {status} {reason}: {message}"));
        Err(match status {
            401 | 403 => error.with_hint(
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            ),
            _ => error,
        })
    }
}

/// What a server says went wrong: its code and message, or the beginning of what it sent.
fn explain(text: &str) -> String {
    let document: Option<Value> = serde_json::from_str(text).ok();
    let part = |name: &str| Some(document.as_ref()?.get(name)?.as_str()?.to_string());
    match (part("error_code"), part("message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        _ => text.trim().chars().take(300).collect(),
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
        for url in ["https://example.org", "example.org:5000", "sqlite:///x.db"] {
            assert!(Client::new(url, &Credentials::None).is_err(), "{url}");
        }
        let client = Client::new("http://127.0.0.1:5000/", &Credentials::None);
        assert_eq!(client.unwrap().url(), "http://127.0.0.1:5000");
    }

    #[test]
    fn the_server_s_own_words_are_told() {
        let text = r#"{"error_code": "INVALID_PARAMETER_VALUE", "message": "no"}"#;
        assert_eq!(explain(text), "INVALID_PARAMETER_VALUE: no");
        assert_eq!(explain(" <html> "), "<html>");
    }
}
