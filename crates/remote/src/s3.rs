//! A bucket of S3, or of a server that speaks as it does.

use std::fmt;
use std::time::Duration;

use rusty_s3::actions::ListObjectsV2;
use rusty_s3::{Bucket as Address, S3Action};

use super::aws::Access;
use super::objects::{Contents, Length, Objects, Wanted};
use super::patience::{VARIABLE, patience};
use super::trouble::Failure;
use pipeline_error::Error;
use pipeline_http::{Answer, Http, Patience, Request};

/// How long a signed address is good for: a request and its retries take less, and a clock may be off.
const GOOD_FOR: Duration = Duration::from_secs(3600);

/// More is not taken in one request.
const MOST_OF_A_PUT: u64 = 5 << 30;

/// The end of what is said of an answer that no server of S3 gave.
const WEB_PAGE: &str = ": a web page";

/// What an error may say, and a page of a listing.
const MOST_OF_AN_ERROR: u64 = 64 << 10;
const MOST_OF_A_PAGE: u64 = 16 << 20;

/// A part of a bucket.
pub(crate) struct Bucket {
    address: Address,
    credentials: rusty_s3::Credentials,
    /// What stands before the names, `PREFIX/` or nothing.
    prefix: String,
    /// How it is called, without a slash at the end.
    url: String,
    http: Http,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.url)
    }
}

/// What is asked, for errors: the permission that it needs.
#[derive(Clone, Copy)]
enum Permission {
    Get,
    Put,
    List,
}

impl Permission {
    fn name(self) -> &'static str {
        match self {
            Permission::Get => "s3:GetObject",
            Permission::Put => "s3:PutObject",
            Permission::List => "s3:ListBucket",
        }
    }
}

impl Bucket {
    /// The bucket at `place`, `BUCKET/PREFIX`.
    pub(crate) fn open(place: &str, url: &str) -> Result<Self, Error> {
        let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
        let access = Access::find(name, &|name| std::env::var(name).ok())?;
        let unusable = |what: String| Error::Usage {
            message: format!("{url}: {what}"),
            hint: Some("AWS_ENDPOINT_URL_S3 names a server other than Amazon's".into()),
        };
        let endpoint = access.endpoint.parse();
        let endpoint = endpoint.map_err(|error| {
            unusable(format!(
                "the endpoint {} is no address: {error}",
                access.endpoint
            ))
        })?;
        let region = access.region;
        let address = Address::new(endpoint, access.style, name.to_string(), region);
        let whole = patience()?;
        Ok(Self {
            address: address.map_err(|error| unusable(error.to_string()))?,
            credentials: access.credentials,
            prefix: match prefix.is_empty() {
                true => String::new(),
                false => format!("{prefix}/"),
            },
            url: url.into(),
            http: Http::new(Patience {
                whole,
                ..Patience::default()
            })?,
        })
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn send(&self, name: &str, request: Request) -> Result<Answer, Failure> {
        let sent = self.http.send(request);
        sent.map_err(|failure| self.unanswered(name, &failure))
    }

    fn unanswered(&self, name: &str, failure: &pipeline_http::Failure) -> Failure {
        let host = self.address.base_url().host_str().unwrap_or_default();
        let what = format!("{}: {host}: {failure}", self.shown(name));
        match failure.is_transient {
            true => Failure::transient(what).hint(format!(
                "is the server reachable from here? {VARIABLE} says how long it is waited for"
            )),
            false => Failure::new(what),
        }
    }

    /// What a status other than success means.
    fn refusal(&self, name: &str, answer: Answer, needs: Permission) -> Failure {
        let (status, reason) = (answer.status(), answer.reason());
        let region = answer.header("x-amz-bucket-region").map(str::to_string);
        let text = answer.bytes(MOST_OF_AN_ERROR).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let code = element(&text, "Code").unwrap_or_default();
        let said = match (code, element(&text, "Message")) {
            ("", _) if text.to_lowercase().contains("<html") => WEB_PAGE.into(),
            ("", _) => String::new(),
            (code, Some(message)) => format!(": {code}: {message}"),
            (code, None) => format!(": {code}"),
        };
        let what = format!("{}: {status} {reason}{said}", self.shown(name));
        let slow_down = matches!(
            code,
            "SlowDown" | "RequestTimeout" | "ConditionalRequestConflict"
        );
        if status >= 500 && status != 501 || status == 429 || slow_down {
            return Failure::transient(what);
        }
        let failure = Failure::new(what);
        match (status, code) {
            (_, "ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId" | "SignatureDoesNotMatch") => {
                failure.hint("the credentials are not good (any more): AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE")
            }
            (_, "RequestTimeTooSkewed") => failure.hint("set this machine's clock"),
            (_, "NoSuchBucket") => failure.hint("make the bucket, or correct `url` in [remote]"),
            (300..=399, _) | (_, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
                failure.hint(match region {
                    Some(region) => format!("the bucket is in the region {region}: AWS_REGION={region}"),
                    None => "is the region right (AWS_REGION), and the endpoint?".into(),
                })
            }
            (401 | 403, _) => failure.hint(self.missing(needs)),
            (501, _) => failure.hint("the server knows no conditional writes (If-None-Match), and nothing is put there without"),
            _ => failure,
        }
    }

    fn missing(&self, needs: Permission) -> String {
        let bucket = self.address.name();
        let needed = match needs {
            Permission::List => format!("{} on arn:aws:s3:::{bucket}", needs.name()),
            _ => format!("{} on arn:aws:s3:::{bucket}/{}*", needs.name(), self.prefix),
        };
        let more = match needs {
            Permission::Get => format!(
                "; without s3:ListBucket on arn:aws:s3:::{bucket} S3 says the same of what is not there"
            ),
            _ => String::new(),
        };
        format!("these credentials need the permission {needed}{more}")
    }

    fn page(&self, folder: &str, token: Option<&str>) -> Result<ListPage, Failure> {
        let mut action = self.address.list_objects_v2(Some(&self.credentials));
        action.with_prefix(format!("{}/", self.key(folder)));
        if let Some(token) = token {
            action.with_continuation_token(token.to_string());
        }
        let address = action.sign(GOOD_FOR);
        let answer = self.send(folder, Request::get(address.as_str()))?;
        if answer.status() != 200 {
            return Err(self.refusal(folder, answer, Permission::List));
        }
        let text = answer.bytes(MOST_OF_A_PAGE);
        let text = text.map_err(|failure| self.unanswered(folder, &failure))?;
        let page = ListObjectsV2::parse_response(&String::from_utf8_lossy(&text));
        let page = page.map_err(|error| {
            Failure::new(format!(
                "{}: the listing cannot be read: {error}",
                self.shown(folder)
            ))
        })?;
        let objects = page.contents.into_iter();
        Ok(ListPage {
            objects: objects.map(|it| (it.key, it.size.unwrap_or(0))).collect(),
            next: page.next_continuation_token,
        })
    }
}

struct ListPage {
    objects: Vec<(String, u64)>,
    next: Option<String>,
}

/// The text of the first element of this name.
fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let rest = &text[text.find(&format!("<{name}>"))? + name.len() + 2..];
    let end = rest.find('<')?;
    let shown = rest[..end].trim();
    Some(match shown.char_indices().nth(300) {
        Some((at, _)) => &shown[..at],
        None => shown,
    })
}

impl Objects for Bucket {
    fn get(
        &self,
        name: &str,
        length: Length,
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<bool, Failure> {
        let key = self.key(name);
        let action = self.address.get_object(Some(&self.credentials), &key);
        let address = action.sign(GOOD_FOR);
        let known = match length {
            Length::Known(length) => length,
            Length::AtMost(_) => 0,
        };
        let answer = self.send(name, Request::get(address.as_str()).expecting(known))?;
        match answer.status() {
            200 => {}
            404 => return self.absence(name, answer, Permission::Get).map(|()| false),
            _ => return Err(self.refusal(name, answer, Permission::Get)),
        }
        let streamed = answer.stream(length.most(), |piece| match take(piece) {
            true => Ok(()),
            false => Err(()),
        });
        match streamed {
            // Who takes has had enough.
            Ok(_) => Ok(true),
            Err(failure) => Err(self.unanswered(name, &failure)),
        }
    }

    fn size(&self, name: &str) -> Result<Option<u64>, Failure> {
        let key = self.key(name);
        let action = self.address.head_object(Some(&self.credentials), &key);
        let address = action.sign(GOOD_FOR);
        let answer = self.send(name, Request::head(address.as_str()))?;
        match answer.status() {
            200 => {
                let length = answer.header("Content-Length");
                Ok(length.and_then(|length| length.parse().ok()))
            }
            404 => Ok(None),
            _ => Err(self.refusal(name, answer, Permission::Get)),
        }
    }

    fn put(&self, name: &str, contents: &Contents, wanted: Wanted) -> Result<bool, Failure> {
        let key = self.key(name);
        let mut action = self.address.put_object(Some(&self.credentials), &key);
        let condition = (wanted == Wanted::First).then_some(("if-none-match", "*"));
        if let Some((header, value)) = condition {
            action.headers_mut().insert(header, value);
        }
        let address = action.sign(GOOD_FOR);
        let address = address.as_str();
        let request = match contents {
            Contents::Bytes(bytes) => Request::put(address, bytes),
            Contents::File(file, length) => {
                let file = file.try_clone();
                let file =
                    file.map_err(|error| Failure::new(format!("{}: {error}", self.shown(name))))?;
                Request::put_file(address, file, *length)
            }
        };
        let request = match condition {
            Some((header, value)) => request.header(header, value),
            None => request,
        };
        let answer = self.send(name, request)?;
        match answer.status() {
            200..=299 => Ok(true),
            412 => Ok(false),
            _ => Err(self.refusal(name, answer, Permission::Put)),
        }
    }

    fn longest(&self) -> u64 {
        MOST_OF_A_PUT
    }

    fn list(&self, folder: &str) -> Result<Vec<(String, u64)>, Failure> {
        let mut found = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let page = self.page(folder, next.as_deref())?;
            found.extend(page.objects);
            match page.next {
                None => return Ok(found),
                again if again == next => {
                    let what = format!(
                        "{}: the list of objects goes on with the same page",
                        self.shown(folder)
                    );
                    return Err(Failure::new(what));
                }
                other => next = other,
            }
        }
    }

    fn shown(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }
}

impl Bucket {
    /// That an object is not there is no error; that the whole bucket is not, or no server of S3, is one.
    fn absence(&self, name: &str, answer: Answer, needs: Permission) -> Result<(), Failure> {
        let failure = self.refusal(name, answer, needs);
        if failure.what.ends_with(WEB_PAGE) {
            return Err(failure.hint(
                "something else than a server of S3 answered, a proxy for instance: is the endpoint right?",
            ));
        }
        match failure.what.contains(": NoSuchBucket") {
            true => Err(failure),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_s_code_and_message_are_found() {
        let text =
            "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message> gone </Message></Error>";
        assert_eq!(element(text, "Code"), Some("NoSuchKey"));
        assert_eq!(element(text, "Message"), Some("gone"));
        assert_eq!(element(text, "Region"), None);
        assert_eq!(element("<Code>never ends", "Code"), None);
    }
}
