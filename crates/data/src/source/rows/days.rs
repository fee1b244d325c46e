/// Whether timestamps are days without a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Days {
    No,
    /// Days that are written out as such.
    Plain,
    /// Days that are written out with a clock of zeros, as in a table of stays.
    WithClock,
}
