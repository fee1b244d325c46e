/// The rows of a stay, of which some carry labels. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowSpan {
    first: i64,
    first_event: Option<i64>,
    /// The last row that carries a label; none where no row does.
    pub(super) last: Option<i64>,
    pub(super) first_positive: Option<i64>,
}

impl RowSpan {
    /// That of one row, of this class if it carries a label.
    pub(super) fn of(time: i64, has_event: bool, class: Option<bool>) -> Self {
        Self {
            first: time,
            first_event: has_event.then_some(time),
            last: class.map(|_| time),
            first_positive: (class == Some(true)).then_some(time),
        }
    }

    pub(super) fn widen(&mut self, other: Self) {
        let earliest = |one: Option<i64>, other: Option<i64>| one.into_iter().chain(other).min();
        self.first = self.first.min(other.first);
        self.first_event = earliest(self.first_event, other.first_event);
        self.last = self.last.max(other.last);
        self.first_positive = earliest(self.first_positive, other.first_positive);
    }

    /// When the stay begins if nothing says so: with its first event, whether that row carries a label or not.
    pub(super) fn begin(&self) -> i64 {
        self.first_event.unwrap_or(self.first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stay_begins_with_its_first_event_and_is_labelled_up_to_its_last_label() {
        let mut span = RowSpan::of(0, false, Some(false));
        for row in [
            RowSpan::of(4, true, Some(false)),
            RowSpan::of(2, true, None),
            RowSpan::of(9, true, None),
        ] {
            span.widen(row);
        }
        assert_eq!((span.begin(), span.last), (2, Some(4)));
        assert_eq!(span.first_positive, None);
        let empty = RowSpan::of(3, false, None);
        assert_eq!((empty.begin(), empty.last), (3, None));
    }
}
