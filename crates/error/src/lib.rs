//! Every way a command can end badly, and the exit code it has.
//!
//! ```
//! use pipeline_error::Error;
//!
//! let error = Error::stage("charts.csv: line 3: `x` is no number").with_hint("look at line 3");
//! assert_eq!(error.exit_code(), 3);
//! ```

pub mod guarded;
pub mod memory;
pub mod plain;

use std::fmt::Display;
use std::path::Path;

use miette::Diagnostic;
use thiserror::Error as ThisError;

/// A failure that ends a command or a stage.
#[derive(Debug, ThisError, Diagnostic)]
pub enum Error {
    /// The command line or a recipe is wrong; nothing ran. Exit code 2.
    #[error("{message}")]
    Usage {
        /// What is wrong, and where.
        message: String,
        /// What to do.
        #[help]
        hint: Option<String>,
    },

    /// A recipe has mistakes, all of them listed; nothing ran. Exit code 2.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Recipe(Box<dyn Diagnostic + Send + Sync>),

    /// A stage could not do its work. Exit code 3.
    #[error("{message}")]
    Stage {
        /// What is wrong, and where.
        message: String,
        /// What to do.
        #[help]
        hint: Option<String>,
    },

    /// A weight import failed its audit, or a checkpoint was refused. Exit code 4.
    #[error("{message}")]
    Audit {
        /// Every offending name.
        message: String,
        /// What to do.
        #[help]
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
        #[help]
        hint: Option<String>,
    },

    /// The program has a fault: it panicked. Exit code 70.
    #[error("{message}")]
    Fault {
        /// What it said, and where.
        message: String,
        /// What to do.
        #[help]
        hint: Option<String>,
    },

    /// The user asked to stop. Exit code 130.
    #[error("interrupted")]
    Interrupted,
}

/// How the standard library ends what it says of EFBIG: a file would become larger than a limit allows.
const TOO_LARGE: &str = "(os error 27)";

impl Error {
    /// A stage failure; with a hint only where the system's reason calls for one.
    pub fn stage(message: impl Into<String>) -> Self {
        let message = message.into();
        let limited = message.contains(TOO_LARGE);
        Error::Stage {
            message,
            hint: limited.then(|| {
                "a limit on the size of files holds (`ulimit -f` shows it): raise it where the program is started"
                    .into()
            }),
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
        if let Error::Usage { hint, .. }
        | Error::Stage { hint, .. }
        | Error::Audit { hint, .. }
        | Error::Store { hint, .. }
        | Error::Fault { hint, .. } = &mut self
        {
            *hint = Some(text.into());
        }
        self
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
        }
    }
}

#[cfg(feature = "candle")]
impl From<candle_core::Error> for Error {
    fn from(error: candle_core::Error) -> Self {
        Error::stage(format!("tensor computation failed: {error}"))
    }
}
