//! Trainings that go on, after an interruption or where a shorter one ended.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::schedule::Schedule;

/// Settings whose state is all that a snapshot can hold: moments, dropout, patience, a plateau.
fn stateful(epochs: usize) -> HeadSettings {
    HeadSettings {
        epochs,
        dropout: [0.2, 0.2, 0.1],
        early_stopping: Some(EarlyStopping {
            patience: 50,
            min_delta: 0.0,
            metric: None,
            mode: None,
        }),
        ..options(LoopOptions {
            schedule: Schedule::Plateau {
                warmup_steps: 0,
                factor: 0.5,
                patience: 1,
                threshold: 1e-4,
                min_lr: 0.0,
            },
            ..LoopOptions::default()
        })
    }
}

fn assert_alike(one: &TrainedHead, other: &TrainedHead) {
    assert_eq!(one.history, other.history);
    assert_eq!((one.best_epoch, one.best), (other.best_epoch, other.best));
    assert_eq!(one.parameters, other.parameters);
}

#[test]
fn a_longer_training_goes_on_where_a_shorter_one_ended_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let replay = ReplayFolder::new(folder.path().join("replay"));
    let rows = rows(TRAIN, 1);
    let whole = train_on(&stateful(9), &rows).unwrap();
    let lineage = || {
        let own = folder.path().join("own");
        ResumeFile::new(own, Duration::MAX).with_lineage(Some(folder.path().join("all")))
    };
    let continued = |epochs: usize| {
        let settings = stateful(epochs);
        let epochs = Counting::default();
        let trained = train_from(&lineage(), &epochs, &replay, &settings, &rows).unwrap();
        (trained, epochs.epochs())
    };
    assert_eq!(continued(2).1, 2);
    assert_eq!(continued(5).1, 3);
    let (trained, epochs) = continued(9);
    assert_eq!(epochs, 4);
    assert_alike(&trained, &whole);
    // A shorter one cannot begin with what a longer one left.
    let (shorter, epochs) = continued(3);
    assert_eq!(epochs, 3);
    assert_alike(&shorter, &train_on(&stateful(3), &rows).unwrap());
}

#[test]
fn an_interrupted_training_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let replay = ReplayFolder::new(folder.path().join("replay"));
    let rows = rows(TRAIN, 1);
    let own = || ResumeFile::new(folder.path().join("own"), Duration::MAX);
    let stopping = Counting {
        last: Some(4),
        ..Counting::default()
    };
    let settings = stateful(9);
    let stopped = train_from(&own(), &stopping, &replay, &settings, &rows);
    assert!(matches!(stopped, Err(Error::Interrupted)));
    let rest = Counting::default();
    let trained = train_from(&own(), &rest, &replay, &settings, &rows).unwrap();
    assert_eq!((stopping.epochs(), rest.epochs()), (4, 5));
    assert_alike(&trained, &train_on(&settings, &rows).unwrap());
}

/// Counts epochs, and interrupts after the last.
#[derive(Default)]
struct Counting {
    epochs: AtomicUsize,
    last: Option<usize>,
}

impl Counting {
    fn epochs(&self) -> usize {
        self.epochs.load(Ordering::Relaxed)
    }
}

impl Watch for Counting {
    fn progress(&self, _: u64, _: u64, _: String) {
        self.epochs.fetch_add(1, Ordering::Relaxed);
    }
    fn note(&self, _: &str) {}
    fn is_interrupted(&self) -> bool {
        self.last.is_some_and(|last| self.epochs() >= last)
    }
}
