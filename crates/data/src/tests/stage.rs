//! Settings, reproduction, and the way back from the tables.

use std::sync::atomic::AtomicBool;

use super::{Built, build, refusal, synthetic};
use crate::config::*;
use crate::dataset::{Dataset, Split};

#[test]
fn the_synthetic_cohort_is_the_same_every_time_with_any_number_of_threads() {
    let config = synthetic(700);
    let first = Built::of(&config, 1).unwrap();
    let second = Built::of(&config, 4).unwrap();
    assert_eq!(first.digests(), second.digests());
    assert_eq!(first.report, second.report);
    assert_eq!(first.digests(), Built::of(&config, 1).unwrap().digests());
    let positives = first.report.train.positives.unwrap() as f64 / first.report.train.stays as f64;
    assert!((0.2..0.3).contains(&positives), "prevalence {positives}");
}

#[test]
fn a_build_that_is_interrupted_stops_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let interrupted = AtomicBool::new(true);
    let outcome = build(&synthetic(50), 7, folder.path(), &interrupted, &mut |_| {});
    assert_eq!(outcome.unwrap_err().exit_code(), 130);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_loaded_dataset_is_consistent_and_tables_that_do_not_belong_together_are_refused() {
    let (few, many) = (
        Built::of(&synthetic(50), 1).unwrap(),
        Built::of(&synthetic(60), 1).unwrap(),
    );
    let data = few.load();
    assert_eq!(data.set_start.len(), data.set_minute.len() + 1);
    assert_eq!(data.stays.last().unwrap().sets.end, data.set_minute.len());
    assert_eq!(
        data.set_start.last().copied(),
        Some(data.event_value.len() as u32)
    );
    assert_eq!(
        few.report.metrics()["train.stays"],
        data.stays_of(Split::Train).len()
    );
    for stay in &data.stays {
        assert!(data.set_minute[stay.sets.clone()].is_sorted_by(|a, b| a < b));
    }
    let mixed = Dataset::load(
        &many.path("events"),
        &few.path("stays"),
        &few.path("variables"),
    );
    assert!(mixed.unwrap_err().to_string().contains("events.parquet: "));
    let mixed = Dataset::load(
        &few.path("events"),
        &many.path("stays"),
        &few.path("variables"),
    );
    assert!(mixed.unwrap_err().to_string().contains("stay S0000"));
    let wrong = Dataset::load(
        &few.path("stays"),
        &few.path("stays"),
        &few.path("variables"),
    );
    assert!(wrong.unwrap_err().to_string().contains("no column `set`"));
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refusal_of = |change: fn(&mut DataConfig)| {
        let mut config = synthetic(30);
        change(&mut config);
        refusal(&config)
    };
    assert!(refusal_of(|c| c.hours = Some(-1.0)).contains("hours = -1"));
    assert!(
        refusal_of(|c| (c.hours, c.gap_hours) = (Some(9.0), Some(1.0)))
            .contains("no stay has a time of prediction")
    );
    assert!(refusal_of(|c| c.clip = Some(0.0)).contains("clip = 0"));
    assert!(
        refusal_of(|c| c.embeddings = Some(Embeddings::Orthonormal(3))).contains("12 variables")
    );
    assert!(
        refusal_of(|c| c.split = SplitRule::Ratio([0.5, 0.0, 0.5]))
            .contains("validation split is empty")
    );
}
