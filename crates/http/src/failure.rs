use std::fmt;
use std::io;
use std::time::Duration;

/// Why there is no answer.
#[derive(Debug)]
pub struct Failure {
    what: String,
    /// Whether it may go well at another time.
    pub is_transient: bool,
}

impl Failure {
    pub(crate) fn of(error: ureq::Error, patience: Duration) -> Self {
        let seconds = patience.as_secs_f64();
        let (what, is_transient) = match error {
            ureq::Error::Timeout(ureq::Timeout::Resolve) => {
                ("its name was not found in time".into(), true)
            }
            ureq::Error::Timeout(ureq::Timeout::Connect) => ("no connection in time".into(), true),
            ureq::Error::Timeout(_) => (format!("no whole answer within {seconds} s"), true),
            ureq::Error::HostNotFound => ("its name leads to no address".into(), true),
            ureq::Error::ConnectionFailed => ("no connection".into(), true),
            // As TLS tells it.
            ureq::Error::Io(error) if error.to_string().contains("certificate") => (
                format!(
                    "{error} (AWS_CA_BUNDLE or SSL_CERT_FILE names a file with the authorities that are to be believed)"
                ),
                false,
            ),
            ureq::Error::Io(error) => (plainly(&error), true),
            ureq::Error::Protocol(error) => (format!("the answer is no HTTP: {error}"), true),
            ureq::Error::BodyExceedsLimit(most) => {
                (format!("the answer is longer than {most} bytes"), false)
            }
            // These may quote the address, and that may hold a signature.
            ureq::Error::Http(_) | ureq::Error::BadUri(_) => (
                "its address or a header holds what none may hold".into(),
                false,
            ),
            ureq::Error::TlsRequired => (
                "this build knows no https:// (it was built without the feature `remote`)".into(),
                false,
            ),
            error => (error.to_string(), false),
        };
        Self { what, is_transient }
    }

    pub(crate) fn reading(error: io::Error, patience: Duration) -> Self {
        Self::of(ureq::Error::from(error), patience)
    }
}

fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the answer ends in the middle".into(),
        _ => error.to_string(),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}
