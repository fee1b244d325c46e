//! Puts the events of a stay in order and into sets.

use std::collections::BTreeMap;

use super::cohort::{RawEvent, RawStay};
use super::config::Duplicates;
use crate::error::Error;

/// What was taken out of a stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Arranged {
    /// Events after the window.
    pub(super) outside: u64,
    /// Events that went into the mean of another.
    pub(super) merged: u64,
}

/// Cuts a stay's events at `last_minute` (inclusive), sorts them by time, set and variable
/// (the source's order decides between equals), numbers the sets from 0 and merges duplicates.
///
/// A set is what the source's set index says, else the events of one minute. A set index with
/// two different minutes is an error: a set has one time.
pub(super) fn arrange(
    stay: &mut RawStay,
    last_minute: Option<f64>,
    duplicates: Duplicates,
) -> Result<Arranged, Error> {
    let read = stay.events.len();
    if let Some(last) = last_minute {
        stay.events.retain(|event| event.minute <= last);
    }
    let kept = stay.events.len();
    stay.events.sort_by(|a, b| {
        (a.minute.total_cmp(&b.minute))
            .then(a.set.cmp(&b.set))
            .then(a.variable.cmp(&b.variable))
    });
    if stay.has_set_index {
        check_set_times(stay)?;
    }
    number_sets(&mut stay.events);
    if duplicates == Duplicates::Mean {
        merge_duplicates(&mut stay.events);
    }
    Ok(Arranged {
        outside: (read - kept) as u64,
        merged: (kept - stay.events.len()) as u64,
    })
}

fn check_set_times(stay: &RawStay) -> Result<(), Error> {
    let mut minutes = BTreeMap::new();
    for event in &stay.events {
        let first = *minutes.entry(event.set).or_insert(event.minute);
        if first != event.minute {
            return Err(Error::stage(format!(
                "{}: set_index {} has events of minute {first} and of minute {}",
                stay.title(),
                event.set,
                event.minute
            ))
            .with_hint("a set is measured at one time; without the column set_index a new set begins whenever the minute changes"));
        }
    }
    Ok(())
}

fn number_sets(events: &mut [RawEvent]) {
    let mut previous = None;
    let mut number = 0;
    for event in events {
        let key = (event.minute, event.set);
        if previous.is_some_and(|previous| previous != key) {
            number += 1;
        }
        previous = Some(key);
        event.set = number;
    }
}

/// Replaces runs of equal (set, variable) by one event with their mean.
fn merge_duplicates(events: &mut Vec<RawEvent>) {
    let mut written = 0;
    let mut next = 0;
    while next < events.len() {
        let mut event = events[next];
        let run = events[next..]
            .iter()
            .take_while(|other| (other.set, other.variable) == (event.set, event.variable))
            .count();
        if run > 1 {
            // As a difference from the first: the mean of equal values is exactly that value.
            let differences: f64 = (events[next..next + run].iter())
                .map(|other| other.value - event.value)
                .sum();
            event.value += differences / run as f64;
        }
        events[written] = event;
        written += 1;
        next += run;
    }
    events.truncate(written);
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn stay(events: &[(f64, u32, u32, f64)], has_set_index: bool) -> RawStay {
        let mut stay = RawStay::of_file(Path::new("7.parquet")).unwrap();
        stay.has_set_index = has_set_index;
        stay.events = events
            .iter()
            .map(|&(minute, set, variable, value)| RawEvent {
                minute,
                value,
                variable,
                set,
            })
            .collect();
        stay
    }

    fn rows(stay: &RawStay) -> Vec<(u32, u32, f64)> {
        let row = |event: &RawEvent| (event.set, event.variable, event.value);
        stay.events.iter().map(row).collect()
    }

    #[test]
    fn events_are_sorted_grouped_and_averaged() {
        let unsorted = [
            (5.0, 0, 1, 10.0),
            (0.0, 0, 2, 1.0),
            (5.0, 0, 0, 3.0),
            (5.0, 0, 1, 20.0),
            (9.0, 0, 0, 4.0),
        ];
        let mut mean = stay(&unsorted, false);
        let arranged = arrange(&mut mean, Some(5.0), Duplicates::Mean).unwrap();
        assert_eq!(
            arranged,
            Arranged {
                outside: 1,
                merged: 1
            }
        );
        assert_eq!(rows(&mean), [(0, 2, 1.0), (1, 0, 3.0), (1, 1, 15.0)]);
        let mut keep = stay(&unsorted, false);
        arrange(&mut keep, None, Duplicates::Keep).unwrap();
        let expected = [
            (0, 2, 1.0),
            (1, 0, 3.0),
            (1, 1, 10.0),
            (1, 1, 20.0),
            (2, 0, 4.0),
        ];
        assert_eq!(rows(&keep), expected);
    }

    #[test]
    fn the_mean_of_equal_values_is_that_value() {
        let mut equal = stay(&[(5.0, 0, 1, 0.1); 6], false);
        arrange(&mut equal, None, Duplicates::Mean).unwrap();
        assert_eq!(rows(&equal), [(0, 1, 0.1)]);
    }

    #[test]
    fn a_set_index_decides_what_a_set_is() {
        let mut indexed = stay(
            &[(5.0, 8, 0, 1.0), (5.0, 4, 0, 2.0), (1.0, 9, 0, 3.0)],
            true,
        );
        arrange(&mut indexed, None, Duplicates::Mean).unwrap();
        assert_eq!(rows(&indexed), [(0, 0, 3.0), (1, 0, 2.0), (2, 0, 1.0)]);
    }

    #[test]
    fn a_set_index_with_two_times_is_named() {
        let mut torn = stay(&[(5.0, 8, 0, 1.0), (6.0, 8, 0, 2.0)], true);
        let error = arrange(&mut torn, None, Duplicates::Mean).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("stay 7 (7.parquet): set_index 8"),
            "{error}"
        );
    }
}
