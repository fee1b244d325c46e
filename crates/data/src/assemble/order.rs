//! Puts the events of a stay in order and into sets.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::loss::Loss;
use crate::config::{DataConfig, Duplicates};
use crate::ingest::{MICROSECONDS_OF_A_MINUTE, RawEvent, time_to_minutes};
use pipeline_error::Error;

/// What a set is, what becomes of duplicates, and how much a stay may hold.
pub(super) struct Order {
    bucket: Option<i64>,
    duplicates: Duplicates,
    max_sets: Option<u32>,
    max_events: Option<u32>,
}

/// Why a stay cannot be put in order.
#[derive(Debug, PartialEq)]
pub(super) enum Problem {
    /// A set index with two times.
    TornSet { set: u32, times: [i64; 2] },
    /// The last set alone has more events than a stay may have.
    LargeSet { events: usize, limit: u32 },
}

impl Problem {
    /// The error of the stay of this title.
    pub(super) fn of(self, title: &str) -> Error {
        match self {
            Problem::TornSet { set, times } => {
                let [first, second] = times.map(time_to_minutes);
                Error::stage(format!(
                    "{title}: set_index {set} has events of minute {first} and of minute {second}"
                ))
                .with_hint("a set is measured at one time; without the column set_index a new set begins whenever the minute changes")
            }
            Problem::LargeSet { events, limit } => Error::stage(format!(
                "{title}: its last set has {events} events, and max_events is {limit}"
            ))
            .with_hint(
                "a stay is cut between sets only: raise max_events, or, where set_minutes is stated, make it smaller",
            ),
        }
    }
}

/// Minutes in microseconds, the unit of times.
pub(crate) fn bucket(minutes: f64) -> i64 {
    (minutes * MICROSECONDS_OF_A_MINUTE as f64).round() as i64
}

impl Order {
    pub(super) fn new(config: &DataConfig) -> Self {
        Self {
            bucket: config.set_minutes.map(bucket),
            duplicates: config.duplicates,
            max_sets: config.max_sets,
            max_events: config.max_events,
        }
    }

    pub(super) fn without_limits(self) -> Self {
        Self {
            max_sets: None,
            max_events: None,
            ..self
        }
    }

    /// Sorts by time, set and variable, numbers the sets from 0, resolves duplicates, and cuts
    /// off the oldest sets of a stay that has too many.
    ///
    /// A set is what the source's set index says, else the events of one time, or of one bucket
    /// of time, whose begin is then the time of all. Unless it is the source's order that
    /// decides between duplicates, that order changes nothing.
    pub(super) fn arrange(
        &self,
        events: &mut Vec<RawEvent>,
        has_set_index: bool,
        lost: &mut dyn FnMut(&RawEvent, Loss),
    ) -> Result<(), Problem> {
        self.sort(events);
        if let Some(bucket) = self.bucket {
            for event in events.iter_mut() {
                event.time = event.time.div_euclid(bucket) * bucket;
            }
        }
        if has_set_index {
            check_set_times(events)?;
        }
        number_sets(events);
        if self.duplicates != Duplicates::Keep {
            self.resolve_duplicates(events, lost);
        }
        self.cut(events, lost)
    }

    fn sort(&self, events: &mut [RawEvent]) {
        let bucket = self.bucket.unwrap_or(1);
        let place = |a: &RawEvent, b: &RawEvent| {
            (a.time.div_euclid(bucket).cmp(&b.time.div_euclid(bucket)))
                .then(a.set.cmp(&b.set))
                .then(a.variable.cmp(&b.variable))
        };
        match self.duplicates {
            Duplicates::Mean | Duplicates::Keep => {
                events.sort_unstable_by(|a, b| place(a, b).then_with(|| by_value(a, b)));
            }
            Duplicates::First | Duplicates::Last => {
                events.sort_by(|a, b| place(a, b).then(a.time.cmp(&b.time)));
            }
        }
    }

    /// Replaces runs of equal (set, variable) by one event.
    fn resolve_duplicates(
        &self,
        events: &mut Vec<RawEvent>,
        lost: &mut dyn FnMut(&RawEvent, Loss),
    ) {
        let mut written = 0;
        let mut next = 0;
        while next < events.len() {
            let event = events[next];
            let run = events[next..]
                .iter()
                .take_while(|other| (other.set, other.variable) == (event.set, event.variable))
                .count();
            let same = &events[next..next + run];
            // An event without a number stands for none that has one: of variables that have numbers it is left out later.
            let has_value = |event: &&RawEvent| !event.value.is_nan();
            let one = match self.duplicates {
                Duplicates::Last => *same.iter().rev().find(has_value).unwrap_or(&same[run - 1]),
                Duplicates::Mean if run > 1 => mean_of(same),
                _ => *same.iter().find(has_value).unwrap_or(&event),
            };
            for other in &same[1..] {
                lost(other, Loss::Merged);
            }
            events[written] = one;
            written += 1;
            next += run;
        }
        events.truncate(written);
    }

    /// Keeps the most recent sets.
    fn cut(
        &self,
        events: &mut Vec<RawEvent>,
        lost: &mut dyn FnMut(&RawEvent, Loss),
    ) -> Result<(), Problem> {
        let sets = events.last().map_or(0, |event| event.set + 1);
        let mut first_set = self.max_sets.map_or(0, |most| sets.saturating_sub(most));
        if let Some(most) = self.max_events
            && events.len() > most as usize
        {
            // The first event that may stay, if its whole set does.
            let place = events.len() - most as usize;
            let cut_inside = events[place - 1].set == events[place].set;
            first_set = first_set.max(events[place].set + u32::from(cut_inside));
            if first_set == sets {
                let last = events.iter().filter(|event| event.set + 1 == sets);
                return Err(Problem::LargeSet {
                    events: last.count(),
                    limit: most,
                });
            }
        }
        if first_set > 0 {
            let place = events.partition_point(|event| event.set < first_set);
            for event in events.drain(..place) {
                lost(&event, Loss::Truncated);
            }
            for event in events.iter_mut() {
                event.set -= first_set;
            }
        }
        Ok(())
    }
}

/// Numbers before "no value", so that a mean starts from a number.
fn by_value(a: &RawEvent, b: &RawEvent) -> Ordering {
    a.value
        .is_nan()
        .cmp(&b.value.is_nan())
        .then(a.value.total_cmp(&b.value))
}

fn check_set_times(events: &[RawEvent]) -> Result<(), Problem> {
    let mut times = BTreeMap::new();
    for event in events {
        let first = *times.entry(event.set).or_insert(event.time);
        if first != event.time {
            return Err(Problem::TornSet {
                set: event.set,
                times: [first, event.time],
            });
        }
    }
    Ok(())
}

fn number_sets(events: &mut [RawEvent]) {
    let mut previous = None;
    let mut number = 0;
    for event in events {
        let key = (event.time, event.set);
        if previous.is_some_and(|previous| previous != key) {
            number += 1;
        }
        previous = Some(key);
        event.set = number;
    }
}

/// The mean of those that have a value, as a difference from the first: the mean of equal values
/// is exactly that value.
fn mean_of(same: &[RawEvent]) -> RawEvent {
    let first = same[0];
    let valued = same.iter().take_while(|event| !event.value.is_nan());
    let (count, differences) = valued.fold((0, 0.0), |(count, sum), event| {
        (count + 1, sum + (event.value - first.value))
    });
    match count {
        0 => first,
        _ => RawEvent {
            value: first.value + differences / f64::from(count),
            ..first
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Order = Order {
        bucket: None,
        duplicates: Duplicates::Mean,
        max_sets: None,
        max_events: None,
    };

    fn events(rows: &[(i64, u32, u32, f64)]) -> Vec<RawEvent> {
        let event = |&(time, set, variable, value): &(i64, u32, u32, f64)| RawEvent {
            time: time * MICROSECONDS_OF_A_MINUTE,
            value,
            variable,
            set,
        };
        rows.iter().map(event).collect()
    }

    type Row = (u32, u32, f64);

    fn arranged(
        order: &Order,
        rows: &[(i64, u32, u32, f64)],
        index: bool,
    ) -> Result<(Vec<Row>, Vec<Loss>), Problem> {
        let mut events = events(rows);
        let mut losses = Vec::new();
        order.arrange(&mut events, index, &mut |_, loss| losses.push(loss))?;
        let row = |event: &RawEvent| (event.set, event.variable, event.value);
        Ok((events.iter().map(row).collect(), losses))
    }

    const UNSORTED: [(i64, u32, u32, f64); 5] = [
        (5, 0, 1, 20.0),
        (0, 0, 2, 1.0),
        (5, 0, 0, 3.0),
        (5, 0, 1, 10.0),
        (9, 0, 0, 4.0),
    ];

    #[test]
    fn events_are_sorted_grouped_and_duplicates_resolved_as_stated() {
        for (duplicates, value) in [
            (Duplicates::Mean, 15.0),
            (Duplicates::First, 20.0),
            (Duplicates::Last, 10.0),
        ] {
            let order = Order {
                duplicates,
                ..ORDER
            };
            let (rows, losses) = arranged(&order, &UNSORTED, false).unwrap();
            assert_eq!(rows, [(0, 2, 1.0), (1, 0, 3.0), (1, 1, value), (2, 0, 4.0)]);
            assert_eq!(losses, [Loss::Merged]);
        }
        let keep = Order {
            duplicates: Duplicates::Keep,
            ..ORDER
        };
        let (rows, losses) = arranged(&keep, &UNSORTED, false).unwrap();
        assert_eq!(rows.len(), 5);
        assert_eq!(rows[2..4], [(1, 1, 10.0), (1, 1, 20.0)]);
        assert!(losses.is_empty());
    }

    #[test]
    fn buckets_gather_times_and_the_order_in_time_decides_between_duplicates() {
        let order = Order {
            bucket: Some(5 * MICROSECONDS_OF_A_MINUTE),
            duplicates: Duplicates::Last,
            ..ORDER
        };
        let (rows, _) = arranged(
            &order,
            &[(9, 0, 1, 3.0), (5, 0, 1, 4.0), (4, 0, 1, 1.0)],
            false,
        )
        .unwrap();
        assert_eq!(rows, [(0, 1, 1.0), (1, 1, 3.0)]);
    }

    #[test]
    fn the_mean_of_equal_values_is_that_value_and_what_has_none_does_not_count() {
        let equal = [(5, 0, 1, 0.1); 6];
        assert_eq!(arranged(&ORDER, &equal, false).unwrap().0, [(0, 1, 0.1)]);
        let mixed = [(5, 0, 1, f64::NAN), (5, 0, 1, 2.0), (5, 0, 1, 4.0)];
        assert_eq!(arranged(&ORDER, &mixed, false).unwrap().0, [(0, 1, 3.0)]);
        for (duplicates, value) in [(Duplicates::First, 2.0), (Duplicates::Last, 4.0)] {
            let order = Order {
                duplicates,
                ..ORDER
            };
            let around = [mixed[0], mixed[1], mixed[2], mixed[0]];
            assert_eq!(arranged(&order, &around, false).unwrap().0, [(0, 1, value)]);
        }
    }

    #[test]
    fn a_set_index_decides_what_a_set_is_and_has_one_time() {
        let indexed = [(5, 8, 0, 1.0), (5, 4, 0, 2.0), (1, 9, 0, 3.0)];
        let (rows, _) = arranged(&ORDER, &indexed, true).unwrap();
        assert_eq!(rows, [(0, 0, 3.0), (1, 0, 2.0), (2, 0, 1.0)]);
        let torn = arranged(&ORDER, &[(5, 8, 0, 1.0), (6, 8, 0, 2.0)], true).unwrap_err();
        let text = torn.of("stay 7 (7.parquet)").to_string();
        assert!(
            text.contains("stay 7 (7.parquet): set_index 8 has events of minute 5 and of minute 6"),
            "{text}"
        );
    }

    #[test]
    fn too_long_a_stay_keeps_its_most_recent_whole_sets() {
        let rows = [
            (0, 0, 0, 1.0),
            (1, 0, 0, 2.0),
            (1, 0, 1, 3.0),
            (2, 0, 0, 4.0),
        ];
        let limited = |max_sets, max_events| {
            let order = Order {
                max_sets,
                max_events,
                ..ORDER
            };
            arranged(&order, &rows, false)
        };
        let (kept, losses) = limited(Some(1), None).unwrap();
        assert_eq!((kept, losses.len()), (vec![(0, 0, 4.0)], 3));
        assert_eq!(limited(None, Some(4)).unwrap().0.len(), 4);
        let (kept, _) = limited(None, Some(3)).unwrap();
        assert_eq!(kept, [(0, 0, 2.0), (0, 1, 3.0), (1, 0, 4.0)]);
        let (kept, _) = limited(None, Some(2)).unwrap();
        assert_eq!(kept, [(0, 0, 4.0)], "a set is never cut");
        let large = Order {
            bucket: Some(100 * MICROSECONDS_OF_A_MINUTE),
            duplicates: Duplicates::Keep,
            max_events: Some(3),
            ..ORDER
        };
        let problem = arranged(&large, &rows, false).unwrap_err();
        assert_eq!(
            problem,
            Problem::LargeSet {
                events: 4,
                limit: 3
            }
        );
    }
}
