//! Names of the errors that have a page: `pipeline help error NAME` prints it.

macro_rules! codes {
    ($($(#[$doc:meta])* $code:ident = $name:literal, $exit:literal;)+) => {
        /// A kind of error with a name that does not change and a page in `docs/errors`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $code,)+
        }

        impl Code {
            /// All of them, by exit code.
            pub const ALL: &[Code] = &[$(Code::$code),+];

            /// The name: that of the page's file without `.md`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Code::$code => $name,)+
                }
            }

            /// The exit code of a command that it ends.
            pub const fn exit_code(self) -> u8 {
                match self {
                    $(Code::$code => $exit,)+
                }
            }
        }
    };
}

codes! {
    /// A recipe cannot be parsed.
    InvalidToml = "invalid-toml", 2;
    /// A table has a key that nothing reads.
    UnknownKey = "unknown-key", 2;
    /// A table lacks a key that it needs.
    MissingKey = "missing-key", 2;
    /// A value has another type than its key takes.
    WrongType = "wrong-type", 2;
    /// A value is outside of what its key takes.
    InvalidValue = "invalid-value", 2;
    /// A `${…}` has no value.
    UnsetVariable = "unset-variable", 2;
    /// A name leads to no stage.
    UnknownStage = "unknown-stage", 2;
    /// A field names a stage that it cannot use.
    WrongStageKind = "wrong-stage-kind", 2;
    /// Stages need each other.
    StageCycle = "stage-cycle", 2;
    /// A sweep would choose on the test split.
    TestObjective = "test-objective", 2;
    /// A model needs more memory than there is.
    MemoryLimit = "memory-limit", 2;
    /// An input cannot be read.
    UnreadableInput = "unreadable-input", 2;
    /// A table lacks a column.
    MissingColumn = "missing-column", 3;
    /// A cell is no finite number.
    InvalidNumber = "invalid-number", 3;
    /// A stay has no label, or no split.
    MissingLabel = "missing-label", 3;
    /// A variable is called like a column of the labels.
    OutcomeAsInput = "outcome-as-input", 3;
    /// A split has no stay.
    EmptySplit = "empty-split", 3;
    /// A patient is in two splits.
    SplitOverlap = "split-overlap", 3;
    /// A model would be scored on a patient it was fitted on.
    SubjectOverlap = "subject-overlap", 3;
    /// A class has no training stay.
    UnseenClass = "unseen-class", 3;
    /// A loss or a gradient is NaN or infinite.
    NotFinite = "not-finite", 3;
    /// The program of a command stage failed.
    ProgramFailed = "program-failed", 3;
    /// A checkpoint lacks a parameter of the model.
    MissedParameter = "missed-parameter", 4;
    /// A checkpoint has a tensor that the model does not.
    UnusedTensor = "unused-tensor", 4;
    /// A tensor has another shape than its parameter.
    ShapeMismatch = "shape-mismatch", 4;
    /// A pattern of an import matches nothing, or too much.
    IdlePattern = "idle-pattern", 4;
    /// A setting that no shape shows differs.
    HiddenSetting = "hidden-setting", 4;
    /// Data mean something else than weights were trained on.
    ChangedInputs = "changed-inputs", 4;
    /// A file has another digest than its pin.
    WrongDigest = "wrong-digest", 4;
    /// A file of weights is none, or holds what is not read.
    RefusedCheckpoint = "refused-checkpoint", 4;
    /// A parameter is both new and frozen.
    FrozenNewParameter = "frozen-new-parameter", 4;
    /// Something would have to run.
    OutOfDate = "out-of-date", 5;
    /// A result is not what the lock says.
    LockDrift = "lock-drift", 5;
    /// The store does not hold what it says.
    DamagedStore = "damaged-store", 6;
    /// The program panicked.
    ProgramFault = "program-fault", 70;
    /// Somebody asked to stop.
    Interrupted = "interrupted", 130;
}

impl Code {
    /// The code of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_listed_by_exit_code_and_have_names_of_their_own() {
        assert!(Code::ALL.is_sorted_by_key(|code| code.exit_code()));
        let mut names: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
