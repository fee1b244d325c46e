use std::borrow::Cow;
use std::fmt::{self, Display};
use std::path::Path;

use pipeline_error::memory::{MORE_MEMORY, excess};
use pipeline_error::{Code, Error};

/// Why a file is not read. The file's name is added by whoever knows it.
#[derive(Debug)]
pub struct Refusal {
    reason: String,
    hint: Option<Cow<'static, str>>,
}

impl Refusal {
    /// A refusal without a hint.
    pub fn new(reason: impl Into<String>) -> Self {
        Refusal {
            reason: reason.into(),
            hint: None,
        }
    }

    /// The same refusal with what to do.
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same refusal, saying where inside the file.
    pub fn within(mut self, place: impl Display) -> Self {
        self.reason = format!("{place}: {}", self.reason);
        self
    }

    /// The failed audit of the file at `path`.
    pub fn into_error(self, path: &Path) -> Error {
        Error::Audit {
            message: format!("{}: {}", path.display(), self.reason),
            hint: self.hint.map(Cow::into_owned),
        }
        .coded(Code::RefusedCheckpoint)
    }
}

/// Refuses what needs more memory than there is, before any of it is asked for; `what` begins the sentence.
pub fn refuse_excess(what: &str, needed: u64) -> Result<(), Refusal> {
    match excess(what, needed) {
        Some(reason) => Err(Refusal::new(reason).with_hint(MORE_MEMORY)),
        None => Ok(()),
    }
}

impl Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}
