//! Variables that give the label away, and stays whose shape does.

use super::ingest::{RawEvent, time_to_minutes};
use pipeline_metrics as metrics;

/// Stays of the training split that are looked at: more would not change the verdict.
const STAYS: usize = 20_000;
/// An AUROC beyond which a variable knows more than medicine does.
const TOO_GOOD: f64 = 0.99;
/// The same of a stay's shape, of which medicine knows little.
const TOO_GOOD_FOR_A_SHAPE: f64 = 0.75;
/// What a stay looks like from afar.
const SHAPES: [&str; 3] = [
    "the number of sets",
    "the number of events",
    "the time from the begin of a stay to its last event",
];
/// Fewer stays of a class than these may be told apart by chance.
const FEWEST: usize = 10;

/// What the first stays of the training split have of every variable.
pub(super) struct Suspicions {
    labels: Vec<Option<bool>>,
    /// By variable: the number of the stay, and the mean of its values (1 without any).
    means: Vec<Vec<(u32, f32)>>,
    /// By stay: what [`SHAPES`] names.
    shapes: Vec<[f64; SHAPES.len()]>,
}

/// A variable from which alone the label can be told.
#[derive(Debug, PartialEq)]
pub(super) struct Leak {
    pub(super) variable: usize,
    pub(super) auroc: f64,
    /// Whether it is its presence that tells, not its values.
    pub(super) by_presence: bool,
}

/// What of a stay's shape alone tells the label.
#[derive(Debug, PartialEq)]
pub(super) struct ShapeLeak {
    pub(super) what: &'static str,
    pub(super) auroc: f64,
}

impl Suspicions {
    /// None yet, of this many variables.
    pub(super) fn none(variables: usize) -> Self {
        Self {
            labels: Vec::new(),
            means: vec![Vec::new(); variables],
            shapes: Vec::new(),
        }
    }

    /// Takes a stay of the training split.
    pub(super) fn take(&mut self, label: Option<u32>, events: &[RawEvent]) {
        if self.labels.len() == STAYS {
            return;
        }
        let stay = self.labels.len() as u32;
        self.labels.push(label.map(|label| label > 0));
        let last = events.last();
        self.shapes.push([
            last.map_or(0.0, |event| f64::from(event.set) + 1.0),
            events.len() as f64,
            last.map_or(0.0, |event| time_to_minutes(event.time)),
        ]);
        let mut values: Vec<(u32, f64)> = (events.iter())
            .map(|event| {
                (
                    event.variable,
                    if event.value.is_nan() {
                        1.0
                    } else {
                        event.value
                    },
                )
            })
            .collect();
        values.sort_by_key(|(variable, _)| *variable);
        for same in values.chunk_by(|a, b| a.0 == b.0) {
            let mean = same.iter().map(|(_, value)| value).sum::<f64>() / same.len() as f64;
            self.means[same[0].0 as usize].push((stay, mean as f32));
        }
    }

    /// Adds later stays.
    pub(super) fn merge(&mut self, later: Self) {
        let (before, room) = (self.labels.len() as u32, STAYS - self.labels.len());
        self.labels.extend(later.labels.iter().take(room));
        self.shapes.extend(later.shapes.iter().take(room));
        for (mine, theirs) in self.means.iter_mut().zip(later.means) {
            let fitting = theirs
                .into_iter()
                .filter(|(stay, _)| (*stay as usize) < room);
            mine.extend(fitting.map(|(stay, mean)| (before + stay, mean)));
        }
    }

    /// Every variable whose values, or whose presence alone, tell the label.
    pub(super) fn leaks(&self) -> Vec<Leak> {
        let variables = 0..self.means.len();
        variables
            .filter_map(|variable| self.leak(variable))
            .collect()
    }

    /// Everything of a stay's shape that tells the label.
    pub(super) fn shape_leaks(&self) -> Vec<ShapeLeak> {
        let labelled = || self.labels.iter().zip(&self.shapes);
        let labelled = || labelled().filter_map(|(label, shape)| Some(((*label)?, shape)));
        let labels: Vec<bool> = labelled().map(|(label, _)| label).collect();
        let leak = |(at, &what): (usize, &&'static str)| {
            let scores: Vec<f64> = labelled().map(|(_, shape)| shape[at]).collect();
            let auroc = telling(&labels, &scores).filter(|auroc| *auroc >= TOO_GOOD_FOR_A_SHAPE)?;
            Some(ShapeLeak { what, auroc })
        };
        SHAPES.iter().enumerate().filter_map(leak).collect()
    }

    fn leak(&self, variable: usize) -> Option<Leak> {
        let mut present = vec![0.0; self.labels.len()];
        let (mut labels, mut values) = (Vec::new(), Vec::new());
        for &(stay, mean) in &self.means[variable] {
            present[stay as usize] = 1.0;
            if let Some(label) = self.labels[stay as usize] {
                labels.push(label);
                values.push(f64::from(mean));
            }
        }
        let (all, present): (Vec<bool>, Vec<f64>) = (self.labels.iter().zip(present))
            .filter_map(|(label, present)| Some(((*label)?, present)))
            .unzip();
        let leak = |auroc: f64, by_presence| Leak {
            variable,
            auroc,
            by_presence,
        };
        let too_good = |labels: &[bool], scores: &[f64]| {
            telling(labels, scores).filter(|auroc| *auroc > TOO_GOOD)
        };
        let by_value = too_good(&labels, &values).map(|auroc| leak(auroc, false));
        by_value.or_else(|| too_good(&all, &present).map(|auroc| leak(auroc, true)))
    }
}

/// The AUROC, in the direction in which it is above one half; none of too few stays.
fn telling(labels: &[bool], scores: &[f64]) -> Option<f64> {
    let positives = labels.iter().filter(|label| **label).count();
    if positives < FEWEST || labels.len() - positives < FEWEST {
        return None;
    }
    let auroc = metrics::auroc(labels, scores).ok()??;
    Some(auroc.max(1.0 - auroc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_knows_the_label_is_found_by_its_values_or_its_presence() {
        let mut first = Suspicions::none(4);
        let mut second = Suspicions::none(4);
        for stay in 0..60u32 {
            let label = stay % 3 == 0;
            let event = |variable: u32, value: f64| RawEvent {
                time: 0,
                value,
                variable,
                set: 0,
            };
            let mut events = vec![
                event(0, f64::from(stay % 7)),
                event(1, if label { -2.0 } else { 1.0 }),
                event(1, if label { -2.0 } else { 3.0 }),
            ];
            if label {
                events.push(event(2, f64::NAN));
            }
            if stay < 5 {
                events.push(event(3, f64::from(label)));
            }
            let part = if stay < 20 { &mut first } else { &mut second };
            part.take(Some(u32::from(label)), &events);
        }
        first.merge(second);
        let found: Vec<(usize, bool)> = (first.leaks().iter())
            .map(|leak| (leak.variable, leak.by_presence))
            .collect();
        assert_eq!(found, [(1, false), (2, true)], "five stays prove nothing");
    }

    #[test]
    fn a_shape_that_knows_the_label_is_found_from_three_quarters_on() {
        let shaped = |sets: &dyn Fn(u32, bool) -> u32| {
            let mut found = Suspicions::none(1);
            for stay in 0..60u32 {
                let label = stay % 3 == 0;
                let events: Vec<RawEvent> = (0..sets(stay, label))
                    .map(|set| RawEvent {
                        time: i64::from(stay % 7) * i64::from(set),
                        value: 1.0,
                        variable: 0,
                        set,
                    })
                    .collect();
                found.take(Some(u32::from(label)), &events);
            }
            found
        };
        let shorter = shaped(&|stay, label| if label { 2 + stay % 5 } else { 5 + stay % 5 });
        let found = shorter.shape_leaks();
        let whats: Vec<&str> = found.iter().map(|leak| leak.what).collect();
        assert_eq!(whats, &SHAPES[..2], "{found:?}");
        assert!((0.75..0.99).contains(&found[0].auroc), "{found:?}");
        assert!(shorter.leaks().is_empty());
        assert_eq!(shaped(&|stay, _| 2 + stay % 5).shape_leaks(), []);
    }
}
