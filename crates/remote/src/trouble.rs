use pipeline_error::Error;

/// Why a remote cache could not do what was asked.
#[derive(Debug)]
pub enum Trouble {
    /// It cannot be reached, or does not let us: what is asked next will most likely end the same way.
    Away(Error),
    /// An object in it is not taken; the others may be sound.
    Refused(Error),
    /// The store here has failed, or the user asked to stop.
    Here(Error),
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Away(error) | Trouble::Refused(error) | Trouble::Here(error) => error,
        }
    }
}

/// Why an object was not read, written or listed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub what: String,
    pub hint: Option<String>,
    /// Whether it may go well a moment later.
    pub is_transient: bool,
}

impl Failure {
    pub(crate) fn new(what: String) -> Self {
        Self {
            what,
            hint: None,
            is_transient: false,
        }
    }

    #[cfg(feature = "s3")]
    pub(crate) fn transient(what: String) -> Self {
        Self {
            is_transient: true,
            ..Self::new(what)
        }
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    fn into_error(self) -> Error {
        let error = Error::stage(self.what);
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Away(failure.into_error())
    }
}
