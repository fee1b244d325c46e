//! Every way a command can end badly, and the exit code it has.
//!
//! ```
//! use pipeline_error::Error;
//!
//! let error = Error::stage("charts.csv: line 3: `x` is no number").with_hint("look at line 3");
//! assert_eq!(error.exit_code(), 3);
//! ```

mod code;
pub mod guarded;
pub mod listed;
pub mod memory;
pub mod pasted;
pub mod plain;
pub mod size;

use std::fmt::Display;
use std::path::Path;

use miette::{Diagnostic, LabeledSpan, Severity, SourceCode};
use thiserror::Error as ThisError;

pub use code::Code;

/// A failure that ends a command or a stage.
#[derive(Debug, ThisError)]
pub enum Error {
    /// The command line or a recipe is wrong; nothing ran. Exit code 2.
    #[error("{message}")]
    Usage {
        /// What is wrong, and where.
        message: String,
        /// What to do.
        hint: Option<String>,
    },

    /// A recipe has mistakes, all of them listed; nothing ran. Exit code 2.
    #[error(transparent)]
    Recipe(Box<dyn Diagnostic + Send + Sync>),

    /// A stage could not do its work. Exit code 3.
    #[error("{message}")]
    Stage {
        /// What is wrong, and where.
        message: String,
        /// What to do.
        hint: Option<String>,
    },

    /// A weight import failed its audit, or a checkpoint was refused. Exit code 4.
    #[error("{message}")]
    Audit {
        /// Every offending name.
        message: String,
        /// What to do.
        hint: Option<String>,
    },

    /// Something would have to run. Exit code 5.
    #[error("{message}")]
    OutOfDate {
        /// What is out of date.
        message: String,
    },

    /// The store does not hold what it says. Exit code 6.
    #[error("{message}")]
    Store {
        /// What is wrong, and where.
        message: String,
        /// What to do.
        hint: Option<String>,
    },

    /// The program has a fault: it panicked. Exit code 70.
    #[error("{message}")]
    Fault {
        /// What it said, and where.
        message: String,
        /// What to do.
        hint: Option<String>,
    },

    /// The user asked to stop. Exit code 130.
    #[error("interrupted")]
    Interrupted,

    /// A failure of a kind that has a page.
    #[error("{error}")]
    Coded {
        /// The page's name.
        code: Code,
        /// The failure itself.
        error: Box<Error>,
    },
}

/// How the standard library ends what it says of errors of the system, and what to do about those: EFBIG, ENOSPC, EDQUOT.
const OF_SYSTEM: [(&str, &str); 3] = [
    (
        "(os error 27)",
        "a limit on the size of files holds (`ulimit -f` shows it): raise it where the program is started",
    ),
    (
        "(os error 28)",
        "free some space on that disk; --store or PIPELINE_STORE name a store on another one",
    ),
    (
        "(os error 122)",
        "your quota on that disk is used up: --store or PIPELINE_STORE name a store on another one",
    ),
];

/// How messages of standard output begin.
pub const STANDARD_OUTPUT: &str = "standard output";

impl Error {
    /// A stage failure; with a hint only where the system's reason calls for one.
    pub fn stage(message: impl Into<String>) -> Self {
        let message = message.into();
        let hint = OF_SYSTEM.iter().find(|(said, _)| message.contains(said));
        let hint = hint.map(|(_, hint)| match message.starts_with(STANDARD_OUTPUT) {
            true => "send the output to another place",
            false => hint,
        });
        Error::Stage {
            message,
            hint: hint.map(Into::into),
        }
    }

    /// A stage failure while reading or writing `path`.
    pub fn file(path: &Path, what: impl Display) -> Self {
        Error::stage(format!("{}: {what}", path.display()))
    }

    /// A panic, by what it said.
    pub fn fault(message: &str) -> Self {
        Error::Fault {
            message: format!("the program panicked: {message}"),
            hint: Some("this is a fault of the program, not of the recipe: report it".into()),
        }
    }

    /// The same failure with a hint, where its kind carries one.
    #[must_use]
    pub fn with_hint(mut self, text: impl Into<String>) -> Self {
        if let Error::Coded { code, error } = self {
            return error.with_hint(text).coded(code);
        }
        match &mut self {
            Error::Usage { hint, .. }
            | Error::Stage { hint, .. }
            | Error::Audit { hint, .. }
            | Error::Store { hint, .. }
            | Error::Fault { hint, .. } => *hint = Some(text.into()),
            _ => {}
        }
        self
    }

    /// The same failure with a place before its message.
    #[must_use]
    pub fn prefixed(mut self, prefix: &str) -> Self {
        if let Error::Coded { code, error } = self {
            return error.prefixed(prefix).coded(code);
        }
        match &mut self {
            Error::Usage { message, .. }
            | Error::Stage { message, .. }
            | Error::Audit { message, .. }
            | Error::OutOfDate { message }
            | Error::Store { message, .. }
            | Error::Fault { message, .. } => *message = format!("{prefix}: {message}"),
            _ => {}
        }
        self
    }

    /// The same failure, whose kind has a page.
    #[must_use]
    pub fn coded(self, code: Code) -> Self {
        let error = Box::new(self);
        Error::Coded { code, error }
    }

    /// The name of the page, if the failure is of a kind that has one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Error::Coded { code, .. } => Some(*code),
            Error::OutOfDate { .. } => Some(Code::OutOfDate),
            Error::Store { .. } => Some(Code::DamagedStore),
            Error::Fault { .. } => Some(Code::ProgramFault),
            Error::Interrupted => Some(Code::Interrupted),
            _ => None,
        }
    }

    /// What to do, where that is known of the failure as a whole.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Error::Usage { hint, .. }
            | Error::Stage { hint, .. }
            | Error::Audit { hint, .. }
            | Error::Store { hint, .. }
            | Error::Fault { hint, .. } => hint.as_deref(),
            Error::Coded { error, .. } => error.hint(),
            Error::Recipe(_) | Error::OutOfDate { .. } | Error::Interrupted => None,
        }
    }

    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Error::Usage { .. } | Error::Recipe(_) => 2,
            Error::Stage { .. } => 3,
            Error::Audit { .. } => 4,
            Error::OutOfDate { .. } => 5,
            Error::Store { .. } => 6,
            Error::Fault { .. } => 70,
            Error::Interrupted => 130,
            Error::Coded { error, .. } => error.exit_code(),
        }
    }

    /// The mistakes of a recipe, which point at its text.
    fn within(&self) -> Option<&dyn Diagnostic> {
        match self {
            Error::Recipe(mistakes) => Some(&**mistakes),
            Error::Coded { error, .. } => Some(&**error),
            _ => None,
        }
    }
}

impl Diagnostic for Error {
    fn code<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(Error::code(self)?.name()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn Display + 'a>> {
        Some(Box::new(self.hint()?))
    }

    fn severity(&self) -> Option<Severity> {
        self.within()?.severity()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.within()?.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.within()?.labels()
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        self.within()?.related()
    }
}

#[cfg(feature = "candle")]
impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Error::stage(format!("tensor computation failed: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_with_a_page_is_the_failure_itself_in_all_else() {
        let plain = || Error::stage("charts.csv: line 3: no number").with_hint("look");
        let error = plain().coded(Code::InvalidNumber).prefixed("stage `a`");
        assert_eq!(
            error.to_string(),
            "stage `a`: charts.csv: line 3: no number"
        );
        assert_eq!(error.exit_code(), 3);
        assert_eq!(error.code(), Some(Code::InvalidNumber));
        assert_eq!(error.code().map(Code::exit_code), Some(3));
        let error = error.with_hint("mend it");
        let told = |text: Option<Box<dyn Display + '_>>| text.map(|text| text.to_string());
        assert_eq!(told(Diagnostic::help(&error)).as_deref(), Some("mend it"));
        assert_eq!(
            told(Diagnostic::code(&error)).as_deref(),
            Some("invalid-number")
        );
        assert!(Diagnostic::code(&plain()).is_none());
    }

    #[test]
    fn a_full_disk_is_that_of_the_store_or_of_the_output() {
        let full = |place: &str| Error::stage(format!("{place}: no space (os error 28)"));
        assert!(full(".pipeline/work").hint().unwrap().contains("--store"));
        let hint = "send the output to another place";
        assert_eq!(full(STANDARD_OUTPUT).hint(), Some(hint));
        assert_eq!(Error::stage("standard output: other").hint(), None);
    }
}
