use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicUsize;

use super::*;

fn locks() -> Locks {
    Locks::of(Path::new("/")).unwrap()
}

fn elsewhere(name: &str) -> Owner {
    Owner {
        attempt: name.into(),
        boot: "another".into(),
        host: "another".into(),
        ..Owner::new(Some("run".into()))
    }
}

/// Leaves a lease of another machine that was last heard of so long ago.
fn left(place: &Folder, name: &str, ago: Duration) {
    let taken = take(place, &elsewhere(name), &locks(), false).unwrap();
    let Attempt::Taken(lease, _) = taken else {
        panic!("{taken:?}");
    };
    std::mem::forget(lease);
    let file = place.open(NAME).unwrap();
    let then = SystemTime::now() - ago;
    file.set_times(FileTimes::new().set_modified(then)).unwrap();
}

fn taken(place: &Folder, name: &str) -> bool {
    let attempt = take(place, &elsewhere(name), &locks(), false).unwrap();
    matches!(attempt, Attempt::Taken(..))
}

#[test]
fn a_lease_is_taken_when_it_is_given_back_or_stale_and_not_before() {
    let around = tempfile::tempdir().unwrap();
    let place = Folder::root(around.path()).unwrap();
    let first = take(&place, &elsewhere("one"), &locks(), false).unwrap();
    assert!(!taken(&place, "two"));
    drop(first);
    assert!(taken(&place, "two"), "it was given back");
    left(&place, "three", Duration::from_secs(590));
    assert!(!taken(&place, "four"), "it is ten seconds from stale");
    let file = place.open(NAME).unwrap();
    let then = SystemTime::now() - Duration::from_secs(610);
    file.set_times(FileTimes::new().set_modified(then)).unwrap();
    assert!(taken(&place, "four"));
    let names: Vec<_> = fs::read_dir(around.path()).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
}

#[test]
fn a_process_that_is_known_to_have_ended_is_not_waited_for() {
    let around = tempfile::tempdir().unwrap();
    let place = Folder::root(around.path()).unwrap();
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let dead = Owner {
        pid: child.id(),
        started: Some(1),
        ..Owner::new(None)
    };
    let Attempt::Taken(lease, _) = take(&place, &dead, &locks(), false).unwrap() else {
        panic!("nobody has it");
    };
    let living = Owner::new(None);
    let Attempt::Taken(_, before) = take(&place, &living, &locks(), false).unwrap() else {
        panic!("its owner is dead");
    };
    assert_eq!(before.as_ref(), Some(&dead.attempt));
    drop(lease);
}

#[test]
fn of_many_that_take_over_a_stale_lease_one_wins() {
    let around = tempfile::tempdir().unwrap();
    let place = Folder::root(around.path()).unwrap();
    for round in 0..20 {
        left(&place, &format!("stale-{round}"), Duration::from_secs(1000));
        let won = AtomicUsize::new(0);
        let locks = locks();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (won, place, locks) = (&won, &place, &locks);
                scope.spawn(move || {
                    let owner = elsewhere(&format!("taker-{round}-{thread}"));
                    for _ in 0..5 {
                        if let Attempt::Taken(lease, _) = take(place, &owner, locks, false).unwrap()
                        {
                            won.fetch_add(1, Ordering::Relaxed);
                            std::mem::forget(lease);
                            return;
                        }
                    }
                });
            }
        });
        assert_eq!(won.into_inner(), 1, "round {round}");
        place.clear(|_, _| true).unwrap();
    }
}
