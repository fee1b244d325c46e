//! What a server answers: a status and then JSON; no redirect is followed.

use pipeline_error::Error;
use serde_json::Value;

/// Characters that an error holds of what a server says.
const MOST_WORDS: usize = 300;

/// An answer of a server to one request.
#[derive(Debug)]
pub struct Answer {
    /// The number of its status.
    pub status: u16,
    /// The status in words.
    pub reason: &'static str,
    /// Where it says that the answer is to be found.
    pub location: Option<String>,
    /// What it says.
    pub body: Vec<u8>,
}

impl Answer {
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
        let error = Error::stage(format!("{request}: {status} {}: {message}", self.reason));
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
