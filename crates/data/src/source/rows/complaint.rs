//! What is said of a time that cannot be used.

/// Goes on behind the time.
pub(in crate::source) struct Complaint {
    pub(in crate::source) what: String,
    pub(in crate::source) hint: String,
    /// Whether it is no time as those of the source are, and not one that clocks skipped or one beyond reach.
    pub(in crate::source) is_of_source: bool,
}

impl Complaint {
    /// Of a time that is not written as those of the source are.
    pub(super) fn of_source(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            is_of_source: true,
            ..Self::of_any(what, hint)
        }
    }

    /// Of a time that no source could have.
    pub(super) fn of_any(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
            is_of_source: false,
        }
    }
}
