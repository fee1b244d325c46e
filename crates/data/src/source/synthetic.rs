//! An ICU-like cohort from a seed.
//!
//! A hidden severity starts at s₀, drifts by d over the stay and wanders a little (an AR(1)
//! process). Every variable sees it through a loading of its own, under an offset of the patient
//! and noise; vital signs are charted at many of the irregular times, laboratory values come in
//! panels, and some variables are never measured in a stay. The sicker a patient, the more often
//! the chart is filled in, as on a ward. The class is 1 where s₀ + d plus noise exceeds a threshold
//! that a quarter of the stays exceed. So the answer is in the trajectories, values and times,
//! seen best at their end, and never wholly.
//!
//! Stay i draws from its own address of the stream, so stays do not depend on each other.

use std::sync::atomic::AtomicBool;

use super::EventSource;
use super::stay_table::StayTable;
use crate::go_on;
use crate::ingest::{Ingested, MICROSECONDS_OF_A_MINUTE, PartWriter, RawEvent};
use crate::stay_id::StayId;
use pipeline_error::Error;
use pipeline_random::{Draws, Stream};

/// How a variable is charted and what of the severity it shows.
struct Signal {
    name: &'static str,
    mean: f64,
    spread: f64,
    /// Standard deviations of the value per unit of severity.
    loading: f64,
    /// Share of the times (vital signs) or panels (laboratory) at which it is measured.
    rate: f64,
    /// Share of the stays that never have it.
    absence: f64,
    range: (f64, f64),
    decimals: i32,
}

#[rustfmt::skip]
const VITALS: [Signal; 7] = [
    Signal { name: "HR",       mean:  86.0, spread: 16.0, loading:  0.50, rate: 0.75, absence: 0.00, range: (25.0, 220.0), decimals: 0 },
    Signal { name: "SysABP",   mean: 120.0, spread: 21.0, loading: -0.45, rate: 0.65, absence: 0.05, range: (40.0, 250.0), decimals: 0 },
    Signal { name: "RespRate", mean:  19.0, spread:  5.0, loading:  0.45, rate: 0.50, absence: 0.10, range: (4.0, 60.0),   decimals: 0 },
    Signal { name: "SpO2",     mean:  96.0, spread:  2.2, loading: -0.40, rate: 0.55, absence: 0.10, range: (60.0, 100.0), decimals: 0 },
    Signal { name: "Temp",     mean:  37.0, spread:  0.7, loading:  0.20, rate: 0.25, absence: 0.05, range: (32.0, 42.0),  decimals: 1 },
    Signal { name: "GCS",      mean:  11.5, spread:  3.0, loading: -0.55, rate: 0.25, absence: 0.10, range: (3.0, 15.0),   decimals: 0 },
    Signal { name: "Urine",    mean: 120.0, spread: 70.0, loading: -0.40, rate: 0.35, absence: 0.10, range: (0.0, 900.0),  decimals: 0 },
];

#[rustfmt::skip]
const PANEL: [Signal; 4] = [
    Signal { name: "Creatinine", mean:   1.5, spread:  0.7, loading: 0.55, rate: 0.80, absence: 0.05, range: (0.2, 12.0),   decimals: 1 },
    Signal { name: "Lactate",    mean:   2.4, spread:  1.1, loading: 0.65, rate: 0.60, absence: 0.35, range: (0.3, 20.0),   decimals: 1 },
    Signal { name: "WBC",        mean:  12.0, spread:  4.5, loading: 0.30, rate: 0.80, absence: 0.05, range: (0.1, 80.0),   decimals: 1 },
    Signal { name: "Glucose",    mean: 140.0, spread: 38.0, loading: 0.25, rate: 0.70, absence: 0.15, range: (30.0, 600.0), decimals: 0 },
];

#[rustfmt::skip]
const AGE: Signal = Signal { name: "Age", mean: 62.0, spread: 15.0, loading: 0.30, rate: 1.0, absence: 0.0, range: (18.0, 90.0), decimals: 0 };

/// Factor of all loadings: how far severity stands out from patients' offsets and noise.
const CONTRAST: f64 = 1.25;
const SPREAD_AT_START: f64 = 0.8;
const SPREAD_OF_DRIFT: f64 = 0.8;
const SPREAD_OF_LABEL_NOISE: f64 = 0.5;
/// A unit of severity shortens the time to the next set by e to this power.
const URGENCY: f64 = 0.35;
/// Sets of a stay whose severity is 0 throughout.
const TYPICAL_SETS: f64 = 24.0;
const MOST_SETS: usize = 60;
/// The standard normal's upper quartile.
const UPPER_QUARTILE: f64 = 0.674_489_750_196_081_7;
const MOST_EVENTS_IN_SET: usize = 8;
const STAYS_IN_PART: usize = 256;

/// The generator.
pub(super) struct Synthetic {
    stays: usize,
    stream: Stream,
}

impl Synthetic {
    /// A cohort of this many stays.
    pub(super) fn new(stays: usize, seed: u64) -> Self {
        Self {
            stays,
            stream: Stream::new(seed, "synthetic"),
        }
    }

    fn draws(&self, stay: usize) -> Draws {
        self.stream.at(&[stay as u64])
    }
}

impl EventSource for Synthetic {
    fn parts(&self) -> usize {
        self.stays.div_ceil(STAYS_IN_PART)
    }

    fn read(
        &self,
        part: usize,
        rows: &mut PartWriter,
        interrupted: &AtomicBool,
    ) -> Result<(), Error> {
        go_on(interrupted)?;
        let first = part * STAYS_IN_PART;
        for stay in first..self.stays.min(first + STAYS_IN_PART) {
            let series = rows.series(StayId::Name(id_of(stay)));
            for event in events_of(self.draws(stay), rows) {
                rows.counts().rows += 1;
                rows.push(series, event)?;
            }
        }
        Ok(())
    }

    fn stays(&self, ingested: &Ingested) -> Result<StayTable, Error> {
        let mut stays = StayTable::one_for_each_series(ingested);
        // Ids of more than six digits do not sort by number.
        let mut numbers: Vec<usize> = (0..self.stays).collect();
        numbers.sort_by_cached_key(|&stay| id_of(stay));
        for (stay, number) in stays.rows.iter_mut().zip(numbers) {
            stay.label = Some(Severity::draw(&mut self.draws(number)).label);
        }
        Ok(stays)
    }
}

fn id_of(stay: usize) -> String {
    format!("S{:06}", stay + 1)
}

/// A signal in one stay.
struct Course {
    signal: &'static Signal,
    variable: u32,
    offset: f64,
    present: bool,
}

impl Course {
    fn new(signal: &'static Signal, draws: &mut Draws, rows: &mut PartWriter) -> Self {
        Self {
            signal,
            variable: rows.variable(signal.name),
            offset: 0.4 * draws.normal(),
            present: draws.uniform() >= signal.absence,
        }
    }

    fn measure(&self, minute: f64, severity: f64, draws: &mut Draws) -> RawEvent {
        let signal = self.signal;
        let deviation = CONTRAST * signal.loading * severity + self.offset + 0.45 * draws.normal();
        let scale = 10f64.powi(signal.decimals);
        let value = (signal.mean + signal.spread * deviation).clamp(signal.range.0, signal.range.1);
        RawEvent {
            time: minute as i64 * MICROSECONDS_OF_A_MINUTE,
            value: (value * scale).round() / scale,
            variable: self.variable,
            set: 0,
        }
    }
}

/// How ill a patient is, and what comes of it.
struct Severity {
    start: f64,
    drift: f64,
    label: u32,
}

impl Severity {
    /// Takes the first draws of a stay.
    fn draw(draws: &mut Draws) -> Self {
        let start = SPREAD_AT_START * draws.normal();
        let drift = SPREAD_OF_DRIFT * draws.normal();
        let outcome = start + drift + SPREAD_OF_LABEL_NOISE * draws.normal();
        let variance =
            SPREAD_AT_START.powi(2) + SPREAD_OF_DRIFT.powi(2) + SPREAD_OF_LABEL_NOISE.powi(2);
        Self {
            start,
            drift,
            label: u32::from(outcome > UPPER_QUARTILE * variance.sqrt()),
        }
    }
}

fn events_of(mut draws: Draws, rows: &mut PartWriter) -> Vec<RawEvent> {
    let draws = &mut draws;
    let Severity { start, drift, .. } = Severity::draw(draws);
    let age = Course::new(&AGE, draws, rows);
    let mut vitals = VITALS
        .each_ref()
        .map(|signal| Course::new(signal, draws, rows));
    let mut panel = PANEL
        .each_ref()
        .map(|signal| Course::new(signal, draws, rows));
    let hours = 24.0 + 23.0 * draws.uniform();
    let length = 60.0 * hours;
    let mut events = vec![age.measure(0.0, start, draws)];
    let (mut wander, mut minute) = (0.0, 0.0);
    for set in 0..MOST_SETS {
        if minute >= length {
            break;
        }
        wander = 0.8 * wander + 0.15 * draws.normal();
        let severity = start + drift * minute / length + wander;
        let first = events.len() - usize::from(set == 0);
        if set == 0 || draws.uniform() < 0.2 {
            chart(&mut panel, (minute, severity), first, draws, &mut events);
        }
        chart(&mut vitals, (minute, severity), first, draws, &mut events);
        if events.len() == first {
            let heart_rate = vitals.iter().find(|course| course.signal.name == "HR");
            events.extend(heart_rate.map(|course| course.measure(minute, severity, draws)));
        }
        let gap = length / TYPICAL_SETS * (0.4 + 1.2 * draws.uniform());
        minute += (gap * (-URGENCY * severity).exp()).round().max(1.0);
    }
    events
}

/// Measures some of `courses`, in random order, until the set that began at event `first` is full.
fn chart(
    courses: &mut [Course],
    (minute, severity): (f64, f64),
    first: usize,
    draws: &mut Draws,
    events: &mut Vec<RawEvent>,
) {
    draws.shuffle(courses);
    for course in courses.iter().filter(|course| course.present) {
        let wanted = draws.uniform() < course.signal.rate;
        if wanted && events.len() - first < MOST_EVENTS_IN_SET {
            events.push(course.measure(minute, severity, draws));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    struct Cohort {
        variables: Vec<String>,
        ids: Vec<StayId>,
        labels: Vec<u32>,
        events: Vec<Vec<RawEvent>>,
    }

    impl Cohort {
        fn generate(stays: usize, seed: u64) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let source = Synthetic::new(stays, seed);
            let going = AtomicBool::new(false);
            let none = BTreeSet::new();
            let ingested = Ingested::read(&source, folder.path(), 1 << 20, &none, &going).unwrap();
            let table = source.stays(&ingested).unwrap().rows;
            let load = |series| {
                let (mut bytes, mut events) = (Vec::new(), Vec::new());
                ingested.load(series, &mut bytes, &mut events).unwrap();
                events
            };
            Self {
                ids: table.iter().map(|stay| stay.id.clone()).collect(),
                labels: table.iter().map(|stay| stay.label.unwrap()).collect(),
                events: ingested.series.iter().map(load).collect(),
                variables: ingested.variables,
            }
        }
    }

    #[test]
    fn stays_look_like_short_icu_stays() {
        let cohort = Cohort::generate(300, 5);
        assert_eq!(cohort.variables.len(), 12);
        assert_eq!(cohort.ids[0].to_string(), "S000001");
        for events in &cohort.events {
            let sets = events.chunk_by(|a, b| a.time == b.time);
            let sizes: Vec<usize> = sets.map(<[RawEvent]>::len).collect();
            assert!(
                (4..=MOST_SETS).contains(&sizes.len()),
                "{} sets",
                sizes.len()
            );
            assert!(sizes.iter().all(|size| (1..=8).contains(size)), "{sizes:?}");
        }
    }

    #[test]
    fn a_stay_does_not_depend_on_how_many_there_are() {
        let (few, many) = (Cohort::generate(3, 5), Cohort::generate(600, 5));
        assert_eq!(few.events[2], many.events[2]);
        assert_eq!(few.labels[..3], many.labels[..3]);
        assert_ne!(few.events[2], Cohort::generate(3, 6).events[2]);
    }

    #[test]
    fn the_label_can_be_learned_but_not_read_off() {
        let cohort = Cohort::generate(4000, 1);
        let positives = cohort.labels.iter().filter(|label| **label == 1).count();
        assert!((800..1200).contains(&positives), "{positives} of 4000");
        let creatinine = auroc(
            &cohort,
            |name| if name == "Creatinine" { 1.0 / 0.7 } else { 0.0 },
        );
        assert!(
            (0.65..0.85).contains(&creatinine),
            "last creatinine {creatinine}"
        );
        let signals: Vec<&Signal> = VITALS.iter().chain(&PANEL).collect();
        let by_hand = auroc(&cohort, |name| {
            let signal = signals.iter().find(|signal| signal.name == name);
            signal.map_or(0.0, |signal| signal.loading / signal.spread)
        });
        assert!((0.80..0.92).contains(&by_hand), "all last values {by_hand}");
    }

    /// AUROC of Σ weight · last value's deviation from its mean, over stays that have any.
    fn auroc(cohort: &Cohort, weight: impl Fn(&str) -> f64) -> f64 {
        let weights: Vec<f64> = cohort.variables.iter().map(|name| weight(name)).collect();
        let mean_of = |name: &str| {
            let signal = VITALS
                .iter()
                .chain(&PANEL)
                .find(|signal| signal.name == name);
            signal.map_or(AGE.mean, |signal| signal.mean)
        };
        let means: Vec<f64> = cohort.variables.iter().map(|name| mean_of(name)).collect();
        let mut scores: Vec<(f64, bool)> = Vec::new();
        for (events, label) in cohort.events.iter().zip(&cohort.labels) {
            let mut last = vec![None; weights.len()];
            for event in events
                .iter()
                .filter(|e| weights[e.variable as usize] != 0.0)
            {
                let variable = event.variable as usize;
                last[variable] = Some(weights[variable] * (event.value - means[variable]));
            }
            if last.iter().any(Option::is_some) {
                scores.push((last.iter().flatten().sum(), *label == 1));
            }
        }
        scores.sort_by(|a, b| a.0.total_cmp(&b.0));
        let positives = scores.iter().filter(|(_, positive)| *positive).count() as f64;
        let ranks: f64 = (scores.chunk_by(|a, b| a.0 == b.0))
            .scan(0.0, |before, ties| {
                let rank = *before + (ties.len() as f64 + 1.0) / 2.0;
                *before += ties.len() as f64;
                Some(rank * ties.iter().filter(|(_, positive)| *positive).count() as f64)
            })
            .sum();
        let negatives = scores.len() as f64 - positives;
        (ranks - positives * (positives + 1.0) / 2.0) / (positives * negatives)
    }
}
