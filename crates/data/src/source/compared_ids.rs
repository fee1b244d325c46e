//! What a comparison of two columns of ids finds.

/// Whether two columns hold the same ids, where both have one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ComparedIds {
    /// No row has both.
    Unknown,
    /// They do, in every row that was compared.
    Equal,
    /// They do not: where, in words.
    Differ(String),
}
