/// The rows of a stay, which carry labels. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowSpan {
    pub(super) first: i64,
    pub(super) last: i64,
    pub(super) first_positive: Option<i64>,
}

impl RowSpan {
    pub(super) fn widen(&mut self, other: Self) {
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        let positives = self.first_positive.into_iter().chain(other.first_positive);
        self.first_positive = positives.min();
    }
}
