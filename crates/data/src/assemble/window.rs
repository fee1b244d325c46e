//! Which part of a series a stay sees.

use super::loss::Loss;
use crate::config::DataConfig;
use crate::ingest::{MICROSECONDS_OF_A_MINUTE, RawEvent, STATIC};
use crate::source::{Start, StayRow};

/// The window of a recipe, in microseconds.
pub(super) struct Window {
    first: Option<i64>,
    last: Option<i64>,
    gap: i64,
}

/// The window of one stay, on the clock of its series.
pub(super) struct Span {
    /// Where its clock begins.
    start: i64,
    /// The first time that is in it.
    earliest: i64,
    /// The first time that is not in it any more.
    end: i64,
    /// The last time that is known when the prediction is made.
    known: i64,
}

impl Window {
    pub(super) fn new(config: &DataConfig) -> Self {
        let time = |hours: f64| (hours * 60.0 * MICROSECONDS_OF_A_MINUTE as f64).round() as i64;
        Self {
            first: config.hours.map(time),
            last: config.last_hours.map(time),
            gap: config.gap_hours.map_or(0, time),
        }
    }

    /// That of a stay. `None` where an event in it is so far from its begin that microseconds of 64 bits do not count to it.
    pub(super) fn of(&self, stay: &StayRow, events: &[RawEvent]) -> Option<Span> {
        let times = || {
            events
                .iter()
                .map(|event| event.time)
                .filter(|time| *time != STATIC)
        };
        let start = match stay.start {
            Start::At(time) => time,
            Start::FirstEvent => times().min().unwrap_or(0),
        };
        // Without a prediction a stay ends with its last event, and the gap is before that: else the stays of
        // `row_label` that have no positive row would alone be seen to their end.
        let last = || stay.prediction.or_else(|| times().max()).unwrap_or(start);
        let known = match (stay.prediction, self.gap) {
            (None, 0) => i64::MAX,
            (_, gap) => last().saturating_sub(gap),
        };
        // A late window has a clock of its own. It ends with the prediction, which is in it, so its begin is
        // not: a window of 24 hours never holds both midnights. A stay that is shorter is seen from its begin.
        let (start_of_window, earliest) = match self.last {
            Some(length) => {
                let begin = last().saturating_sub(length);
                (begin.max(start), begin.saturating_add(1).max(start))
            }
            None => (start, start),
        };
        let span = Span {
            start: start_of_window,
            earliest,
            end: self
                .first
                .map_or(i64::MAX, |length| start.saturating_add(length)),
            known,
        };
        // From a begin of 0 or later, every time can be counted to.
        let is_far = |time: i64| time.checked_sub(span.start).is_none() && span.place(time).is_ok();
        let counts = span.start >= 0 || !times().any(is_far);
        counts.then_some(span)
    }
}

impl Span {
    /// Microseconds since the stay (or its window) began; why not, for a time outside of it.
    pub(super) fn place(&self, time: i64) -> Result<i64, Loss> {
        match time {
            STATIC => Ok(0),
            _ if time > self.known => Err(Loss::AfterPrediction),
            _ if time < self.earliest => Err(Loss::BeforeWindow),
            _ if time >= self.end => Err(Loss::AfterWindow),
            _ => Ok(time.saturating_sub(self.start)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stay_id::StayId;
    use crate::tests::synthetic;

    const HOUR: i64 = 60 * MICROSECONDS_OF_A_MINUTE;

    fn span(
        change: impl Fn(&mut DataConfig),
        start: Start,
        prediction: Option<i64>,
        times: &[i64],
    ) -> Option<Span> {
        let mut config = synthetic(1);
        change(&mut config);
        let events: Vec<RawEvent> = (times.iter())
            .map(|&time| RawEvent {
                time,
                value: 1.0,
                variable: 0,
                set: 0,
            })
            .collect();
        let stay = StayRow {
            landmark_of: None,
            id: StayId::Number(1),
            subject: None,
            series: 0,
            label: None,
            start,
            prediction,
            split: None,
        };
        Window::new(&config).of(&stay, &events)
    }

    fn places(
        change: impl Fn(&mut DataConfig),
        start: Start,
        prediction: Option<i64>,
        times: &[i64],
    ) -> Vec<Result<i64, Loss>> {
        let span = span(change, start, prediction, times);
        let span = span.expect("times that can be counted");
        times.iter().map(|time| span.place(*time)).collect()
    }

    #[test]
    fn the_first_hours_begin_with_the_stay_and_hold_their_begin_but_not_their_end() {
        let found = places(
            |config| config.hours = Some(2.0),
            Start::At(HOUR),
            None,
            &[0, HOUR, 3 * HOUR - 1, 3 * HOUR, STATIC],
        );
        let before = Err(Loss::BeforeWindow);
        assert_eq!(
            found,
            [
                before,
                Ok(0),
                Ok(2 * HOUR - 1),
                Err(Loss::AfterWindow),
                Ok(0)
            ]
        );
    }

    #[test]
    fn nothing_after_the_prediction_less_its_gap_is_seen() {
        let times = [5 * HOUR, 7 * HOUR, 7 * HOUR + 1, STATIC];
        let found = places(
            |config| config.gap_hours = Some(3.0),
            Start::FirstEvent,
            Some(10 * HOUR),
            &times,
        );
        assert_eq!(
            found,
            [Ok(0), Ok(2 * HOUR), Err(Loss::AfterPrediction), Ok(0)]
        );
    }

    #[test]
    fn without_a_prediction_the_gap_is_before_the_last_event() {
        let times = [5 * HOUR, 7 * HOUR, 7 * HOUR + 1, 10 * HOUR];
        let gap = |config: &mut DataConfig| config.gap_hours = Some(3.0);
        let found = places(gap, Start::FirstEvent, None, &times);
        let lost = Err(Loss::AfterPrediction);
        assert_eq!(found, [Ok(0), Ok(2 * HOUR), lost, lost]);
        let found = places(
            |config| config.gap_hours = Some(0.0),
            Start::FirstEvent,
            None,
            &times,
        );
        assert_eq!(found[3], Ok(5 * HOUR));
    }

    #[test]
    fn a_time_in_the_window_that_cannot_be_counted_to_is_refused() {
        let (early, late) = (-i64::MAX, HOUR);
        let all = |_: &mut DataConfig| {};
        assert!(span(all, Start::FirstEvent, None, &[early, late]).is_none());
        let found = places(all, Start::FirstEvent, Some(0), &[early, late]);
        assert_eq!(found, [Ok(0), Err(Loss::AfterPrediction)]);
        let first = |config: &mut DataConfig| config.hours = Some(1.0);
        let found = places(first, Start::FirstEvent, None, &[early, late]);
        assert_eq!(found, [Ok(0), Err(Loss::AfterWindow)]);
        let found = places(all, Start::At(0), None, &[i64::MAX - 1]);
        assert_eq!(found, [Ok(i64::MAX - 1)]);
    }

    #[test]
    fn the_last_hours_end_with_the_prediction_or_the_last_event() {
        let last = |config: &mut DataConfig| config.last_hours = Some(2.0);
        let times = [0, 5 * HOUR, 6 * HOUR];
        let found = places(last, Start::FirstEvent, None, &times);
        assert_eq!(found, [Err(Loss::BeforeWindow), Ok(HOUR), Ok(2 * HOUR)]);
        let before = Err(Loss::BeforeWindow);
        let found = places(last, Start::FirstEvent, Some(7 * HOUR), &times);
        assert_eq!(
            found,
            [before, before, Ok(HOUR)],
            "the prediction is in it, so its begin is not"
        );
        let found = places(last, Start::FirstEvent, Some(7 * HOUR - 1), &times);
        assert_eq!(found, [before, Ok(1), Ok(HOUR + 1)]);
        let found = places(last, Start::FirstEvent, Some(HOUR), &times);
        assert_eq!(found[0], Ok(0), "a window is no longer than its stay");
    }
}
